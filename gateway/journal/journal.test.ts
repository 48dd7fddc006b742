import { spawn } from "node:child_process"
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import Database from "better-sqlite3"
import t from "tap"
import { PersonError } from "../../protocol/error.ts"
import { decodeReading, readingDigest } from "../../protocol/reading.ts"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake, type Outcome } from "../intake.ts"
import { openDatabase } from "./database.ts"
import { journalIn, openJournal } from "./journal.ts"
import { migrations } from "./schema.ts"

const roof = testMeter("roof")
const grid = testMeter("grid")

t.test("a commit is on the disk when it returns: write-ahead log, and each commit synced", async (t) => {
  const db = openDatabase(t.testdir())
  t.equal(db.pragma("journal_mode", { simple: true }), "wal")
  t.equal(Number(db.pragma("synchronous", { simple: true })), 2, "FULL")
  t.equal(Number(db.pragma("foreign_keys", { simple: true })), 1)
  t.equal(Number(db.pragma("user_version", { simple: true })), migrations.length)
  db.close()
})

t.test("nobody else on the machine may read a journal, whoever made its directory", async (t) => {
  const directory = t.testdir()
  chmodSync(directory, 0o755)
  const journal = openJournal(directory, [roof])
  for (const name of ["journal.sqlite", "journal.sqlite-wal"])
    t.equal(statSync(join(directory, name)).mode & 0o077, 0, name)
  journal.close()
  const made = join(t.testdirName, "made")
  openJournal(made, [roof]).close()
  t.equal(statSync(made).mode & 0o077, 0, "the directory")
})

t.test("a journal of a newer version is refused in words, and left as it is", async (t) => {
  const directory = t.testdir()
  openJournal(directory, [roof]).close()
  const file = join(directory, "journal.sqlite")
  const db = new Database(file)
  db.pragma(`user_version = ${migrations.length + 1}`)
  db.close()
  const before = readFileSync(file)
  t.throws(() => openJournal(directory, [roof]), {
    name: "PersonError",
    message: "The journal was written by a newer version of Commonwatt.",
  })
  t.same(readFileSync(file), before)
})

t.test("a batch that an older version had proposed is on its way still", async (t) => {
  const directory = t.testdir()
  const old = new Database(join(directory, "journal.sqlite"))
  for (const sql of migrations.slice(0, 3)) old.exec(sql)
  old.pragma("user_version = 3")
  old.exec(`INSERT INTO batches (number, time, state, root, evidence)
    VALUES (1, ${start}, 'proposed', '0x01', 'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')`)
  old.exec(`INSERT INTO transactions (hash, number, kind, raw, sent, gas_used)
    VALUES ('0x01', 1, 'propose', '0x', 1, 118423), ('0x02', 1, 'settle', '0x', 2, NULL)`)
  old.exec("INSERT INTO blocks SELECT number, 0, evidence, x'a0' FROM batches")
  old.close()
  const journal = openJournal(directory, [roof])
  const { evidence } = journal.batches.get(1n)!
  t.match(journal.batches.get(1n), { state: "mined", time: start })
  t.same(
    Array.from(journal.batches.blocksOf(evidence)!, ({ bytes }) => bytes[0]),
    [0xa0],
    "with its evidence",
  )
  t.match(journal.batches.transactions(1n), [{ outcome: "mined", gasUsed: 118_423n }, { outcome: undefined }])
  t.match(journal.batches.openTransactions(), [{ hash: "0x02" }])
  journal.close()
})

t.test("a file that is no journal is refused in words", async (t) => {
  const directory = t.testdir({
    "journal.sqlite": "this is no database, and long enough to be looked at as one".repeat(20),
  })
  const refused = (where: string) => {
    try {
      openJournal(where, [roof])
    } catch (error) {
      return error as PersonError
    }
    throw new Error("It was opened.")
  }
  const error = refused(directory)
  t.type(error, PersonError)
  t.match(error.message, /^The journal .*journal\.sqlite cannot be opened\.$/)
  t.match(error.context, [/not a database/])
  t.type(error.next, "string")
  writeFileSync(join(directory, "file"), "")
  t.type(refused(join(directory, "file")), PersonError, "its directory is a file")
})

