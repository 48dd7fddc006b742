import { concatBytes, type Hex, toHex } from "../hex.ts"
import { Scheme } from "../meter.ts"
import { Clock, encodeReading, type Reading, readingDigest, signedMessage } from "../reading.ts"
import { fromLittleEndian, L, littleEndian } from "./edwards.ts"
import { number32, p256Order, toNumber, type VectorMeter } from "./fixed-keys.ts"
import { meters } from "./keys.ts"
import { flip } from "./signatures.ts"

/** What a reading is refused for. A verifier need not tell them apart, but each must be refused. */
export type MalformedReason =
  | "too-long"
  | "untagged"
  | "cbor"
  | "envelope"
  | "header"
  | "payload"
  | "field"
  | "no-register"
  | "encoding"

/** A reading as JSON: energy as decimal text, because a JSON number does not hold 2^63 - 1 everywhere. */
export type ReadingFields = Record<string, number | string>

export interface ReadingVectors {
  about: string[]
  valid: {
    name: string
    meter: string
    scheme: Scheme
    publicKey: Hex
    bytes: Hex
    length: number
    fields: ReadingFields
    /** The Sig_structure. */
    message: Hex
    digest: Hex
  }[]
  malformed: { name: string; reason: MalformedReason; bytes: Hex }[]
  unverified: { name: string; meter: string; scheme: Scheme; publicKey: Hex; bytes: Hex }[]
}

/** 21 June 2026, 12:00 UTC. */
export const noon = 1782043200

const typical: Reading = {
  sequence: 48211,
  time: noon,
  clock: Clock.synchronised,
  clockSets: 3,
  boots: 12,
  generatedWh: 48_213_407n,
}
const most = Number.MAX_SAFE_INTEGER
const mostWh = 2n ** 63n - 1n
const largest: Reading = {
  sequence: most,
  time: most,
  clock: Clock.relative,
  clockSets: most,
  boots: most,
  generatedWh: mostWh,
  importedWh: mostWh,
  exportedWh: mostWh,
  powerW: -0x7fffffff,
  status: most,
  resolutionWh: 1_000_000,
}

export function readingVectors(): ReadingVectors {
  return {
    about: [
      "Readings. SPEC.md, 3. bytes is the whole COSE_Sign1.",
      "valid: in the one form, and signed by the meter. fields are what it says, energy in Wh as decimal text; message is what the signature covers; digest is keccak256 of the bytes.",
      "malformed: not a reading. The signature in each is right for the header and the payload that stand there, so that a verifier must refuse the form. The reason is the class in SPEC.md, 3.5; where two apply, either may be given.",
      "unverified: in the one form, but not signed by the meter that is named.",
    ],
    valid: validReadings(),
    malformed: malformedReadings(),
    unverified: unverifiedReadings(),
  }
}

function validReadings(): ReadingVectors["valid"] {
  const of = (name: string, { name: meter, key, sign }: VectorMeter, reading: Reading) => {
    const bytes = encodeReading(reading, key.scheme, key.kid, sign)
    return {
      name,
      meter,
      scheme: key.scheme,
      publicKey: toHex(key.publicKey),
      bytes: toHex(bytes),
      length: bytes.length,
      fields: fieldsOf(reading),
      message: toHex(signedMessage(headerOf(bytes), payloadOf(bytes))),
      digest: readingDigest(bytes),
    }
  }
  const { generatedWh: _, ...noRegister } = typical
  const { roof, grid, plain, hardware } = meters
  return [
    of("a roof's reading", roof, typical),
    of("everything at its smallest", roof, {
      sequence: 0,
      time: 0,
      clock: Clock.unknown,
      clockSets: 0,
      boots: 0,
      generatedWh: 0n,
    }),
    of("everything at its largest: the longest reading", roof, largest),
    of("everything at its largest, ES256", hardware, largest),
    of("every field", grid, {
      ...typical,
      importedWh: 1_204_551n,
      exportedWh: 15_002_990n,
      powerW: -2417,
      status: 5,
      resolutionWh: 10,
    }),
    of("imported energy alone", grid, { ...noRegister, importedWh: 1_204_551n }),
    of("exported energy alone", grid, { ...noRegister, exportedWh: 1n }),
    of("a grid meter", grid, { ...noRegister, importedWh: 1_204_551n, exportedWh: 15_002_990n, powerW: 310 }),
    of("a plain meter: the gateway's key for it signs", plain, { ...typical, resolutionWh: 8 }),
    of("ES256", hardware, typical),
    of("a clock of unknown quality", roof, { ...typical, clock: Clock.unknown, time: 0 }),
    of("a clock that only informs", roof, { ...typical, clock: Clock.informative }),
    of("a relative clock", roof, { ...typical, clock: Clock.relative, time: 86_400 }),
    of("the power at its highest", roof, { ...typical, powerW: 0x7fffffff }),
    of("a power of 0 is said", roof, { ...typical, powerW: 0 }),
    of("the resolution at its finest", roof, { ...typical, resolutionWh: 2 }),
    ...[23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32].map((sequence) =>
      of(`where the length of a number changes: sequence ${sequence}`, roof, { ...typical, sequence }),
    ),
    of("a register above 2^53", roof, { ...typical, generatedWh: 2n ** 53n + 1n }),
  ]
}

