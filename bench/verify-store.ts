import { verify } from "node:crypto"
import { join } from "node:path"
import Database from "better-sqlite3"
import { mostPerCommit } from "../gateway/intake.ts"
import { decodeReading } from "../protocol/reading.ts"
import { sodiumVerify } from "../protocol/sodium.ts"
import { median, type Options, type Row } from "./row.ts"
import { inFolder, metersOf, openStore, readingsOf } from "./site.ts"

const perCommit = mostPerCommit

/**
 * Readings per second from bytes to a durable commit, at 1, 10 and 100 meters. In each round the same readings are
 * verified by libsodium and OpenSSL alone and their bytes inserted by SQLite alone, so that all see the machine alike.
 */
export async function verifyAndStore({ quick }: Options): Promise<Row[]> {
  const rows: Row[] = []
  for (const count of [1, 10, 100]) rows.push(...(await atMeters(count, quick)))
  return rows
}

async function atMeters(count: number, quick: boolean): Promise<Row[]> {
  const rounds = quick ? 3 : 7
  const each = quick ? 2_000 : 10_000
  const meters = metersOf(count)
  const rates = {
    ours: [] as number[],
    fastest: [] as number[],
    openssl: [] as number[],
    sqlite: [] as number[],
    cpu: [] as number[],
  }
  await inFolder(async (folder) => {
    const { journal, intake } = openStore(folder, meters)
    const plain = plainTable(folder)
    for (let round = 0; round <= rounds; round++) {
      const readings = readingsOf(meters, 1 + (round * each) / count, each)
      const signed = readings.map(decodeReading)
      const rate = async (work: () => void | Promise<void>) => {
        const from = performance.now()
        await work()
        return each / ((performance.now() - from) / 1000)
      }
      const cpuOf = async (work: () => void | Promise<void>) => {
        const before = process.cpuUsage()
        const perSecond = await rate(work)
        const { user, system } = process.cpuUsage(before)
        return { perSecond, cpu: (user + system) / each }
      }
      const ours = await cpuOf(async () => {
        for (let i = 0; i < each; i += perCommit) {
          const commit = readings
            .slice(i, i + perCommit)
            .map((bytes) => intake.submit({ source: "bench", bytes }))
          for (const outcome of await Promise.all(commit))
            if (outcome.kind !== "authentic" || !outcome.verdict.accepted)
              throw new Error("A reading did not count.")
        }
      })
      const sodium = sodiumVerify
        ? await cpuOf(() => {
            signed.forEach(({ signature, message }, i) => {
              if (!sodiumVerify!(signature, message, meters[i % count]!.key.publicKey))
                throw new Error("not verified")
            })
          })
        : undefined
      const openssl = await cpuOf(() => {
        signed.forEach(({ signature, message }, i) => {
          if (!verify(null, message, meters[i % count]!.key.keyObject, signature))
            throw new Error("not verified")
        })
      })
      const sqlite = await rate(() => plain.insert(readings))
      const fastest = sodium ?? openssl
      // The first round warms up.
      if (round === 0) continue
      rates.ours.push(ours.perSecond)
      rates.cpu.push(fastest.cpu / ours.cpu)
      rates.fastest.push(fastest.perSecond)
      rates.openssl.push(openssl.perSecond)
      rates.sqlite.push(sqlite)
    }
    plain.close()
    journal.close()
  })
  const at = `at ${count} ${count === 1 ? "meter" : "meters"}`
  const ours = median(rates.ours)
  const against = (what: string, values: readonly number[]) => ({ what, value: median(values) })
  const row: Pick<Row, "ours" | "unit" | "better"> = { ours, unit: "readings/s", better: "higher" }
  return [
    {
      ...row,
      what: `verify and store, ${at}`,
      against: against(
        `${sodiumVerify ? "libsodium" : "OpenSSL (libsodium is not installed)"} verifying alone`,
        rates.fastest,
      ),
      budget: { of: "ratio", bound: 0.8 },
      note: `of processor time alone, without waiting for the disk, the ratio is ${median(rates.cpu).toFixed(2)}`,
    },
    {
      ...row,
      what: `the same against OpenSSL, ${at}`,
      against: against("OpenSSL verifying alone", rates.openssl),
    },
    {
      ...row,
      what: `the same against SQLite, ${at}`,
      against: against(`SQLite inserting alone, ${perCommit} rows a commit`, rates.sqlite),
    },
  ]
}

/** The least that a store does: number and bytes of each reading, as durable as the journal. */
function plainTable(folder: string) {
  const db = new Database(join(folder, "plain.sqlite"))
  db.pragma("journal_mode = WAL")
  db.pragma("synchronous = FULL")
  db.exec("CREATE TABLE readings (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
  const insert = db.prepare("INSERT INTO readings (bytes) VALUES (?)")
  const insertAll = db.transaction((readings: readonly Uint8Array[]) => {
    for (const bytes of readings) insert.run(bytes)
  })
  return {
    insert(readings: readonly Uint8Array[]) {
      for (let i = 0; i < readings.length; i += perCommit) insertAll(readings.slice(i, i + perCommit))
    },
    close: () => db.close(),
  }
}