t.test("an authentic reading is kept verbatim and found again in every way it is looked for", async (t) => {
  const journal = openJournal(t.testdir(), [roof, grid])
  const intake = createIntake([roof, grid], journal, rules, testClock(start + 1000))
  const said = [
    roof.says(1),
    grid.says(1, { importedWh: 7n, powerW: -300 }),
    roof.says(2, { generatedWh: 40n }),
    roof.says(3),
  ]
  for (const bytes of said) await intake.submit({ source: "test", bytes })
  const all = journal.readings.after(roof.key.meterId, 0n)
  t.same(
    all.map(({ bytes }) => bytes),
    [said[0], said[2], said[3]],
  )
  t.match(all, [
    {
      sequence: 1,
      time: start + 60,
      received: start + 1000,
      registers: { generatedWh: 50n },
      reason: undefined,
    },
    { sequence: 2, reason: "register-fell", detail: /fell from 50 to 40 Wh/ },
    { sequence: 3, registers: { generatedWh: 150n }, reason: undefined },
  ])
  t.match(journal.readings.after(grid.key.meterId, 0n), [{ registers: { importedWh: 7n }, powerW: -300 }])
  t.same(
    journal.readings.after(roof.key.meterId, all[1]!.id).map(({ sequence }) => sequence),
    [3],
  )
  t.same(journal.readings.earlier(roof.key.meterId, { keyIndex: 0, sequence: 2 }), Buffer.from(said[2]!))
  t.equal(journal.readings.earlier(roof.key.meterId, { keyIndex: 0, sequence: 4 }), undefined)
  t.equal(journal.readings.lastCounted(roof.key.meterId)?.sequence, 3)
  t.equal(journal.readings.lastCounted(roof.key.meterId, all[1]!.id)?.sequence, 1)
  t.equal(journal.readings.lastCounted(roof.key.meterId, 0n), undefined)
  t.same(
    journal.readings.countedFrom(roof.key.meterId, start + 61).map(({ sequence }) => sequence),
    [1, 3],
  )
  t.same(
    journal.readings.countedFrom(roof.key.meterId, start + 200).map(({ sequence }) => sequence),
    [3],
  )
  t.same(
    journal.readings.countedFrom(roof.key.meterId, start).map(({ sequence }) => sequence),
    [1, 3],
  )
  t.same(
    journal.readings.doubtful(5).map(({ sequence }) => sequence),
    [2],
  )
  t.same(journal.readings.counts(), { accepted: 3, doubtful: new Map([["register-fell", 1]]) })
  t.throws(() => journal.readings.after(testMeter("nobody").key.meterId, 0n), /The journal has no meter/)
  journal.close()
})

t.test("the largest values that a reading can hold are stored exactly", async (t) => {
  const directory = t.testdir()
  const journal = openJournal(directory, [roof])
  const intake = createIntake([roof], journal, rules, testClock(start))
  const most = { generatedWh: 2n ** 63n - 1n, powerW: -0x7fffffff, time: Number.MAX_SAFE_INTEGER }
  const outcome = await intake.submit({ source: "test", bytes: roof.says(Number.MAX_SAFE_INTEGER, most) })
  t.match(outcome, { kind: "authentic", verdict: { reason: "clock-ahead" } })
  t.match(journal.readings.after(roof.key.meterId, 0n), [
    {
      registers: { generatedWh: most.generatedWh },
      powerW: most.powerW,
      time: most.time,
      sequence: Number.MAX_SAFE_INTEGER,
    },
  ])
  t.equal(journal.readings.state(roof.key.meterId).sequence, Number.MAX_SAFE_INTEGER)
  journal.close()
})

