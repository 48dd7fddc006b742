import { readFileSync } from "node:fs"
import { PersonError } from "../protocol/error.ts"
import { fromHex, toHex } from "../protocol/hex.ts"
import { type MeterKey, meterKey, Scheme } from "../protocol/meter.ts"
import { decodeReading, MalformedReading, readingDigest } from "../protocol/reading.ts"
import { verifySignature } from "../protocol/signature.ts"
import { type Command, optional } from "./command.ts"

const clocks = ["unknown", "informative", "synchronised", "relative"]

export const verify: Command = {
  name: "verify",
  summary: "judge signed readings",
  help: `
Usage: commonwatt verify FILE [--format cose] [--key HEX]

  FILE          readings: the bytes of one, or a line of hexadecimal for each; - is standard input
  --format cose the format; cose is the only one so far
  --key HEX     the meter's public key: 32 bytes Ed25519, or 64 bytes P-256 (x and y)

Prints a JSON line for each: valid, reasons, meter, sequence, time, clock, registers. Without --key the form is
judged and the signature is not, and valid is null. Exit code 0 only if every reading is valid.

Example:
  commonwatt verify reading.hex --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
`,
  options: { format: { type: "string" }, key: { type: "string" } },
  async run(values, [file]) {
    if (file === undefined)
      throw new PersonError("The file with the readings is missing.", { next: "See --help." })
    if ((optional(values, "format") ?? "cose") !== "cose")
      throw new PersonError(`The format "${values.format}" is not known.`, { next: "Known: cose." })
    const keyText = optional(values, "key")
    const key = keyText === undefined ? undefined : readKey(keyText)
    const bytes = readBytes(file)
    let allValid = true
    for (const reading of splitReadings(bytes)) {
      const judged = judgeReading(reading, key)
      allValid &&= judged.valid === true
      process.stdout.write(`${JSON.stringify(judged)}\n`)
    }
    return allValid ? 0 : 1
  },
}

function judgeReading(input: Uint8Array | Error, key: MeterKey | undefined) {
  if (input instanceof Error) return { valid: false, reasons: [input.message] }
  try {
    const signed = decodeReading(input)
    const { reading } = signed
    const valid = key ? verifySignature(key, signed) : null
    const reasons = [
      ...(valid === false ? ["the signature is not by this key"] : []),
      ...(valid === null ? ["no --key was given: the signature was not checked"] : []),
    ]
    return {
      valid,
      reasons,
      meter: key?.meterId ?? toHex(signed.kid),
      sequence: reading.sequence,
      time: new Date(reading.time * 1000).toISOString(),
      clock: clocks[reading.clock],
      registers: {
        generatedWh: reading.generatedWh?.toString(),
        importedWh: reading.importedWh?.toString(),
        exportedWh: reading.exportedWh?.toString(),
      },
      powerW: reading.powerW,
      resolutionWh: reading.resolutionWh ?? 1,
      digest: readingDigest(signed.bytes),
    }
  } catch (error) {
    if (!(error instanceof MalformedReading)) throw error
    return { valid: false, reasons: [error.message] }
  }
}

/** A file that begins with the COSE tag is one reading; any other is lines of hexadecimal. */
function splitReadings(bytes: Uint8Array): (Uint8Array | Error)[] {
  if (bytes[0] === 0xd2) return [bytes]
  const lines = Buffer.from(bytes).toString("utf8").split("\n")
  return lines.flatMap((line, i): (Uint8Array | Error)[] => {
    if (line.trim() === "") return []
    try {
      return [fromHex(line.trim())]
    } catch {
      return [new Error(`line ${i + 1} is not hexadecimal`)]
    }
  })
}

function readKey(text: string): MeterKey {
  try {
    const bytes = fromHex(text)
    return meterKey(bytes.length === 64 ? Scheme.es256 : Scheme.ed25519, bytes)
  } catch (cause) {
    throw new PersonError("--key is not a public key.", { context: [(cause as Error).message] })
  }
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file === "-" ? 0 : file)
  } catch (cause) {
    throw new PersonError(`${file} cannot be read.`, { context: [(cause as Error).message] })
  }
}
