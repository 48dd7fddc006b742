import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { newIdentity } from "../../protocol/seal.ts"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { openJournal } from "../journal/journal.ts"
import { openSessions } from "../web/session/store.ts"
import { backupsIn, keepNewest, makeBackup, unpackBackup } from "./backup.ts"

const roof = testMeter("roof")

t.test("a back-up is of one moment, whatever is stored while it is made", async (t) => {
  const directory = t.testdir({ "gateway.yaml": "name: Sunny Lane\n" })
  const dataDir = join(directory, "data")
  const journal = openJournal(dataDir, [roof])
  const intake = createIntake([roof], journal, rules, testClock(start + 1_000_000))
  let sequence = 0
  const submit = () => intake.submit({ source: "test", bytes: roof.says(sequence++) })
  await Promise.all(Array.from({ length: 4000 }, submit))
  const sessions = openSessions(dataDir, () => start)
  const home = `0x${"11".repeat(20)}` as const
  sessions.start(home, "a phone")
  const key = { kty: "EC", alg: "ES256" }
  const passkey = { id: "one", rp: "house.example", key, counter: 0, device: "a phone", created: start }
  sessions.addPasskey({ ...passkey, household: home })
  const before = sequence
  let going = true
  const storing = (async () => {
    while (going) await submit()
  })()
  const { identity, recipient } = await newIdentity()
  const { file } = await makeBackup({
    configFile: join(directory, "gateway.yaml"),
    site: 1,
    dataDir,
    directory: join(directory, "stick"),
    recipients: [recipient],
    now: start,
  })
  going = false
  await storing
  journal.close()
  t.ok(sequence > before, `${sequence - before} readings came while it was made`)
  const to = join(directory, "restored")
  const manifest = await unpackBackup(file, [identity], to)
  const copy = openJournal(join(to, "data"), [roof])
  const sequences = copy.readings.after(roof.key.meterId, 0n).map((reading) => reading.sequence)
  t.ok(sequences.length >= before && sequences.length <= sequence)
  t.ok(
    sequences.every((one, i) => one === i),
    "without a gap",
  )
  t.equal(copy.readings.state(roof.key.meterId).sequence, sequences.length - 1)
  t.equal(copy.readings.counts().accepted, sequences.length)
  t.equal(manifest.made, start)
  copy.close()
  sessions.close()
  const devices = openSessions(join(to, "data"), () => start)
  t.equal(devices.passkeys(home).length, 1, "households come in by their passkeys")
  t.same(devices.list(home), [], "and no device is in that may have been logged out since")
  devices.close()
})

t.test("of the back-ups of a site the newest are kept, and nothing else in the directory is touched", (t) => {
  const directory = join(t.testdir(), "stick")
  mkdirSync(directory)
  const names = [1, 2, 3].map((day) => `commonwatt-site-1-2026060${day}T000000Z.tar.gz.age`)
  const others = ["commonwatt-site-12-20260601T000000Z.tar.gz.age", "holiday.jpg"]
  for (const name of [...names, ...others]) writeFileSync(join(directory, name), "")
  t.same(
    backupsIn(directory, 1),
    [2, 1, 0].map((i) => join(directory, names[i]!)),
    "the newest first",
  )
  keepNewest(directory, 1, 2)
  t.same(readdirSync(directory).sort(), [...names.slice(1), ...others].sort())
  t.same(backupsIn(join(directory, "none"), 1), [])
  t.end()
})
