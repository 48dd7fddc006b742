import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t from "tap"
import { history, sourceOf } from "../../evidence/batches.test.support.ts"
import { openEvidenceStore } from "../../evidence/store.ts"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { openJournal } from "./journal.ts"
import { watched } from "./watched.ts"

const roof = testMeter("roof")

/** A disk of 3 MB; undefined where this user may not make one. */
function smallDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-disk-"))
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "commonwatt-test", directory])
  t.teardown(() => {
    if (status === 0) spawnSync("umount", [directory])
    rmSync(directory, { recursive: true })
  })
  return status === 0 ? directory : undefined
}

const disk = smallDisk()

t.test(
  "on a full disk nothing is acknowledged, a clear word is said, and it goes on when there is room",
  { skip: disk === undefined && "a small disk needs root (mount -t tmpfs)" },
  async (t) => {
    const filler = join(disk!, "filler")
    const damage: string[] = []
    const { journal, storage } = watched(openJournal(join(disk!, "data"), [roof]), (why) => damage.push(why))
    const store = openEvidenceStore(join(disk!, "data", "evidence"))
    const intake = createIntake([roof], journal, rules, testClock(start + 1_000_000))
    const submit = (sequence: number) =>
      intake.submit({ source: "test", bytes: roof.says(sequence) }).then(
        () => true,
        () => false,
      )
    t.ok(await submit(1))
    fill(filler)
    const acknowledged = [1]
    let sequence = 2
    // What is already set aside for the log takes a few more.
    for (; sequence < 5000; sequence++) {
      if (!(await submit(sequence))) break
      acknowledged.push(sequence)
    }
    t.match(storage.problem, /^the disk is full: readings are not acknowledged until there is room again$/)
    const [batch] = history(1, 1, { blocks: 10, blockBytes: 50_000 })
    await t.rejects(store.take(batch!.root, sourceOf([batch!])), { code: "ENOSPC" })
    t.notOk(existsSync(join(store.directory, `${batch!.root}.car`)), "half a batch is none")

    rmSync(filler)
    t.ok(await submit(sequence), "the same reading, sent again")
    t.equal(storage.problem, undefined)
    const stored = journal.readings.after(roof.key.meterId, 0n).map((reading) => reading.sequence)
    t.same(stored, [...acknowledged, sequence], "what is stored is what was acknowledged")
    await store.take(batch!.root, sourceOf([batch!]))
    t.same(store.folder.faults(batch!.root), [])
    t.same(damage, [], "a full disk is no damage")
    store.close()
    journal.close()
  },
)

function fill(file: string): void {
  for (let bytes = 1 << 20; bytes >= 1024; bytes >>= 1)
    for (;;)
      try {
        writeFileSync(file, Buffer.alloc(bytes), { flag: "a" })
      } catch {
        break
      }
}
