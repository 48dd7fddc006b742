import { Clock } from "../../protocol/reading.ts"
import type { Unit } from "../devices/device.ts"
import { encode } from "../devices/encode.ts"
import { type OcmfEntry, writeEntries } from "./ocmf.ts"
import { isLying, operationOf, type SignedDevice, signAs, signingMs } from "./signed-device.ts"

/**
 * Addresses on the wire of the Iskra WM3M4C: its user's manual, 6.5 (numbers there are 40,000 above these), as
 * EVerest's RsIskraMeter (Apache-2.0) and others use them.
 */
const input = {
  model: 1,
  serial: 9,
  frequency: 105,
  volts: 107,
  amperes: 126,
  watts: 140,
  exponents: 414,
  energies: 418,
  end: 430,
} as const
const holding = {
  first: 7000,
  state: 7000,
  command: 7051,
  status: 7052,
  zone: 7053,
  timeHigh: 7054,
  timeLow: 7055,
  datasetLength: 7056,
  outputLength: 7057,
  signatureLength: 7058,
  signatureFormat: 7059,
  algorithm: 7060,
  clock: 7071,
  dataset: 7100,
  output: 7612,
  publicKey: 8124,
  signature: 8188,
  end: 8252,
} as const

const datasetBytes = 2 * (holding.output - holding.dataset)
const maxDatasetBytes = 1024
/** 240 bytes in one command, each way: the manual, 6.5.7 and 6.5.10. */
const maxRegisters = 120
const base64 = 1
const ecdsaP256 = 4

/** The manual, table 11. */
const status = {
  idle: 1,
  inProgress: 2,
  ok: 15,
  invalidDateTime: 128,
  invalidCommand: 130,
  invalidState: 131,
  invalidFormat: 252,
  invalidSize: 253,
} as const

/** Register 7071. */
const clocks = [Clock.unknown, Clock.informative, Clock.synchronised, Clock.relative] as const

interface Reading {
  command: string
  entry: OcmfEntry
}

/**
 * An Iskra WM3M4C: measured values in the maker's T5 and T6 formats and counters with a decade exponent; who writes a
 * dataset and a command has it completed with a register, numbered and signed, as OCMF. The clock runs from the boot
 * on, as if somebody had set it; binary datasets and the display are not there, and an ended transaction leaves the
 * meter idle at once.
 */
