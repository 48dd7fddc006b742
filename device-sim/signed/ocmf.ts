import { concatBytes } from "../../protocol/hex.ts"
import { Clock, type Reading } from "../../protocol/reading.ts"
import type { Writer } from "../faults/message.ts"
import { withLastBitFlipped } from "../signing-key.ts"
import type { EcdsaKey } from "./ecdsa.ts"

/** OCMF 1.2, table 19. */
const clockLetters: Readonly<Record<Clock, string>> = Object.freeze({
  [Clock.unknown]: "U",
  [Clock.informative]: "I",
  [Clock.synchronised]: "S",
  [Clock.relative]: "R",
})

/** A register at a moment, as an entry of RD. */
export interface OcmfEntry {
  time: number
  /** Minutes east of UTC. */
  zone: number
  clock: Clock
  /** Why it was taken: B, C, E, T and so on (OCMF 1.2, table 7, TX); left out where there is no transaction. */
  transaction?: string
  /** Import is 1.8.0, export 2.8.0. */
  registers: readonly { obis: "1-0:1.8.0" | "1-0:2.8.0"; wh: bigint }[]
  /** False where the energy is not usable (EF E). */
  readable: boolean
}

/** RD as text: RV has its three places whatever the number is, as meters write it. */
export function writeEntries(entries: readonly OcmfEntry[]): string {
  const texts = entries.flatMap(({ time, zone, clock, transaction, registers, readable }) =>
    registers.map(
      ({ obis, wh }) =>
        `{"TM":"${writeTime(time, zone)} ${clockLetters[clock]}",` +
        (transaction === undefined ? "" : `"TX":"${transaction}",`) +
        `"RV":${writeKwh(readable ? wh : 0n)},"RI":"${obis}","RU":"kWh","RT":"AC",` +
        `"EF":"${readable ? "" : "E"}","ST":"G"}`,
    ),
  )
  return `[${texts.join(",")}]`
}

/** `OCMF|payload|signature` (OCMF 1.2, "Sections"). */
export function writeRecord(payload: string, signature: Uint8Array): Uint8Array {
  const section = JSON.stringify({
    SA: "ECDSA-secp256r1-SHA256",
    SD: Buffer.from(signature).toString("hex"),
  })
  return concatBytes(
    new TextEncoder().encode("OCMF|"),
    new TextEncoder().encode(payload),
    new TextEncoder().encode(`|${section}`),
  )
}

/**
 * A meter that sends its readings as OCMF records of its own, one for each, fiscal ones that belong to no transaction
 * (pagination F). At a generator it delivers, so that what it generates is its export. What the format has no place for, it leaves out: boots, clock settings, power.
 */
export function createOcmfWriter(key: EcdsaKey, serial: string): Writer {
  const write = (reading: Reading, signed: Reading, sign: EcdsaKey["sign"]) =>
    writeRecord(payloadOf(reading, serial), sign(new TextEncoder().encode(payloadOf(signed, serial))))
  return Object.freeze({
    encode: (reading: Reading) => write(reading, reading, key.sign),
    encodeWrongly: (reading: Reading) => write(reading, reading, key.signWrongly),
    encodeTampered: (reading: Reading) => write(withLastBitFlipped(reading), reading, key.sign),
  })
}

function payloadOf(reading: Reading, serial: string): string {
  const { sequence, time, clock, generatedWh, importedWh = 0n, exportedWh = 0n } = reading
  const registers: OcmfEntry["registers"] =
    generatedWh !== undefined
      ? [{ obis: "1-0:2.8.0", wh: generatedWh }]
      : [
          { obis: "1-0:1.8.0", wh: importedWh },
          { obis: "1-0:2.8.0", wh: exportedWh },
        ]
  const about = JSON.stringify({
    FV: "1.2",
    GI: "Simulated meter",
    GS: serial,
    GV: "1.0",
    PG: `F${sequence}`,
    MV: "Nobody",
    MM: "Simulated meter",
    MS: serial,
    IS: false,
    IT: "NONE",
  })
  const entry: OcmfEntry = { time, zone: 0, clock, registers, readable: true }
  return `${about.slice(0, -1)},"RD":${writeEntries([entry])}}`
}

/** OCMF 1.2, table 7, TM: local time with milliseconds and its offset. */
function writeTime(time: number, zone: number): string {
  const local = new Date((time + zone * 60) * 1000).toISOString().slice(0, 19)
  const [hours, minutes] = [Math.floor(Math.abs(zone) / 60), Math.abs(zone) % 60]
  const two = (value: number) => String(value).padStart(2, "0")
  return `${local},000${zone < 0 ? "-" : "+"}${two(hours)}${two(minutes)}`
}

function writeKwh(wh: bigint): string {
  return `${wh / 1000n}.${String(wh % 1000n).padStart(3, "0")}`
}
