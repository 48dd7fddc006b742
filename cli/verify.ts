import { readFileSync } from "node:fs"
import { readSnapshotLines } from "../protocol/bsm/lines.ts"
import { MalformedBsm } from "../protocol/bsm/malformed.ts"
import { readingFromBsm } from "../protocol/bsm/reading.ts"
import { parseBsm, verifyBsm } from "../protocol/bsm/snapshot.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, toHex } from "../protocol/hex.ts"
import { type MeterKey, meterIdOf, meterKey, nativeScheme, Scheme } from "../protocol/meter.ts"
import { curves } from "../protocol/ocmf/curves.ts"
import { readEnvelope } from "../protocol/ocmf/envelope.ts"
import { createJudge, type Evidence } from "../protocol/ocmf/judge.ts"
import { type CurveKey, type GivenKey, keyOnCurve, parseKey } from "../protocol/ocmf/key.ts"
import { splitOcmf } from "../protocol/ocmf/lines.ts"
import { MalformedOcmf } from "../protocol/ocmf/malformed.ts"
import { identityOf, paginationOf, readingsFromOcmf } from "../protocol/ocmf/reading.ts"
import { parseOcmf, verifyOcmf } from "../protocol/ocmf/record.ts"
import { Clock, decodeReading, MalformedReading, type Reading, readingDigest } from "../protocol/reading.ts"
import { verifySignature } from "../protocol/signature.ts"
import { type Command, optional } from "./command.ts"

const clocks = ["unknown", "informative", "synchronised", "relative"]

