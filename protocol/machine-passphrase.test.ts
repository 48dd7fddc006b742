import { spawnSync } from "node:child_process"
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { keepMachinePassphrase, machinePassphrase } from "./machine-passphrase.ts"

const able = spawnSync("systemd-creds", ["encrypt", "--with-key=host", "-", "-"], { input: "x" }).status === 0
const skip = able ? false : "systemd-creds does not encrypt here, or not for this user"

t.test("a machine keeps one passphrase, which no other file or name opens", { skip }, async (t) => {
  const file = join(t.testdir(), "store", "commonwatt.passphrase")
  t.equal(machinePassphrase(file), undefined)
  keepMachinePassphrase("blue lamp on the roof", file)
  t.equal(machinePassphrase(file), "blue lamp on the roof")
  t.equal(statSync(file).mode & 0o777, 0o600)
  const kept = readFileSync(file)
  t.notOk(Buffer.from(kept.toString(), "base64").includes("blue lamp"))
  keepMachinePassphrase("blue lamp on the roof", file)
  t.same(readFileSync(file), kept, "the same once more changes nothing")
  t.throws(() => keepMachinePassphrase("another", file), { message: /keeps a passphrase already/ })
  t.same(readFileSync(file), kept)
  kept[40]! ^= 1
  writeFileSync(file, kept)
  t.throws(() => machinePassphrase(file), { name: "PersonError" })
})

t.test("a TPM that refuses does not keep a gateway from starting", async (t) => {
  const folder = t.testdir({
    "systemd-creds": `#!/bin/sh\ncase $2 in *=auto) echo "TPM is locked out" >&2; exit 1 ;; esac\n[ $1 = encrypt ] && echo "$2" >${t.testdirName}/key\ncat\n`,
  })
  chmodSync(join(folder, "systemd-creds"), 0o755)
  const path = process.env.PATH
  process.env.PATH = `${folder}:${path}`
  t.teardown(() => {
    process.env.PATH = path
  })
  keepMachinePassphrase("blue lamp", join(folder, "kept"))
  t.equal(readFileSync(join(folder, "key"), "utf8"), "--with-key=host\n")
})