export function fieldsOf(reading: Reading): ReadingFields {
  return Object.fromEntries(
    Object.entries(reading).map(([name, value]) => [
      name,
      typeof value === "bigint" ? value.toString() : value,
    ]),
  )
}

/** The reading that `fieldsOf` wrote down. */
export function readingOf(fields: ReadingFields): Reading {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? BigInt(value) : value]),
  ) as unknown as Reading
}

// Where the parts of a reading are, as SPEC.md counts them: tag, array, header (14 bytes), map, payload.
const headerOf = (bytes: Uint8Array) => bytes.subarray(3, 16)
const payloadOf = (bytes: Uint8Array) => {
  const long = bytes[17] === 0x58
  const start = long ? 19 : 18
  return bytes.subarray(start, start + (long ? bytes[18]! : bytes[17]! - 0x40))
}

// ---------------------------------------------------------------- CBOR by hand, to write what no encoder writes

const bytesOf = (...values: number[]) => Uint8Array.from(values)
const join = concatBytes

/** The head of an item: major type, argument, and in how many bytes the argument is written (0: in the first byte). */
function head(major: number, argument: number | bigint, width?: 0 | 1 | 2 | 4 | 8): Uint8Array {
  const value = BigInt(argument)
  const least = value < 24n ? 0 : value < 256n ? 1 : value < 65_536n ? 2 : value < 2n ** 32n ? 4 : 8
  const size = width ?? least
  if (size === 0) return bytesOf((major << 5) | Number(value))
  const out = new Uint8Array(1 + size)
  out[0] = (major << 5) | (23 + Math.log2(size) + 1)
  for (let i = 0; i < size; i++) out[size - i] = Number((value >> BigInt(8 * i)) & 0xffn)
  return out
}

const int = (value: number | bigint) => (BigInt(value) < 0n ? head(1, -1n - BigInt(value)) : head(0, value))
const byteString = (content: Uint8Array) => join(head(2, content.length), content)
const mapOf = (...items: Uint8Array[]) => join(head(5, items.length / 2), ...items)

/** Payload keys 1 to 5 as they stand in `typical`. */
const first = [1, 48211, 2, noon, 3, 2, 4, 3, 5, 12].map(int)
const register = [int(6), int(48_213_407)]
const payload = mapOf(...first, ...register)
const alg = [int(1), int(-8)]
const kid = [int(4), byteString(meters.roof.key.kid)]
const header = mapOf(...alg, ...kid)

/** A COSE_Sign1 with a right signature over what is in it. */
function envelope(headerBytes: Uint8Array, payloadBytes: Uint8Array): Uint8Array {
  const signature = meters.roof.sign(signedMessage(headerBytes, payloadBytes))
  return join(
    bytesOf(0xd2, 0x84),
    byteString(headerBytes),
    bytesOf(0xa0),
    byteString(payloadBytes),
    byteString(signature),
  )
}

