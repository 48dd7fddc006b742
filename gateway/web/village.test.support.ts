import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getPublicKey, hashes, sign } from "@noble/ed25519"
import { sha512 } from "@noble/hashes/sha2.js"
import type { Hex } from "../../protocol/hex.ts"
import { Assurance, meterKey, Scheme } from "../../protocol/meter.ts"
import { Clock, encodeReading, type Reading } from "../../protocol/reading.ts"
import type { Config, Meter } from "../config.ts"
import { createIntake } from "../intake.ts"
import { openJournal } from "../journal/journal.ts"
import { type SettlementStatus, statusAtStart } from "../settlement/status.ts"
import type { WebContext } from "./context.ts"

hashes.sha512 = sha512

/** A day in summer, 00:00 UTC. */
export const midnight = Date.UTC(2026, 5, 21) / 1000
/** Each home by its roof's rated power and what it uses at rest, W. */
const homes = [
  { name: "Mill Lane 1", roofW: 6000, baseW: 260 },
  { name: "Mill Lane 2", roofW: 0, baseW: 310 },
  { name: "Mill Lane 3", roofW: 9600, baseW: 420 },
  { name: "Mill Lane 4", roofW: 0, baseW: 180 },
  { name: "Mill Lane 5", roofW: 4200, baseW: 350 },
  { name: "The Old Bakery", roofW: 0, baseW: 900 },
]

/** A village of six homes whose meters sign with keys of their own, and a journal in a temporary directory. */
export function openVillage({ timeZone = "UTC", intervalSeconds = 900 } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-web-"))
  const secrets = new Map<string, Uint8Array>()
  const households = homes.map(({ name }, i) => ({ name, address: `0x${String(i + 1).repeat(40)}` as Hex }))
  const meters = homes.flatMap(({ name, roofW }, i) => [
    ...(roofW > 0 ? [meter(`${name} roof`, i, roofW)] : []),
    meter(`${name} grid`, i, 14_000),
  ])
  function meter(name: string, home: number, ratedW: number): Meter {
    const secret = new Uint8Array(32).fill(secrets.size + 1)
    secrets.set(name, secret)
    return {
      name,
      household: households[home]!.address,
      key: meterKey(Scheme.ed25519, getPublicKey(secret)),
      assurance: Assurance.meter,
      ratedW,
      startTime: midnight - 86_400,
      startWh: 0n,
      restarts: [],
    }
  }
  const config: Config = {
    site: 1,
    name: "Mill Lane",
    timeZone,
    dataDir: directory,
    timeSync: "trusted",
    buses: [],
    sharingKey: { name: "proportional", version: 1 },
    mqtt: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    chain: {
      rpc: ["http://127.0.0.1:8545"],
      chainId: 31337,
      oracle: `0x${"0".repeat(40)}`,
      keyFile: "key",
      confirmations: 1,
      maxFeeGwei: 1,
      warnBelowBatches: 1,
    },
    settlement: { everySeconds: 3600, waitSeconds: 60 },
    rules: { intervalSeconds, headroomBasisPoints: 1000, clockToleranceSeconds: 120 },
    validators: [],
    auditors: ["age1test"],
    households,
    meters,
  }
  const journal = openJournal(directory, meters)
  let now = midnight - 3600
  const clock = { now: () => now, delayUntil: () => 0 }
  const intake = createIntake(meters, journal, config.rules, clock)
  const balances = new Map<Hex, bigint>()
  const settlement: SettlementStatus = { ...statusAtStart(), doing: "up to date" }
  const unreachable = new Map<Meter, string>()
  const context: WebContext = { config, journal, clock, settlement, balances, unreachable }
  const sequences = new Map<string, number>()
  /** What each meter has counted so far, in Wh with fractions: the world behind the registers. */
  const counted = new Map(homes.map(({ name }) => [name, { generated: 0, imported: 0, exported: 0 }]))

  const village = {
    context,
    config,
    journal,
    intake,
    balances,
    settlement,
    unreachable,
    meterNamed: (name: string) => meters.find((meter) => meter.name === name)!,
    setTime(time: number) {
      now = time
    },
    signed(name: string, reading: Partial<Reading>): Uint8Array {
      const sequence = reading.sequence ?? (sequences.get(name) ?? -1) + 1
      sequences.set(name, Math.max(sequence, sequences.get(name) ?? -1))
      const whole = { time: now, clock: Clock.synchronised, clockSets: 1, boots: 1, ...reading, sequence }
      const { kid } = village.meterNamed(name).key
      return encodeReading(whole, Scheme.ed25519, kid, (message) => sign(message, secrets.get(name)!))
    },
    submit: (name: string, reading: Partial<Reading>) =>
      intake.submit({ source: "mqtt 192.0.2.7", bytes: village.signed(name, reading) }),
    /** Lets meters report every `step` seconds from `from` to `to`; `mute` ones count and keep silent. */
    async live(
      from: number,
      to: number,
      step = 900,
      mute: (meter: string, time: number) => boolean = () => false,
    ) {
      for (let time = from; time <= to; time += step) {
        now = time
        const waiting: Promise<unknown>[] = []
        for (const home of homes) {
          const total = counted.get(home.name)!
          const { sunW, useW } = powers(home, time)
          const gridW = useW - sunW
          total.generated += (sunW * step) / 3600
          if (gridW > 0) total.imported += (gridW * step) / 3600
          else total.exported += (-gridW * step) / 3600
          const whole = (wh: number) => BigInt(Math.floor(wh))
          const submit = (name: string, reading: Partial<Reading>) => {
            if (!mute(name, time)) waiting.push(village.submit(name, reading))
          }
          if (home.roofW > 0)
            submit(`${home.name} roof`, { generatedWh: whole(total.generated), powerW: Math.round(sunW) })
          submit(`${home.name} grid`, {
            importedWh: whole(total.imported),
            exportedWh: whole(total.exported),
            powerW: Math.round(gridW),
          })
        }
        await Promise.all(waiting)
      }
    },
    close() {
      journal.close()
      rmSync(directory, { recursive: true })
    },
  }
  return village
}

/** A cloudless day, and people who cook in the morning, at noon and in the evening. */
function powers({ roofW, baseW }: { roofW: number; baseW: number }, time: number) {
  const hour = ((((time - midnight) % 86_400) + 86_400) % 86_400) / 3600
  const height = Math.max(0, Math.sin(((hour - 4) / 16) * Math.PI))
  const meal = (at: number) => Math.exp(-((hour - at) ** 2))
  const useW = baseW * (1 + 2 * meal(7) + 3 * meal(12.3) + 5 * meal(19) + 0.2 * Math.sin(hour * 7 + baseW))
  return { sunW: hour < 20 ? roofW * 0.82 * height : 0, useW }
}
