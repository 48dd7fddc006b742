import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto"
import type { Clock } from "../protocol/clock.ts"
import { Assurance, meterKey, Scheme } from "../protocol/meter.ts"
import { Clock as ClockQuality, encodeReading, type Reading } from "../protocol/reading.ts"
import type { Meter } from "./config.ts"

/** 2026-06-01T00:00:00Z, when the tests' meters are commissioned. */
export const start = 1_780_272_000

export const rules = { intervalSeconds: 900, headroomBasisPoints: 1000, clockToleranceSeconds: 120 }

/** A clock that shows what it is told to. */
export function testClock(time = start): Clock & { set(time: number): void } {
  return {
    now: () => time,
    delayUntil: (until) => Math.max(0, until - time) * 1000,
    set(to) {
      time = to
    },
  }
}

export interface TestMeter extends Meter {
  secret: Uint8Array
  /** A reading signed by the meter: what is not given is that of a sound generation meter. */
  says(sequence: number, over?: Partial<Reading>): Uint8Array
}

const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex")

/** A meter with an Ed25519 key that comes from its name. */
export function testMeter(name: string, over: Partial<Meter> = {}): TestMeter {
  const secret = createHash("sha256").update(name).digest()
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, secret]), format: "der", type: "pkcs8" })
  const { x } = createPublicKey(key).export({ format: "jwk" })
  const known = meterKey(Scheme.ed25519, Uint8Array.from(Buffer.from(x!, "base64url")))
  return {
    name,
    household: "0x1111111111111111111111111111111111111111",
    key: known,
    assurance: Assurance.meter,
    ratedW: 5000,
    startTime: start,
    startWh: 0n,
    restarts: [],
    ...over,
    secret,
    says: (sequence, over = {}) =>
      encodeReading(sound(sequence, over), known.scheme, known.kid, (message) => sign(null, message, key)),
  }
}

/** A minute after the one before, 50 Wh more. */
function sound(sequence: number, over: Partial<Reading>): Reading {
  return {
    sequence,
    time: start + 60 * sequence,
    clock: ClockQuality.synchronised,
    clockSets: 1,
    boots: 1,
    ...("importedWh" in over || "exportedWh" in over ? {} : { generatedWh: BigInt(50 * sequence) }),
    ...over,
  }
}