function malformedReadings(): ReadingVectors["malformed"] {
  const good = envelope(header, payload)
  const signature = good.subarray(good.length - 64)
  const [head_, unprotected, body, sig] = [
    byteString(header),
    bytesOf(0xa0),
    byteString(payload),
    byteString(signature),
  ]
  const whole = (...parts: Uint8Array[]) => join(bytesOf(0xd2, 0x84), ...parts)
  const of = (reason: MalformedReason, name: string, bytes: Uint8Array) => ({
    name,
    reason,
    bytes: toHex(bytes),
  })
  const withPayload = (reason: MalformedReason, name: string, ...items: Uint8Array[]) =>
    of(reason, name, envelope(header, mapOf(...items)))
  const withHeader = (reason: MalformedReason, name: string, ...items: Uint8Array[]) =>
    of(reason, name, envelope(mapOf(...items), payload))
  /** The typical payload with one field's value in other bytes. */
  const withField = (reason: MalformedReason, name: string, key: number, value: Uint8Array) => {
    const items = [...first, ...register]
    const at = key * 2 - 1
    if (key <= 6) return withPayload(reason, name, ...items.with(at, value))
    return withPayload(reason, name, ...items, int(key), value)
  }
  const float64 = (value: number) => {
    const out = new Uint8Array(9)
    out[0] = 0xfb
    new DataView(out.buffer).setFloat64(1, value)
    return out
  }
  return [
    of("untagged", "no bytes", new Uint8Array()),
    of("untagged", "the tag missing", good.subarray(1)),
    of("untagged", "tag 98, COSE_Sign", join(bytesOf(0xd8, 98), good.subarray(1))),
    of("untagged", "tag 17, COSE_Mac0", join(bytesOf(0xd1), good.subarray(1))),
    of("untagged", "tag 18 in two bytes", join(bytesOf(0xd8, 18), good.subarray(1))),
    of("untagged", "tag 61, a CWT, around it", join(bytesOf(0xd8, 61), good)),
    of("untagged", "self-described CBOR (tag 55799) around it", join(bytesOf(0xd9, 0xd9, 0xf7), good)),
    of("untagged", "JSON", new TextEncoder().encode('{"generatedWh":48213407}')),

    of("cbor", "the tag alone", bytesOf(0xd2)),
    of("cbor", "the last byte missing", good.subarray(0, -1)),
    of("cbor", "the first half", good.subarray(0, good.length >> 1)),
    of("cbor", "a byte too many", join(good, bytesOf(0))),
    of("cbor", "the same reading twice", join(good, good.subarray(1))),
    of("cbor", "a length of 2^63", join(bytesOf(0xd2, 0x84), head(2, 2n ** 63n), header)),
    of("cbor", "arrays in arrays to the end", join(bytesOf(0xd2), new Uint8Array(200).fill(0x81))),
    of("cbor", "a reserved additional information (28)", join(bytesOf(0xd2, 0x9c), good.subarray(2))),
    of("cbor", "the tag twice", join(bytesOf(0xd2), good)),
    withPayload("cbor", "a key of the payload twice", ...first, ...register, ...register),
    of("cbor", "a payload that is cut", envelope(header, payload.subarray(0, -1))),
    of("cbor", "a byte behind the payload's map", envelope(header, join(payload, bytesOf(0)))),
    of("cbor", "a byte behind the header's map", envelope(join(header, bytesOf(0)), payload)),
    of("cbor", "an empty payload", envelope(header, new Uint8Array())),
    of("cbor", "an empty protected header", envelope(new Uint8Array(), payload)),

    of(
      "encoding",
      "the array with an indefinite length",
      join(bytesOf(0xd2, 0x9f), good.subarray(2), bytesOf(0xff)),
    ),
    of("encoding", "the array's length in two bytes", join(bytesOf(0xd2, 0x98, 4), good.subarray(2))),
    of(
      "encoding",
      "the header's length in two bytes",
      whole(join(head(2, header.length, 1), header), unprotected, body, sig),
    ),
    of(
      "encoding",
      "the header as a byte string of indefinite length",
      whole(join(bytesOf(0x5f), head_, bytesOf(0xff)), unprotected, body, sig),
    ),
    of(
      "encoding",
      "the payload's length in two bytes",
      whole(head_, unprotected, join(head(2, payload.length, 1), payload), sig),
    ),
    of(
      "encoding",
      "the signature's length in three bytes",
      whole(head_, unprotected, body, join(head(2, 64, 2), signature)),
    ),
    of(
      "encoding",
      "the unprotected map with an indefinite length",
      whole(head_, bytesOf(0xbf, 0xff), body, sig),
    ),
    of(
      "encoding",
      "the payload's map with an indefinite length",
      envelope(header, join(bytesOf(0xbf), payload.subarray(1), bytesOf(0xff))),
    ),
    of(
      "encoding",
      "the payload's map length in two bytes",
      envelope(header, join(bytesOf(0xb8, 6), payload.subarray(1))),
    ),
    withPayload("encoding", "the payload's keys not in order", ...register, ...first),
    withPayload(
      "encoding",
      "the first two keys exchanged",
      ...first.slice(2, 4),
      ...first.slice(0, 2),
      ...first.slice(4),
      ...register,
    ),
    withHeader("encoding", "the header's keys not in order", ...kid, ...alg),
    withPayload("encoding", "a key in two bytes", head(0, 1, 1), ...first.slice(1), ...register),
    withField("encoding", "a number in one byte more than it needs", 5, head(0, 12, 1)),
    withField("encoding", "a register in 8 bytes where 4 are enough", 6, head(0, 48_213_407, 8)),
    withHeader("encoding", "the algorithm in two bytes", int(1), head(1, 7, 1), ...kid),
    withField("encoding", "a whole number as a half float", 5, bytesOf(0xf9, 0x4a, 0x00)),
    withField("encoding", "a register as a float, 48213407.0", 6, float64(48_213_407)),
    withField("encoding", "minus zero as a float", 5, bytesOf(0xf9, 0x80, 0x00)),

    of("envelope", "an array of three", join(bytesOf(0xd2, 0x83), head_, unprotected, body)),
    of("envelope", "an array of five", join(bytesOf(0xd2, 0x85), good.subarray(2), bytesOf(0xf6))),
    of("envelope", "a map", join(bytesOf(0xd2, 0xa2), head_, unprotected, body, sig)),
    of("envelope", "a number", bytesOf(0xd2, 0x00)),
    of("envelope", "the header as a map, not as bytes", whole(header, unprotected, body, sig)),
    of("envelope", "the payload as a map, not as bytes", whole(head_, unprotected, payload, sig)),
    of("envelope", "the payload detached (null)", whole(head_, unprotected, bytesOf(0xf6), sig)),
    of("envelope", "the payload as text", whole(head_, unprotected, join(bytesOf(0x61, 0x61)), sig)),
    of("envelope", "an unprotected header with a key id", whole(head_, mapOf(...kid), body, sig)),
    of("envelope", "an unprotected header that is an array", whole(head_, bytesOf(0x80), body, sig)),
    of("envelope", "an unprotected header that is null", whole(head_, bytesOf(0xf6), body, sig)),
    of(
      "envelope",
      "a signature of 63 bytes",
      whole(head_, unprotected, body, byteString(signature.subarray(1))),
    ),
    of(
      "envelope",
      "a signature of 65 bytes",
      whole(head_, unprotected, body, byteString(join(signature, bytesOf(0)))),
    ),
    of("envelope", "a signature of no bytes", whole(head_, unprotected, body, bytesOf(0x40))),
    of("envelope", "a signature that is null", whole(head_, unprotected, body, bytesOf(0xf6))),

    withHeader("header", "no key id", ...alg),
    withHeader("header", "no algorithm", ...kid),
    withHeader("header", "a header without anything"),
    withHeader("header", "a third header: content type", ...alg, int(3), int(60), ...kid),
    withHeader("header", "a critical header", ...alg, int(2), bytesOf(0x81, 0x01), ...kid),
    withHeader("header", "a key id of 7 bytes", ...alg, int(4), byteString(meters.roof.key.kid.subarray(1))),
    withHeader(
      "header",
      "a key id of 9 bytes",
      ...alg,
      int(4),
      byteString(join(meters.roof.key.kid, bytesOf(0))),
    ),
    withHeader(
      "header",
      "a key id as text",
      ...alg,
      int(4),
      join(head(3, 8), new TextEncoder().encode("01234567")),
    ),
    withHeader("header", "algorithm ES384 (-35)", int(1), int(-35), ...kid),
    withHeader("header", "algorithm ESP256 (-9) of RFC 9864", int(1), int(-9), ...kid),
    withHeader("header", "algorithm Ed25519 (-19) of RFC 9864", int(1), int(-19), ...kid),
    withHeader(
      "header",
      "algorithm as text",
      int(1),
      join(head(3, 5), new TextEncoder().encode("EdDSA")),
      ...kid,
    ),
    withHeader("header", "algorithm 8", int(1), int(8), ...kid),
    of("header", "an array as the header", envelope(join(bytesOf(0x82), int(-8), kid[1]!), payload)),

    of(
      "payload",
      "an array as the payload",
      envelope(header, join(bytesOf(0x85), ...first.filter((_, i) => i % 2))),
    ),
    of("payload", "a number as the payload", envelope(header, int(48_213_407))),
    of("payload", "an empty map", envelope(header, mapOf())),
    ...["sequence", "time", "clock", "clockSets", "boots"].map((name, i) =>
      withPayload(
        "payload",
        `${name} missing`,
        ...first.slice(0, 2 * i),
        ...first.slice(2 * i + 2),
        ...register,
      ),
    ),
    withPayload("payload", "key 0", int(0), int(1), ...first, ...register),
    withPayload("payload", "key 12", ...first, ...register, int(12), int(1)),
    withPayload("payload", "key -1", ...first, ...register, int(-1), int(1)),
    withPayload("payload", "a key that is text", ...first, ...register, bytesOf(0x61, 0x36), int(1)),
    withPayload("no-register", "no register", ...first),
    withPayload("no-register", "a power and no register", ...first, int(9), int(100)),

    withField("field", "a register as a float", 6, float64(48_213_407.5)),
    withField("field", "a register that is not a number", 6, bytesOf(0xf9, 0x7e, 0x00)),
    withField("field", "a register that is infinite", 6, bytesOf(0xf9, 0x7c, 0x00)),
    withField("field", "a negative register", 6, int(-1)),
    withField("field", "a register of 2^63", 6, int(2n ** 63n)),
    withField("field", "a register of 2^64 - 1, SunSpec's 'not implemented'", 6, int(2n ** 64n - 1n)),
    withField(
      "cbor",
      "a register as a bignum (tag 2)",
      6,
      join(bytesOf(0xc2), byteString(bytesOf(2, 0xdf, 0xab, 0x1f))),
    ),
    withField("field", "a register as text", 6, join(head(3, 2), new TextEncoder().encode("12"))),
    withField("field", "a register that is null", 6, bytesOf(0xf6)),
    withField("cbor", "a register that is undefined", 6, bytesOf(0xf7)),
    withField("field", "a register that is true", 6, bytesOf(0xf5)),
    withField("field", "a register in an array", 6, join(bytesOf(0x81), int(1))),
    withField("field", "a sequence of 2^53", 1, int(2n ** 53n)),
    withField("field", "a negative sequence", 1, int(-1)),
    withField("field", "a time of 2^53", 2, int(2n ** 53n)),
    withField("field", "a negative time", 2, int(-1)),
    withField("field", "a time with a fraction", 2, float64(noon + 0.5)),
    withField("cbor", "a time with tag 1", 2, join(bytesOf(0xc1), int(noon))),
    withField("field", "a clock quality of 4", 3, int(4)),
    withField("field", "a clock quality of -1", 3, int(-1)),
    withField("field", "a negative number of clock sets", 4, int(-1)),
    withField("field", "a number of boots of 2^64 - 1", 5, int(2n ** 64n - 1n)),
    withField("field", "a power of 2^31", 9, int(2n ** 31n)),
    withField("field", "a power of -2^31", 9, int(-(2n ** 31n))),
    withField("field", "a power with a fraction", 9, bytesOf(0xf9, 0x3e, 0x00)),
    withField("field", "a status of -1", 10, int(-1)),
    withField("field", "a resolution of 0", 11, int(0)),
    withField("field", "a resolution of 1", 11, int(1)),
    withField("field", "a resolution of 1,000,001", 11, int(1_000_001)),
    withField("field", "a negative resolution", 11, int(-10)),

    of("too-long", "257 bytes", join(good, new Uint8Array(257 - good.length))),
  ]
}

