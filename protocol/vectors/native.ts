import { createHash } from "node:crypto"
import { brainpoolP256r1, brainpoolP384r1 } from "@noble/curves/misc.js"
import { p256, p384 } from "@noble/curves/nist.js"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { modelHeader, points, signatureRegister, snapshotBytes } from "../bsm/layout.ts"
import { parseBsm } from "../bsm/snapshot.ts"
import { concatBytes, type Hex, toHex } from "../hex.ts"
import { meterKey, Scheme, type SchemeName } from "../meter.ts"
import { readingDigest } from "../reading.ts"
import { readSigned } from "../signed-reading.ts"
import { bytesFor } from "./fixed-keys.ts"
import type { ReadingFields } from "./readings.ts"

export interface NativeVectors {
  about: string[]
  valid: {
    name: string
    scheme: Scheme
    publicKey: Hex
    meterId: Hex
    bytes: Hex
    message: Hex
    fields: ReadingFields
    /** Whether something in the record speaks against counting it. */
    inDoubt: boolean
    digest: Hex
  }[]
  malformed: { name: string; scheme: Scheme; bytes: Hex }[]
  unverified: { name: string; scheme: Scheme; publicKey: Hex; bytes: Hex }[]
}

const curves = { secp256r1: p256, secp384r1: p384, secp256k1, brainpoolP256r1, brainpoolP384r1 }
type Curve = keyof typeof curves

interface Signer {
  publicKey: Uint8Array
  sign(message: Uint8Array, format?: "der" | "compact"): Uint8Array
}

/** Signs SHA-256 of the message with the nonce of RFC 6979, so that the vectors come out the same each time. */
function signer(name: string, curve: Curve): Signer {
  const ecdsa = curves[curve]
  const secret = concatBytes(bytesFor(`${name}, more`), bytesFor(name)).subarray(-ecdsa.lengths.secretKey!)
  // So that it is below the order of every curve.
  secret[0] = secret[0]! & 0x3f
  return {
    publicKey: ecdsa.getPublicKey(secret, false).subarray(1),
    sign: (message, format = "der") =>
      ecdsa.sign(createHash("sha256").update(message).digest(), secret, {
        prehash: false,
        lowS: false,
        format,
      }),
  }
}

const bsm = signer("BSM", "secp256r1")
const ocmf = signer("OCMF", "secp256r1")
const stranger = signer("stranger", "secp256r1")

const soundSnapshot: Record<string, number> = {
  RCR: 15,
  TotWhImp: 10_000,
  Wh_SF: 1,
  W: -250,
  W_SF: 0,
  RCnt: 4278,
  OS: 519_624,
  Epoch: 1_782_043_200,
  TZO: 120,
  EpochSetCnt: 3139,
  EpochSetOS: 519_219,
  NSig: 48,
}

function image(numbers: Record<string, number>, signature: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(snapshotBytes)
  const view = new DataView(bytes.buffer)
  const values: Record<string, number> = { ...soundSnapshot, BSig: signature.length, ...numbers }
  const texts: Record<string, string> = {
    MA1: "001TEST000000001",
    Meta1: "who: nobody",
    Meta2: "",
    Meta3: "ü",
  }
  for (const { name, register, type } of points) {
    if (typeof type !== "string") bytes.set(new TextEncoder().encode(texts[name]!), 2 * register)
    else if (type.endsWith("32")) view.setUint32(2 * register, values[name] ?? 0)
    else view.setInt16(2 * register, values[name] ?? 0)
  }
  bytes.set(signature, 2 * signatureRegister)
  return bytes
}

/** Any signature that is one in form, for the time before there is one: r and s are 1. */
const someSignature = Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1)

function snapshot(numbers: Record<string, number> = {}, by = bsm): Uint8Array {
  return image(numbers, by.sign(parseBsm(image({ ...numbers, St: 0 }, someSignature)).message))
}

const soundEntry = {
  TM: "2026-06-21T14:00:00,000+0200 S",
  TX: "E",
  RV: 1234.56,
  RI: "1-0:1.8.0",
  RU: "kWh",
  EF: "",
  ST: "G",
}
const payload = (entries: unknown[] = [soundEntry], over: Record<string, unknown> = {}) =>
  JSON.stringify({ FV: "1.0", GI: "vectors", GS: "1", PG: "T7", MS: "1", ...over, RD: entries })

function record(text = payload(), by = ocmf, section: Record<string, unknown> = {}): Uint8Array {
  const SD = Buffer.from(by.sign(utf8(text))).toString("hex")
  return utf8(`OCMF|${text}|${JSON.stringify({ SA: "ECDSA-secp256r1-SHA256", SD, ...section })}`)
}

const utf8 = (text: string) => new TextEncoder().encode(text)