export function createWm3m4c(device: SignedDevice): Unit {
  const registers = new Uint8Array(2 * (holding.end - holding.first))
  const view = new DataView(registers.buffer)
  const at = (address: number) => 2 * (address - holding.first)
  const put = (address: number, value: number) => view.setUint16(at(address), value)
  const get = (address: number) => view.getUint16(at(address))

  let timeOffset = 0
  const pages = { T: device.signedBefore, F: device.signedBefore }
  let readyAt = 0
  let outcome: number = status.idle
  let transaction: Reading[] | undefined
  let boots = 0

  put(holding.algorithm, ecdsaP256)
  put(holding.clock, clocks.indexOf(Clock.synchronised))
  registers.set(device.key.point, at(holding.publicKey))

  const time = () => device.now() + timeOffset + operationOf(device).clockOffset

  function refresh(): void {
    const operation = operationOf(device)
    if (operation.boots !== boots) {
      boots = operation.boots
      outcome = status.idle
      registers.fill(0, at(holding.output), at(holding.publicKey))
      put(holding.outputLength, 0)
      put(holding.signatureLength, 0)
    }
    put(holding.state, transaction ? (boots > 0 ? 2 : 1) : 0)
    put(holding.status, device.wallNow() < readyAt ? status.inProgress : outcome)
    put(holding.timeHigh, time() >>> 16)
    put(holding.timeLow, time() & 0xffff)
  }

  function entryOf(command: string): Reading {
    const { synchronised } = operationOf(device)
    const line = device.line()
    const entry: OcmfEntry = {
      time: time(),
      zone: view.getInt16(at(holding.zone)),
      clock: synchronised ? (clocks[get(holding.clock)] ?? Clock.unknown) : Clock.informative,
      ...(command !== "f" && { transaction: command === "r" ? "E" : command }),
      registers: [
        { obis: "1-0:1.8.0", wh: line.importWh },
        { obis: "1-0:2.8.0", wh: line.exportWh },
      ],
      readable: line.readable,
    }
    return { command, entry }
  }

  function run(command: string): number {
    const begins = command === "B"
    if (!"BECTXSLRAPrf".includes(command)) return status.invalidCommand
    if (command !== "f" && begins === (transaction !== undefined)) return status.invalidState
    if (get(holding.clock) >= clocks.length) return status.invalidDateTime
    const reading = entryOf(command)
    if (begins) transaction = [reading]
    const entries = command === "r" ? [transaction![0]!.entry, reading.entry] : [reading.entry]
    const result = sign(command === "f" ? "F" : "T", entries)
    if ("ELRAPr".includes(command)) transaction = undefined
    return result
  }

  function sign(context: "T" | "F", entries: readonly OcmfEntry[]): number {
    const length = get(holding.datasetLength)
    if (length > maxDatasetBytes) return status.invalidSize
    const text = new TextDecoder().decode(
      registers.subarray(at(holding.dataset), at(holding.dataset) + length),
    )
    const dataset = parseDataset(text)
    if (!dataset) return status.invalidFormat
    const reuses = operationOf(device).reusesSequence
    if (!reuses) pages[context]++
    const about = JSON.stringify({
      FV: "1.0",
      ...dataset,
      PG: `${context}${pages[context]}`,
      MV: "ISKRA",
      MM: "WM3M4C",
      MS: String(device.serial),
      MF: "1.05",
      RD: undefined,
    })
    const payload = new TextEncoder().encode(`${about.slice(0, -1)},"RD":${writeEntries(entries)}}`)
    if (payload.length > datasetBytes) return status.invalidSize
    const signature = signAs(device, payload)
    if (isLying("tampered", device)) tamper(payload)
    const shown =
      get(holding.signatureFormat) === base64
        ? new TextEncoder().encode(Buffer.from(signature).toString("base64"))
        : signature
    registers.fill(0, at(holding.output), at(holding.publicKey))
    registers.fill(0, at(holding.signature), at(holding.end))
    registers.set(payload, at(holding.output))
    registers.set(shown, at(holding.signature))
    put(holding.outputLength, payload.length)
    put(holding.signatureLength, shown.length)
    return status.ok
  }

  return {
    maxRegisters,
    read(table, address, count) {
      if (table === "input") return part(inputImage(device), address, count)
      if (address < holding.first || address + count > holding.end) return undefined
      refresh()
      return registers.slice(at(address), at(address + count))
    },
    write(address, written) {
      const end = address + written.length / 2
      if (address < holding.first || end > holding.end) return false
      const was = time()
      for (let word = address; word < end; word++) {
        const readOnly = word === holding.state || word === holding.status || word >= holding.output
        if (readOnly || word === holding.outputLength || word === holding.signatureLength) continue
        registers.set(written.subarray(2 * (word - address), 2 * (word - address) + 2), at(word))
      }
      if (address <= holding.timeLow && end > holding.timeHigh) {
        // The halves come in two commands: the one that is not written stays as it is.
        const [high, low] = [get(holding.timeHigh), get(holding.timeLow)]
        const given = (word: number) => address <= word && word < end
        const set =
          ((given(holding.timeHigh) ? high : was >>> 16) * 0x1_0000 +
            (given(holding.timeLow) ? low : was & 0xffff)) >>>
          0
        timeOffset += set - was
      }
      if (address <= holding.command && end > holding.command) {
        refresh()
        outcome = run(String.fromCharCode(get(holding.command) >> 8))
        readyAt = device.wallNow() + signingMs
      }
      return true
    },
  }
}

/** What the master says of itself, in its own order; the meter fills in the rest. */
function parseDataset(text: string): Record<string, unknown> | undefined {
  if (text === "" || text.includes("|")) return text === "" ? {} : undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** The last digit of the last register differs by one. */
function tamper(payload: Uint8Array): void {
  const at = new TextDecoder("latin1").decode(payload).lastIndexOf(',"RI"') - 1
  payload[at] = payload[at]! ^ 1
}

function inputImage(device: SignedDevice): Uint8Array {
  const line = device.line()
  const image = new Uint8Array(2 * input.end)
  const set = (address: number, bytes: Uint8Array) => image.set(bytes, 2 * address)
  set(input.model, encode({ string: 8 }, "WM3M4C"))
  set(input.serial, encode({ string: 4 }, String(device.serial % 100_000_000).padStart(8, "0")))
  set(input.frequency, decade(line.frequencyHz))
  line.phases.forEach(({ volts, amperes, watts }, i) => {
    set(input.volts + 2 * i, decade(volts))
    set(input.amperes + 2 * i, decade(amperes))
    set(input.watts + 2 + 2 * i, decade(watts))
  })
  set(input.watts, decade(line.phases.reduce((sum, { watts }) => sum + watts, 0)))
  // Four counters of which the first two are import and export, all in whole Wh: exponent 0.
  set(input.energies, encode("int32", line.readable ? line.importWh : undefined))
  set(input.energies + 2, encode("int32", line.readable ? line.exportWh : undefined))
  return image
}

/** Formats T5 and T6: a decade exponent in 8 bits, a value in 24, both signed; thousandths while they fit. */
function decade(value: number): Uint8Array {
  const exponent = Math.abs(value) < 8000 ? -3 : 0
  const counts = BigInt(Math.round(value * 10 ** -exponent))
  return encode("uint32", (BigInt.asUintN(8, BigInt(exponent)) << 24n) | BigInt.asUintN(24, counts))
}

function part(image: Uint8Array, address: number, count: number): Uint8Array | undefined {
  const end = 2 * (address + count)
  return address >= 1 && end <= image.length ? image.slice(2 * address, end) : undefined
}