function unverifiedReadings(): ReadingVectors["unverified"] {
  const { roof, grid, hardware, neighbour } = meters
  const of = (name: string, { name: meter, key }: VectorMeter, bytes: Uint8Array) => ({
    name,
    meter,
    scheme: key.scheme,
    publicKey: toHex(key.publicKey),
    bytes: toHex(bytes),
  })
  const signed = ({ key, sign }: VectorMeter, change: (signature: Uint8Array) => Uint8Array = (s) => s) =>
    encodeReading(typical, key.scheme, key.kid, (message) => change(sign(message)))
  const context = new TextEncoder().encode("commonwatt/reading/1")
  const otherContext = new TextEncoder().encode("commonwatt/reading/2")
  const S = (signature: Uint8Array, change: (s: bigint) => bigint) =>
    join(signature.subarray(0, 32), fromLittleEndian(change(littleEndian(signature.subarray(32)))))
  return [
    of(
      "a bit of R flipped",
      roof,
      signed(roof, (s) => flip(s, 3)),
    ),
    of(
      "a bit of S flipped",
      roof,
      signed(roof, (s) => flip(s, 300)),
    ),
    of("a bit of the register flipped", roof, flipRegister(signed(roof))),
    of(
      "signed by another meter with this meter's key id",
      roof,
      encodeReading(typical, roof.key.scheme, roof.key.kid, grid.sign),
    ),
    of("another meter's reading", roof, signed(neighbour)),
    of(
      "this meter's signature under another key id",
      roof,
      encodeReading(typical, roof.key.scheme, grid.key.kid, roof.sign),
    ),
    of(
      "signed with another context",
      roof,
      encodeReading(typical, roof.key.scheme, roof.key.kid, (m) =>
        roof.sign(replace(m, context, otherContext)),
      ),
    ),
    of(
      "signed without a context",
      roof,
      encodeReading(typical, roof.key.scheme, roof.key.kid, (m) =>
        roof.sign(replace(m, join(bytesOf(0x54), context), bytesOf(0x40))),
      ),
    ),
    of(
      "the payload signed, not the Sig_structure",
      roof,
      encodeReading(typical, roof.key.scheme, roof.key.kid, () => roof.sign(payload)),
    ),
    of(
      "S + L: the same signature in other bytes",
      roof,
      signed(roof, (s) => S(s, (n) => n + L)),
    ),
    of(
      "S = L",
      roof,
      signed(roof, (s) => S(s, () => L)),
    ),
    of(
      "a signature of zeros",
      roof,
      signed(roof, () => new Uint8Array(64)),
    ),
    of(
      "ES256, n - s: the same signature in other bytes",
      hardware,
      signed(hardware, (s) => join(s.subarray(0, 32), number32(p256Order - toNumber(s.subarray(32))))),
    ),
    of(
      "ES256, a bit of s flipped",
      hardware,
      signed(hardware, (s) => flip(s, 500)),
    ),
    of(
      "ES256, a signature of zeros",
      hardware,
      signed(hardware, () => new Uint8Array(64)),
    ),
    of(
      "ES256 said, the meter's key is Ed25519",
      roof,
      encodeReading(typical, Scheme.es256, roof.key.kid, hardware.sign),
    ),
    of(
      "EdDSA said, the meter's key is ES256",
      hardware,
      encodeReading(typical, Scheme.ed25519, hardware.key.kid, roof.sign),
    ),
  ]
}

/** The lowest bit of the register: the payload's last byte, which stands before the signature's 66. */
function flipRegister(bytes: Uint8Array): Uint8Array {
  return flip(bytes, (bytes.length - 67) * 8)
}

function replace(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf(from)
  if (at < 0) throw new Error("what is to be replaced is not there")
  return join(bytes.subarray(0, at), to, bytes.subarray(at + from.length))
}