export function nativeVectors(): NativeVectors {
  return {
    about: [
      "Records in formats of meters' makers. SPEC.md, 3.7. The keys are for tests alone.",
      "valid: read as a reading of the scheme and verified; fields are those of a reading, inDoubt says whether something in the record speaks against counting it.",
      "malformed: refused, whoever signed it. unverified: well-formed, and not signed by the key.",
    ],
    valid: [...validSnapshots(), ...validRecords()],
    malformed: [...malformedSnapshots(), ...malformedRecords()],
    unverified: unverified(),
  }
}

function valid(
  name: string,
  schemeName: SchemeName,
  by: Signer,
  bytes: Uint8Array,
): NativeVectors["valid"][number] {
  const scheme = Scheme[schemeName]
  const { reading, message } = readSigned(scheme, bytes)
  const { doubts, ...rest } = reading
  const fields = Object.fromEntries(
    Object.entries(rest).map(([field, value]) => [field, typeof value === "bigint" ? String(value) : value]),
  )
  return {
    name,
    scheme,
    publicKey: toHex(by.publicKey),
    meterId: meterKey(scheme, by.publicKey).meterId,
    bytes: toHex(bytes),
    message: toHex(message),
    fields: fields as ReadingFields,
    inDoubt: doubts !== undefined,
    digest: readingDigest(bytes),
  }
}

function validSnapshots(): NativeVectors["valid"] {
  return [
    valid("BSM, a snapshot", "bsm", bsm, snapshot()),
    valid("BSM at a generator", "bsm-generation", bsm, snapshot()),
    valid(
      "BSM, a scale factor below 0",
      "bsm",
      bsm,
      snapshot({ TotWhImp: 12_399, Wh_SF: -2, W: 7, W_SF: -1 }),
    ),
    valid("BSM, no power and an event of the grid", "bsm", bsm, snapshot({ W: -0x8000, Evt: 1 << 2 })),
    valid("BSM, a fatal error", "bsm", bsm, snapshot({ Evt: 1 << 16 })),
    valid("BSM, a clock that was never set", "bsm", bsm, snapshot({ EpochSetCnt: 0 })),
  ]
}

function validRecords(): NativeVectors["valid"] {
  const p256Record = (name: string, text: string) => valid(name, "ocmf-secp256r1", ocmf, record(text))
  const overCurves = Object.keys(curves).map((curve) => {
    const by = signer(`OCMF over ${curve}`, curve as Curve)
    const bytes = record(payload(), by, { SA: `ECDSA-${curve}-SHA256` })
    return valid(`OCMF over ${curve}`, `ocmf-${curve as Curve}`, by, bytes)
  })
  const both = [soundEntry, { RI: "1-0:2.8.0", RU: "kWh", RV: 7.5 }]
  const raw = Buffer.from(ocmf.sign(utf8(payload()), "compact")).toString("base64")
  const begin = { ...soundEntry, TM: "2026-06-21T13:00:00,000+0200 S", TX: "B", RV: 1200 }
  const end = { TM: soundEntry.TM, TX: "E", RV: 1234.5 }
  return [
    ...overCurves,
    valid("OCMF, no algorithm named", "ocmf-secp256r1", ocmf, record(payload(), ocmf, { SA: undefined })),
    valid(
      "OCMF, r and s in base64",
      "ocmf-secp256r1",
      ocmf,
      record(payload(), ocmf, { SE: "base64", SD: raw }),
    ),
    p256Record("OCMF, import and export", payload(both)),
    valid("OCMF at a generator", "ocmf-secp256r1-generation", ocmf, record(payload(both))),
    p256Record("OCMF, a transaction: its end counts", payload([begin, end])),
    p256Record("OCMF, a fiscal record", payload(undefined, { PG: "F7" })),
    p256Record(
      "OCMF, white space, and a number as text",
      ` ${payload([{ ...soundEntry, RV: "   12.30" }])}\n`,
    ),
    p256Record("OCMF, whole Wh", payload([{ ...soundEntry, RV: 1_234_560, RU: "Wh" }])),
    p256Record("OCMF, 0.0019 kWh are 1 Wh", payload([{ ...soundEntry, RV: 0.0019 }])),
    p256Record(
      "OCMF, a clock that only informs",
      payload([{ ...soundEntry, TM: soundEntry.TM.replace("S", "I") }]),
    ),
    p256Record("OCMF, the meter has an error", payload([{ ...soundEntry, ST: "E", EF: "E" }])),
    p256Record("OCMF, the register fell within the record", payload([begin, { ...end, RV: 1199 }])),
    p256Record("OCMF, an exception before the end", payload([begin, { ...end, TX: "X" }, { TX: "E" }])),
  ]
}

