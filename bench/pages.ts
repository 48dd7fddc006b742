import type { MiddlewareHandler } from "hono"
import type { Meter } from "../gateway/config.ts"
import { testMeter } from "../gateway/intake.test.support.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { statusAtStart } from "../gateway/settlement/status.ts"
import type { WebContext, WebEnv } from "../gateway/web/context.ts"
import { createDays } from "../gateway/web/days.ts"
import { createWeb } from "../gateway/web/server.ts"
import type { Hex } from "../protocol/hex.ts"
import { Assurance } from "../protocol/meter.ts"
import { Clock } from "../protocol/reading.ts"
import { median, type Options, type Row } from "./row.ts"
import { inFolder } from "./site.ts"

const homes = 17
const intervalSeconds = 900
const start = Date.UTC(2025, 0, 1) / 1000
const daySeconds = 86_400

/** A year of 17 homes in the journal, a reading of each meter each quarter of an hour: how long days and pages take. */
export function pages({ quick }: Options): Promise<Row[]> {
  const days = quick ? 30 : 365
  return inFolder(async (folder) => {
    const meters = metersOf()
    const journal = openJournal(folder, meters)
    fill(journal, meters, days)
    const context = contextOf(folder, journal, meters, start + days * daySeconds + 12 * 3600)
    const kept = createDays(context)
    const keeping: number[] = []
    for (let more = true; more; ) {
      const from = performance.now()
      more = kept.keep()
      if (more) keeping.push(performance.now() - from)
    }
    const someone: MiddlewareHandler<WebEnv> = (c, next) => {
      c.set("household", context.config.households[3])
      return next()
    }
    const app = createWeb(context, { error: console.error }, someone, kept)
    const pageMs = async (path: string) => {
      const times: number[] = []
      for (let i = 0; i < 21; i++) {
        const from = performance.now()
        const response = await app.request(path)
        await response.text()
        if (response.status !== 200) throw new Error(`${path}: ${response.status}`)
        times.push(performance.now() - from)
      }
      return median(times)
    }
    const row = (what: string, ours: number, bound: number): Row => ({
      what,
      ours,
      unit: "ms",
      better: "lower",
      budget: { of: "ours", bound },
      note: `${homes} homes, ${days} days`,
    })
    const rows = [
      row("work out a day that is over, once", median(keeping), 1000),
      row("a household's page of now and today", await pageMs("/home"), 100),
      row("a household's year", await pageMs("/home/year/2025"), 100),
      row("the community's page", await pageMs("/"), 100),
    ]
    journal.close()
    return rows
  })
}

function metersOf(): Meter[] {
  return Array.from({ length: 2 * homes }, (_, i): Meter => {
    const { key } = testMeter(`bench ${i}`)
    return {
      name: `home ${Math.floor(i / 2)} ${i % 2 === 0 ? "roof" : "grid"}`,
      household: householdOf(i),
      key,
      assurance: Assurance.meter,
      ratedW: 20_000,
      startTime: start,
      startWh: 0n,
      restarts: [],
    }
  })
}

const householdOf = (meter: number): Hex => `0x${String(Math.floor(meter / 2) + 1).padStart(40, "0")}`

function fill(journal: ReturnType<typeof openJournal>, meters: readonly Meter[], days: number): void {
  const stood = meters.map(() => ({ generatedWh: 0n, importedWh: 0n, exportedWh: 0n }))
  const bytes = new Uint8Array(120)
  let sequence = 0
  for (let day = 0; day <= days; day++)
    journal.commit(() => {
      const steps = (day < days ? daySeconds : daySeconds / 2) / intervalSeconds
      for (let step = 0; step < steps; step++) {
        const time = start + day * daySeconds + step * intervalSeconds
        for (const [i, meter] of meters.entries()) {
          const wh = stood[i]!
          wh.generatedWh += BigInt((step * (i + 3)) % 900)
          wh.importedWh += BigInt((step * (i + 5)) % 400)
          wh.exportedWh += BigInt((step * (i + 7)) % 200)
          const { generatedWh, importedWh, exportedWh } = wh
          const registers = i % 2 === 0 ? { generatedWh } : { importedWh, exportedWh }
          const reading = {
            sequence,
            time,
            clock: Clock.synchronised,
            clockSets: 1,
            boots: 1,
            powerW: 400,
            ...registers,
          }
          journal.readings.add(
            {
              kind: "authentic",
              meter,
              signed: { reading, bytes, meterId: meter.key.meterId } as never,
              keyIndex: 0,
              verdict: { accepted: true } as never,
              state: { sequence, anchor: { time, registers }, registers: {} },
            },
            time,
          )
        }
        sequence++
      }
    })
}

function contextOf(
  dataDir: string,
  journal: ReturnType<typeof openJournal>,
  meters: Meter[],
  now: number,
): WebContext {
  const households = Array.from({ length: homes }, (_, i) => ({
    name: `home ${i}`,
    address: householdOf(2 * i),
  }))
  return {
    config: {
      site: 1,
      name: "bench",
      timeZone: "Europe/Berlin",
      dataDir,
      timeSync: "trusted",
      buses: [],
      sharingKey: { name: "proportional", version: 1 },
      mqtt: { host: "127.0.0.1", port: 0 },
      web: { host: "127.0.0.1", port: 0 },
      chain: {
        rpc: ["http://127.0.0.1:8545"],
        chainId: 31_337,
        oracle: `0x${"0".repeat(40)}`,
        keyFile: "key",
        confirmations: 3,
        maxFeeGwei: 200,
        warnBelowBatches: 50,
      },
      settlement: { everySeconds: 3600, waitSeconds: 60 },
      rules: { intervalSeconds, headroomBasisPoints: 1000, clockToleranceSeconds: 120 },
      validators: [],
      auditors: ["age1bench"],
      households,
      meters,
    },
    journal,
    clock: { now: () => now, delayUntil: () => 0 },
    settlement: statusAtStart(),
    balances: new Map(),
    unreachable: new Map(),
  }
}