t.test("a restart changes no verdict: what the rules remember is in the journal", async (t) => {
  /** Sound readings, a dip, a jump that stays, one that goes away, rounding in the meter's favour, a doubtful clock. */
  const said = [
    roof.says(0, { time: start + 1, generatedWh: 2n }),
    roof.says(1, { time: start + 2, generatedWh: 4n }),
    roof.says(2, { time: start + 3, generatedWh: 6n }),
    roof.says(3, { time: start + 4, generatedWh: 7n }),
    roof.says(4, { time: start + 60, generatedWh: 50n }),
    roof.says(5, { time: start + 120, generatedWh: 0n }),
    roof.says(6, { time: start + 180, generatedWh: 90_000n }),
    roof.says(7, { time: start + 240, generatedWh: 90_001n }),
    roof.says(8, { time: start + 250, generatedWh: 80_000n }),
    roof.says(9, { time: start + 86_400, generatedWh: 85_000n }),
    roof.says(10, { time: start + 86_401, generatedWh: 60n }),
    roof.says(11, { clock: 0 }),
    roof.says(3, { generatedWh: 1n }),
    roof.says(10, { time: start + 86_401, generatedWh: 60n }),
    roof.says(12, { time: start + 86_460, generatedWh: 100n, importedWh: 1n }),
    roof.says(13, { time: start + 86_460, generatedWh: 100n }),
  ]
  const clock = testClock(start + 90_000)
  const told = (outcome: Outcome) =>
    outcome.kind === "authentic"
      ? outcome.verdict.accepted
        ? "accepted"
        : outcome.verdict.reason
      : outcome.kind
  const directory = t.testdir()
  const steady = openJournal(join(directory, "steady"), [roof])
  t.teardown(() => steady.close())
  const intake = createIntake([roof], steady, rules, clock)
  const without: string[] = []
  const states: unknown[] = []
  for (const bytes of said) {
    without.push(told(await intake.submit({ source: "test", bytes })))
    states.push(steady.readings.state(roof.key.meterId))
  }
  const withRestarts: string[] = []
  for (const [i, bytes] of said.entries()) {
    const journal = openJournal(directory, [roof])
    const outcome = await createIntake([roof], journal, rules, clock).submit({ source: "test", bytes })
    withRestarts.push(told(outcome))
    if (outcome.kind === "authentic") t.same(journal.readings.state(roof.key.meterId), outcome.state)
    t.same(journal.readings.state(roof.key.meterId), states[i])
    journal.close()
  }
  t.same(withRestarts, without)
  t.same(without, [
    "accepted",
    "accepted",
    "over-rated",
    "accepted",
    "accepted",
    "register-fell",
    "over-rated",
    "register-jumped",
    "over-rated",
    "register-jumped",
    "accepted",
    "clock-unsynchronised",
    "refused",
    "refused",
    "register-unexpected",
    "accepted",
  ])
})

t.test("a register that began anew is counted on, across restarts of the gateway too", async (t) => {
  const directory = t.testdir()
  const clock = testClock(start + 90_000)
  let journal = openJournal(directory, [roof])
  const says = async (sequence: number, generatedWh: bigint) => {
    journal.close()
    journal = openJournal(directory, [roof])
    const bytes = roof.says(sequence, { time: start + 900 * sequence, generatedWh })
    return createIntake([roof], journal, rules, clock).submit({ source: "test", bytes })
  }
  await says(1, 900n)
  await says(2, 1800n)
  for (let i = 3; i <= 14; i++) await says(i, 1800n + 100n * BigInt(i))
  for (let i = 15; i <= 18; i++)
    t.match(await says(i, 50n * BigInt(i - 14)), { verdict: { reason: "register-fell" } })
  t.match(await says(19, 250n), { verdict: { accepted: true, note: /^generatedWh: it began again at 0$/ } })
  const last = journal.readings.lastCounted(roof.key.meterId)
  t.equal(last?.registers.generatedWh, 3200n + 250n)
  t.match(last?.counters?.generatedWh, { offsetWh: 3200n, restarts: 1 })
  t.match(journal.readings.state(roof.key.meterId).anchor, { registers: { generatedWh: 3450n } })
  t.match(await says(20, 300n), { verdict: { accepted: true } })
  t.equal(journal.readings.after(roof.key.meterId, last!.id)[0]?.registers.generatedWh, 3500n)
  journal.close()
})