export const verify: Command = {
  name: "verify",
  summary: "judge signed readings",
  help: `
Usage: commonwatt verify FILE [--format cose|ocmf|bsm] [--key HEX] [--rpc URL]

  FILE           - is standard input
  --format cose  Commonwatt's own readings: the bytes of one, or a line of hexadecimal for each
           ocmf  records "OCMF|payload|signature", each beginning on a line of its own; or the XML of the
                 transparency software, <values><value><signedData>
           bsm   snapshots of a Bauer BSM-WS36A in hexadecimal: a line with the 252 registers of model 64901 for
                 each, or its RTU reply frames, a line each, with their CRC
                 Without --format the content tells.
  --key HEX      the meter's public key
           cose  32 bytes Ed25519, or 64 bytes P-256 (x and y)
           ocmf, bsm  SubjectPublicKeyInfo in DER, or the point with or without its 04; base64 is read too
                 Without --key a record in XML is checked with the key beside it, which proves nothing: usable is null.

A disclosure (commonwatt disclose) is checked against the batch that commits to it; with --rpc, a node of its chain,
also whether that batch stands there. A line for each interval: proven, onChain, its energies.
A proof of fraud (a JSON file, as audit, gateways and validators write them) is judged too: {"proven": …} says whether
one meter signed two readings with one sequence number, or one validator two roots with one number. So is a claim
(vc+jwt): {"valid": …} says whether its issuer signed it.

Prints a JSON line for each record. It gives two answers and the reasons for each that is not true, as
{"about":"valid"|"usable","reason":"..."}:
  valid   well-formed and signed by the key; null where no key was given
  usable  fit to be settled on: valid, clock synchronised, no error of the meter, a running register of energy; and
          among the meter's other records in the file, in their order, none missing, no register falling and the
          clock never going back; null where only the key is wanting
Beside them: meter, sequence, time, clock, registers (whole Wh) and what else the format tells. Where a record states
several moments these are of its last, and readings lists all. Exit code 0 only if every record is valid; 1 if one is
not; 2 if the command was misused. More: docs/signed-records.md

Examples:
  commonwatt verify reading.hex --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
  commonwatt verify session.ocmf --key "$(openssl pkey -pubin -in meter.pem -outform DER | xxd -p -c 999)"
`,
  options: { format: { type: "string" }, key: { type: "string" }, rpc: { type: "string" } },
  async run(values, [file, ...rest]) {
    if (file === undefined)
      throw new PersonError("The file with the readings is missing.", { next: "See --help." })
    if (rest.length > 0)
      throw new PersonError("Only one file can be verified at a time.", {
        context: [`Also given: ${rest.join(" ")}`],
      })
    const bytes = withoutMark(readBytes(file))
    if (/^\s*(\{|eyJ)/.test(Buffer.from(bytes.subarray(0, 100)).toString("utf8"))) {
      const { verifyDocument } = await import("./verify-document.ts")
      const answer = await verifyDocument(bytes, file, optional(values, "rpc"))
      if (answer !== undefined) return answer
    }
    const format = optional(values, "format") ?? detectFormat(bytes)
    const examine = examiners[format as Format]
    if (!Object.hasOwn(examiners, format) || !examine)
      throw new PersonError(`The format "${format}" is not known.`, { next: "Known: cose, ocmf, bsm." })
    const records = examine(bytes, optional(values, "key"))
    if (records.length === 0) throw new PersonError(`${file} holds no record.`)
    let allValid = true
    const judge = createJudge()
    for (const [index, record] of records.entries()) {
      const answers = judge(record)
      allValid &&= answers.valid === true
      process.stdout.write(`${JSON.stringify({ ...answers, ...shown(record), format, record: index + 1 })}\n`)
    }
    return allValid ? 0 : 1
  },
}

/** One record as examined on its own, and what is shown of it beside the answers. */
type Examined =
  | { malformed: string }
  | (Evidence & { shown: { meter: string | null } & Record<string, unknown> })

type Format = "cose" | "ocmf" | "bsm"

const examiners: Record<Format, (bytes: Uint8Array, keyText: string | undefined) => Examined[]> = {
  cose(bytes, keyText) {
    const key = keyText === undefined ? undefined : readKey(keyText, coseKey)
    return splitReadings(bytes).map((input) => orMalformed(() => examineCose(input, key), MalformedReading))
  },
  ocmf(bytes, keyText) {
    const key = keyText === undefined ? undefined : readKey(keyText, parseKey)
    if (isXml(bytes))
      return readEnvelope(bytes).map(({ record, publicKey }) =>
        orMalformed(() => examineEnclosed(record, key, publicKey), MalformedOcmf),
      )
    return splitOcmf(bytes).map((record) => orMalformed(() => examineOcmf(record, key), MalformedOcmf))
  },
  bsm(bytes, keyText) {
    const key =
      keyText === undefined
        ? undefined
        : readKey(keyText, (text) => keyOnCurve(parseKey(text), curves.secp256r1))
    return readSnapshotLines(Buffer.from(bytes).toString("latin1")).map((lines) =>
      orMalformed(() => examineBsm(lines, key), MalformedBsm),
    )
  },
}

function examineCose(input: Uint8Array | Error, key: MeterKey | undefined): Examined {
  if (input instanceof Error) return { malformed: input.message }
  const signed = decodeReading(input)
  const { reading, message } = signed
  const meter = key?.meterId ?? toHex(signed.kid)
  const doubts: string[] = []
  if (reading.clock !== Clock.synchronised)
    doubts.push(`the clock is ${clocks[reading.clock]}, not synchronised`)
  if (reading.status) doubts.push(`the meter reports status 0x${reading.status.toString(16)}`)
  return {
    forged: forgery(key, () => verifySignature(key!, signed)),
    doubts,
    series: meter,
    readings: [reading],
    message,
    shown: { meter, digest: readingDigest(signed.bytes) },
  }
}

function examineOcmf(bytes: Uint8Array, given: GivenKey | undefined): Examined {
  const record = parseOcmf(bytes)
  const { readings, doubts } = readingsFromOcmf(record)
  const pagination = paginationOf(record)
  const identity = identityOf(record)
  let key: CurveKey | undefined
  let forged: string | undefined | null
  try {
    key = given && keyOnCurve(given, record.curve)
    forged = forgery(key, () => verifyOcmf(record, key!))
  } catch (error) {
    forged = (error as Error).message
  }
  return {
    forged,
    doubts,
    series: [key?.fingerprint, identity.gatewaySerial, identity.serial, pagination?.context].join("|"),
    readings,
    message: record.message,
    shown: {
      ...shownKey("ocmf", key),
      algorithm: record.algorithm,
      pagination: pagination && `${pagination.context}${pagination.number}`,
      ...identity,
      readings: readings.map(shownMoment),
      digest: readingDigest(bytes),
    },
  }
}

/** A record of a file that has keys too: the one given on the command line counts, or else the one beside it. */
function examineEnclosed(
  record: Uint8Array | MalformedOcmf,
  given: GivenKey | undefined,
  beside: string | undefined,
): Examined {
  if (record instanceof MalformedOcmf) return { malformed: record.message }
  if (given || beside === undefined) return examineOcmf(record, given)
  let key: GivenKey
  try {
    key = parseKey(beside)
  } catch (error) {
    const examined = examineOcmf(record, undefined)
    return {
      ...examined,
      forged: `the key beside the record is none: ${(error as Error).message}`,
    } as Examined
  }
  return { ...examineOcmf(record, key), keyUnproven: true }
}

function examineBsm(lines: Uint8Array | MalformedBsm, key: CurveKey | undefined): Examined {
  if (lines instanceof MalformedBsm) return { malformed: lines.message }
  const snapshot = parseBsm(lines)
  const { reading, doubts } = readingFromBsm(snapshot)
  const serial = Buffer.from(snapshot.strings.MA1).toString("latin1")
  return {
    forged: forgery(key, () => verifyBsm(snapshot, key!)),
    doubts,
    series: serial,
    readings: reading ? [reading] : [],
    message: snapshot.message,
    shown: { ...shownKey("bsm", key), serial, digest: readingDigest(snapshot.bytes) },
  }
}

function shown(record: Examined) {
  if ("malformed" in record) return { meter: null }
  const { meter, ...more } = record.shown
  const last = record.readings.at(-1)
  return { meter, ...(last && shownReading(last)), ...more }
}

function shownReading(reading: Reading) {
  const { sequence, powerW, status, resolutionWh = 1 } = reading
  return { sequence, ...shownMoment(reading), powerW, status, resolutionWh }
}

function shownMoment({ time, clock, generatedWh, importedWh, exportedWh }: Reading) {
  const registers = {
    generatedWh: generatedWh?.toString(),
    importedWh: importedWh?.toString(),
    exportedWh: exportedWh?.toString(),
  }
  return { time: new Date(time * 1000).toISOString(), clock: clocks[clock], registers }
}

function shownKey(format: "bsm" | "ocmf", key: CurveKey | undefined) {
  return {
    meter: key ? meterIdOf(nativeScheme(format, key.curve), key.point) : null,
    key: key?.fingerprint,
    curve: key?.curve.name,
  }
}

function forgery(key: object | undefined, holds: () => boolean): string | undefined | null {
  if (!key) return null
  return holds() ? undefined : "the signature is not by this key"
}

function orMalformed(examine: () => Examined, kind: new (...input: never[]) => Error): Examined {
  try {
    return examine()
  } catch (error) {
    if (error instanceof kind) return { malformed: error.message }
    throw error
  }
}

function detectFormat(bytes: Uint8Array): Format {
  if (bytes[0] === 0xd2) return "cose"
  const text = Buffer.from(bytes.subarray(0, 4096)).toString("latin1").trimStart()
  if (text.startsWith("OCMF|") || isXml(bytes)) return "ocmf"
  if (/^[{[]/.test(text))
    throw new PersonError("This is a JSON file, and verify reads the records themselves.", {
      context: ["Envelopes differ from maker to maker and are signed by none."],
      next: "Give it the records inside, each on a line of its own; see --help.",
    })
  const digits = text.replace(/[ \t]/g, "").replace(/^0x/, "").slice(0, 4)
  // A reading in hexadecimal begins with its COSE tag and an array of four; all else in hexadecimal is registers.
  return /^([0-9a-f]{2}){2}$/i.test(digits) && !/^d284/i.test(digits) ? "bsm" : "cose"
}

/** Some programs put a byte order mark before a text; it is no part of the first record. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function isXml(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 64)).toString("utf8").trimStart().startsWith("<")
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

function coseKey(text: string): MeterKey {
  const bytes = fromHex(text)
  return meterKey(bytes.length === 64 ? Scheme.es256 : Scheme.ed25519, bytes)
}

function readKey<Key>(text: string, parse: (text: string) => Key): Key {
  try {
    return parse(text)
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