function malformedSnapshots(): NativeVectors["malformed"] {
  const scheme = Scheme.bsm
  const good = snapshot()
  const changed = (at: number, value: number) => {
    const bytes = good.slice()
    bytes[at] = value
    return bytes
  }
  const cases: [string, Uint8Array][] = [
    ["BSM, with the model's header", concatBytes(modelHeader, good)],
    ["BSM, a register short", good.subarray(2)],
    ["BSM, not finished", image({ St: 2 }, someSignature)],
    ["BSM, a byte behind a text's end", changed(2 * 149 + 1, 1)],
    ["BSM, a byte behind the signature", changed(snapshotBytes - 1, 1)],
    ["BSM, a scale factor of 11", snapshot({ Wh_SF: 10 }).with(2 * 6 + 1, 11)],
    ["BSM, not DER", changed(2 * signatureRegister, 0x31)],
    ["BSM, no time", snapshot({ Epoch: 0xffff_ffff })],
    ["BSM, an accumulator of 0", snapshot({ TotWhImp: 0 })],
    ["BSM, steps of 10 MWh", snapshot({ Wh_SF: 7 })],
  ]
  return cases.map(([name, bytes]) => ({ name, scheme, bytes: toHex(bytes) }))
}

function malformedRecords(): NativeVectors["malformed"] {
  const scheme = Scheme["ocmf-secp256r1"]
  const text = Buffer.from(record()).toString()
  const cases: [string, Uint8Array][] = [
    ["OCMF, another header", utf8(text.replace("OCMF", "ocmf"))],
    ["OCMF, no signature section", utf8(text.slice(0, text.lastIndexOf("|")))],
    ["OCMF, four sections", utf8(`${text}|`)],
    ["OCMF, white space before it", utf8(` ${text}`)],
    ["OCMF, a byte order mark", concatBytes(utf8("OCMF|\u{feff}"), utf8(text.slice(5)))],
    ["OCMF, not UTF-8", concatBytes(utf8('OCMF|{"X":"'), Uint8Array.of(0xff), utf8('"}|{}'))],
    ["OCMF, a name twice", record(payload().replace('"GS":', '"PG":"T8","GS":'))],
    ["OCMF, a name twice, once escaped", record(payload().replace('"GS":', '"\\u0050G":"T8","GS":'))],
    ["OCMF, a number that JSON does not know", record(payload().replace("1234.56", "01234.56"))],
    ["OCMF, no readings", record(payload([]))],
    ["OCMF, another hash", record(payload(), ocmf, { SA: "ECDSA-secp256r1-SHA512" })],
    ["OCMF, a signature of zeros", record(payload(), ocmf, { SD: "00".repeat(64) })],
    [
      "OCMF, DER with a byte behind",
      record(payload(), ocmf, { SD: `${Buffer.from(ocmf.sign(utf8(payload()))).toString("hex")}00` }),
    ],
    ["OCMF, no pagination", record(payload(undefined, { PG: undefined }))],
    ["OCMF, a pagination with a leading zero", record(payload(undefined, { PG: "T07" }))],
    ["OCMF, a pagination of 2^52", record(payload(undefined, { PG: `T${2 ** 52}` }))],
    ["OCMF, only a session's register", record(payload([{ ...soundEntry, RI: "1-0:1.8.0*198" }]))],
    ["OCMF, only one tariff's register", record(payload([{ ...soundEntry, RI: "1-0:1.8.1" }]))],
    ["OCMF, a day that is none", record(payload([{ ...soundEntry, TM: "2026-02-30T14:00:00,000+0200 S" }]))],
  ]
  const generator = Scheme["ocmf-secp256r1-generation"]
  return [
    ...cases.map(([name, bytes]) => ({ name, scheme, bytes: toHex(bytes) })),
    { name: "OCMF at a generator, without an export register", scheme: generator, bytes: toHex(record()) },
  ]
}

function unverified(): NativeVectors["unverified"] {
  const p384Signer = signer("OCMF over secp384r1", "secp384r1")
  const forged = utf8(Buffer.from(record()).toString().replace("1234.56", "9234.56"))
  const forgedSnapshot = snapshot()
  forgedSnapshot[2 * 5] = 1
  const of = (name: string, schemeName: SchemeName, by: Signer, bytes: Uint8Array) => ({
    name,
    scheme: Scheme[schemeName],
    publicKey: toHex(by.publicKey),
    bytes: toHex(bytes),
  })
  return [
    of("BSM, a register changed", "bsm", bsm, forgedSnapshot),
    of("BSM, another meter's", "bsm", stranger, snapshot()),
    of("OCMF, a digit changed", "ocmf-secp256r1", ocmf, forged),
    of("OCMF, another meter's", "ocmf-secp256r1", stranger, record()),
    of("OCMF, signed over another curve than the meter's", "ocmf-secp384r1", p384Signer, record()),
    of(
      "OCMF, white space added to what was signed",
      "ocmf-secp256r1",
      ocmf,
      utf8(Buffer.from(record()).toString().replace('{"FV"', '{ "FV"')),
    ),
  ]
}
