import { chmodSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { modesIn } from "./shared-folder.ts"

t.test(
  "a secret is its owner's alone, and its group's only in a folder that was made for that",
  async (t) => {
    const folder = t.testdir({ identity: {} })
    t.same(modesIn(folder), { secret: 0o600, open: 0o644, folder: 0o700 })
    chmodSync(folder, 0o2750)
    const shared = { secret: 0o640, open: 0o640, folder: 0o2750 }
    t.same(modesIn(folder), shared)
    t.same(modesIn(join(folder, "to", "come")), shared, "one that is to be made there")
    t.same(modesIn(join(folder, "identity")).secret, 0o600, "one that is there decides for itself")
  },
)
