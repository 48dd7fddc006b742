import { setTimeout as sleep } from "node:timers/promises"
import { equalBytes } from "../../../protocol/hex.ts"
import { curves } from "../../../protocol/ocmf/curves.ts"
import { type CurveKey, keyOnCurve, parseKey } from "../../../protocol/ocmf/key.ts"
import type { Clock } from "../../../protocol/reading.ts"
import { isRefusal, ModbusException, type Unit, UnusableRegister, WrongDevice } from "./device.ts"
import type { Measures } from "./profile-shape.ts"

/** What a meter that signs is asked with. */
export interface SigningDeviceOptions {
  measures: Measures
  /** Where a SunSpec map begins, if not where it usually does. */
  base?: number
  /** The serial number that the meter must say it has. */
  serial?: string
  /** The registered key, x ‖ y: a meter that shows another is not this one. */
  publicKey?: Uint8Array
  /** How good the gateway's clock is; only a synchronised one sets a meter's. Without this none is set. */
  clockQuality?: () => Clock
  /** Waits between two questions, ms; tests do not. */
  pause?: (ms: number) => Promise<unknown>
}

/**
 * Before the first question whether a signature is ready, and between two: it takes up to a second, in which a meter
 * may not answer at all, and others on the bus have their turn.
 */
const firstPauseMs = 1000
const pauseMs = 250
/** Both makers say 15 s (bsm-python, doc/examples/snapshots.md; EVerest, RsIskraMeter), and need about one. */
const mostQuestions = 60

/** A meter's clock is renewed so often: Bauer wants it every 24 to 48 hours, and not more often. */
export const clockRenewalSeconds = 86_400

/**
 * Asks again and again, with pauses, until there is an answer.
 * @param ask undefined while the meter is still at work.
 * @throws UnusableRegister
 */
export async function untilReady<Answer>(
  ask: () => Promise<Answer | undefined>,
  { pause = sleep }: Pick<SigningDeviceOptions, "pause">,
  what: string,
): Promise<Answer> {
  for (let question = 0; question < mostQuestions; question++) {
    await pause(question === 0 ? firstPauseMs : pauseMs)
    const answer = await ask().catch(unlessBusy)
    if (answer !== undefined) return answer
  }
  throw new UnusableRegister(`${what} was not ready after ${(mostQuestions * pauseMs) / 1000} s`)
}

/** Codes 5 and 6 say that the meter is at work; any other error is one. */
function unlessBusy(error: unknown): undefined {
  if (!(error instanceof ModbusException) || isRefusal(error)) throw error
}

/** Registers of any number, in pieces that one reply holds. */
export async function readLong(
  unit: Unit,
  address: number,
  count: number,
  most: number,
): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  for (let from = 0; from < count; from += most)
    pieces.push(
      await unit.read({ function: 3, address: address + from, count: Math.min(most, count - from) }),
    )
  return Uint8Array.from(Buffer.concat(pieces))
}

/** Holds the key that a meter shows against the registered one, or else against the one that it showed before. */
export function keyWatch(registered: Uint8Array | undefined): (shown: Uint8Array) => void {
  let expected = registered
  return (shown) => {
    let key: CurveKey
    try {
      key = keyOnCurve(parseKey(Buffer.from(shown).toString("hex")), curves.secp256r1)
    } catch (cause) {
      throw new WrongDevice("the meter shows no public key over P-256", { cause })
    }
    if (expected && !equalBytes(expected, key.point))
      throw new WrongDevice(
        `the meter shows another public key than ${registered ? "the registered one" : "before"}: was it replaced?`,
      )
    expected = key.point
  }
}

export function uint32Words(value: number): [number, number] {
  return [Math.floor(value / 0x10000) & 0xffff, value & 0xffff]
}

/** A string of registers up to its padding. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end))
    .toString("latin1")
    .trim()
}