t.test("a quarantine is bounded, its counts are exact, and a proof of fraud is never dropped", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  const clock = testClock(start + 3600)
  const intake = createIntake([roof], journal, rules, clock)
  const submit = (bytes: Uint8Array) => intake.submit({ source: "test", bytes })
  const original = roof.says(1)
  await submit(original)
  const lie = roof.says(1, { generatedWh: 51n })
  await submit(lie)
  const rubbish = Buffer.alloc(2000, 0x2a)
  for (let i = 0; i < 2345; i += 50) {
    clock.set(start + 3600 + 60 * i)
    const some = Array.from({ length: Math.min(50, 2345 - i) }, (_, n) => i + n)
    await Promise.all(some.map((i) => submit(i % 3 ? Buffer.from(`no ${i}`) : rubbish)))
  }
  await Promise.all(Array.from({ length: 300 }, () => submit(lie)))
  await Promise.all(
    Array.from({ length: 1500 }, (_, i) => submit(roof.says(1, { generatedWh: BigInt(52 + i) }))),
  )

  t.same(
    journal.quarantine.counts(),
    new Map([
      ["equivocation", 1801],
      ["malformed", 1563],
      ["oversized", 782],
    ]),
  )
  const kept = journal.quarantine.newest(10_000)
  const of = (reason: string) => kept.filter((message) => message.reason === reason)
  t.ok(of("malformed").length <= 1100 && of("malformed").length >= 1000, "the newest of each reason")
  t.same(of("malformed")[0]!.bytes, Uint8Array.from(Buffer.from("no 2344")))
  t.equal(of("oversized").length, 782)
  t.ok(
    of("oversized").every(({ bytes, size }) => bytes.length === 512 && size === 2000),
    "of rubbish only the beginning",
  )
  t.equal(of("equivocation").length, 1501, "each proof is kept, once, however often it is sent")
  t.same(of("equivocation").at(-1)!.bytes, lie)
  t.same(
    journal.readings.earlier(roof.key.meterId, { keyIndex: 0, sequence: 1 }),
    Buffer.from(original),
    "and the reading that it contradicts",
  )
  journal.close()
})

t.test("a flood of rubbish is counted to the last message, and little of it is written", async (t) => {
  const directory = t.testdir()
  const journal = openJournal(directory, [roof])
  const clock = testClock(start + 3600)
  const intake = createIntake([roof], journal, rules, clock)
  const flood = (source: string, n: number) =>
    Promise.all(Array.from({ length: n }, () => intake.submit({ source, bytes: Uint8Array.of(1) })))
  const rows = () => journal.quarantine.newest(100_000).length
  await flood("mqtt 192.0.2.1", 500)
  t.equal(rows(), 60)
  await flood("mqtt 192.0.2.2", 10)
  t.equal(rows(), 70, "which is no reason not to write down another's")
  for (let i = 3; i < 40; i++) await flood(`mqtt 192.0.2.${i}`, 60)
  t.equal(rows(), 600, "however many they are")
  await intake.submit({ source: "mqtt 192.0.2.1", bytes: roof.says(1) })
  await intake.submit({ source: "mqtt 192.0.2.1", bytes: roof.says(1, { generatedWh: 51n }) })
  t.equal(journal.quarantine.newest(1)[0]!.reason, "equivocation", "a proof of fraud is kept in any case")
  clock.set(start + 3660)
  await flood("mqtt 192.0.2.1", 61)
  t.equal(rows(), 661)
  const counts = new Map([
    ["equivocation", 1],
    ["malformed", 500 + 10 + 37 * 60 + 61],
  ])
  t.same(journal.quarantine.counts(), counts)
  journal.close()
  const again = openJournal(directory, [roof])
  t.same(again.quarantine.counts(), counts)
  again.close()
})

t.test("a full disk: nothing is acknowledged, and the intake goes on when there is room again", async (t) => {
  const directory = t.testdir()
  const db = openDatabase(directory)
  const journal = journalIn(db, [roof, grid])
  const intake = createIntake([roof, grid], journal, rules, testClock(start + 10_000_000))
  const submit = (bytes: Uint8Array) => intake.submit({ source: "test", bytes })
  await submit(roof.says(1))

  const pages = Number(db.pragma("page_count", { simple: true }))
  db.pragma(`max_page_count = ${pages + 1}`)
  const acknowledged: number[] = [1]
  const rejected: number[] = []
  for (let round = 0; round < 10; round++)
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const sequence = 2 + 50 * round + i
        try {
          await submit(roof.says(sequence))
          acknowledged.push(sequence)
        } catch (error) {
          if ((error as { code?: string }).code !== "SQLITE_FULL") throw error
          rejected.push(sequence)
        }
      }),
    )
  const rubbish = await Promise.allSettled(Array.from({ length: 100 }, () => submit(Buffer.alloc(300))))
  const refused = rubbish.filter(({ status }) => status === "fulfilled").length
  t.ok(refused < 100, "what is refused needs room too")
  t.equal(journal.quarantine.counts().get("oversized") ?? 0, refused, "and is acknowledged when it is stored")
  t.ok(rejected.length > 100, `${rejected.length} were rejected`)
  const stored = () => journal.readings.after(roof.key.meterId, 0n).map(({ sequence }) => sequence)
  t.same(
    stored(),
    acknowledged.sort((a, b) => a - b),
    "what is stored is what was acknowledged",
  )

  db.pragma("max_page_count = 1000000")
  const last = acknowledged.at(-1)!
  // A register that fell since the last one that is stored, and not since the last one that was sent.
  const back = await submit(roof.says(9000, { generatedWh: BigInt(50 * last - 1), time: start + 60 * 9000 }))
  t.match(back, { kind: "authentic", verdict: { reason: "register-fell" } })
  for (const sequence of rejected.slice(0, 3))
    t.match(
      await submit(roof.says(sequence)),
      { kind: "authentic", verdict: { accepted: false, reason: "out-of-order" } },
      "each is new again",
    )
  t.match(await submit(roof.says(9001, { time: start + 60 * 9001 })), {
    kind: "authentic",
    verdict: { accepted: true },
  })
  t.match(await submit(grid.says(1, { importedWh: 5n })), { kind: "authentic", verdict: { accepted: true } })
  t.same(
    journal.readings.counts().accepted,
    journal.readings.after(roof.key.meterId, 0n).filter((r) => !r.reason).length + 1,
  )
  t.equal(db.pragma("integrity_check", { simple: true }), "ok")
  journal.close()
})

t.test(
  "acknowledged is stored: a process that is killed at any moment loses nothing it has acknowledged",
  async (t) => {
    const directory = t.testdir()
    const submitter = fileURLToPath(new URL("submit.test.support.js", import.meta.url))
    const rounds = 24
    let acknowledged = 0
    let first = 1
    for (let round = 0; round < rounds; round++) {
      // Killed after another number of acknowledgements each time, at whatever it is doing then.
      const enough = 1 + ((round * 37) % 150)
      const said = await killAfter(submitter, [directory, String(first)], enough)
      const journal = openJournal(directory, [roof])
      for (const sequence of said) {
        const bytes = journal.readings.earlier(roof.key.meterId, { keyIndex: 0, sequence })
        if (!bytes) t.fail(`round ${round}: ${sequence} was acknowledged and is not stored`)
        else if (decodeReading(Uint8Array.from(bytes)).reading.sequence !== sequence)
          t.fail(`${sequence} is another`)
      }
      acknowledged += said.length
      const { sequence } = journal.readings.state(roof.key.meterId)
      const last = journal.readings.after(roof.key.meterId, 0n).at(-1)!
      if (last.sequence !== sequence) t.fail("what the rules remember is not of the last reading")
      journal.close()
      first = sequence + 1
    }
    t.ok(acknowledged >= rounds, `${acknowledged} acknowledged readings over ${rounds} kills`)
    const db = new Database(join(directory, "journal.sqlite"))
    t.equal(db.pragma("integrity_check", { simple: true }), "ok")
    t.same(db.pragma("foreign_key_check"), [])
    db.close()
    const journal = openJournal(directory, [roof])
    const stored = journal.readings.after(roof.key.meterId, 0n)
    t.equal(
      new Set(stored.map(({ bytes }) => readingDigest(bytes))).size,
      stored.length,
      "none is stored twice",
    )
    t.equal(journal.readings.counts().accepted, stored.length)
    journal.close()
  },
)

/** Runs the program until it has said so many lines, kills it, and returns all whole lines that it said. */
function killAfter(program: string, args: readonly string[], lines: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let said = ""
    let wrong = ""
    child.stderr.on("data", (chunk) => {
      wrong += chunk
    })
    child.stdout.on("data", (chunk) => {
      said += chunk
      if (said.split("\n").length > lines) child.kill("SIGKILL")
    })
    child.on("error", reject)
    child.on("close", (_code, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`The process ended by itself: ${wrong}`))
      else resolve(said.slice(0, said.lastIndexOf("\n")).split("\n").map(Number))
    })
  })
}
