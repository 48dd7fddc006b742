import { isDeepStrictEqual } from "node:util"
import { decode } from "cborg"
import fc from "fast-check"
import t from "tap"
import { keccak256 } from "viem"
import { fromHex, toHex } from "./hex.ts"
import { meterKey, type Scheme } from "./meter.ts"
import {
  Clock,
  type CoseReading,
  decodeReading,
  encodeReading,
  MalformedReading,
  maxReadingBytes,
  type Reading,
  readingDigest,
} from "./reading.ts"
import { decodeByLibrary } from "./reading-by-library.test.support.ts"
import { verifySignature } from "./signature.ts"
import { meters } from "./vectors/keys.ts"
import { loadVectors } from "./vectors/load.ts"
import { fieldsOf, type MalformedReason, type ReadingVectors, readingOf } from "./vectors/readings.ts"

const { valid, malformed, unverified } = loadVectors<ReadingVectors>("readings")

/** What is in the wrong form (cbor, encoding) is refused wherever it stops being a reading. */
const words: Record<MalformedReason, RegExp> = {
  "too-long": /at most 256 bytes/,
  untagged: /Not a tagged COSE_Sign1/,
  cbor: /./,
  envelope: /array of four|header must|payload must be a byte string|signature must be/,
  header: /protected header must hold|is neither EdDSA/,
  payload: /payload must be|payload lacks|SPEC\.md does not know/,
  field: /must be|is out of range|resolution is/,
  "no-register": /no register/,
  encoding: /./,
}

t.test("each valid reading of the vectors says what it says, signed by its meter", async (t) => {
  for (const { name, scheme, publicKey, bytes, length, fields, message, digest } of valid) {
    const signed = decodeReading(fromHex(bytes))
    t.same(fieldsOf(signed.reading), fields, name)
    t.equal(toHex(signed.message), message, name)
    t.equal(signed.bytes.length, length, name)
    t.equal(readingDigest(fromHex(bytes)), digest, name)
    t.equal(keccak256(bytes), digest, "viem has the same digest")
    t.ok(verifySignature(meterKey(scheme, fromHex(publicKey)), signed), name)
  }
})

t.test("each malformed reading of the vectors is refused for its reason", async (t) => {
  for (const { name, reason, bytes } of malformed) {
    t.throws(() => decodeReading(fromHex(bytes)), { name: "MalformedReading", message: words[reason] }, name)
  }
})

t.test("each reading of the vectors that nobody signed is well formed and not verified", async (t) => {
  for (const { name, scheme, publicKey, bytes } of unverified)
    t.notOk(verifySignature(meterKey(scheme, fromHex(publicKey)), decodeReading(fromHex(bytes))), name)
})

t.test("encoding the fields of a valid reading again gives its bytes", async (t) => {
  for (const { name, meter, scheme, bytes, fields } of valid) {
    const { key, sign } = Object.values(meters).find((m) => m.name === meter)!
    t.equal(toHex(encodeReading(readingOf(fields), scheme, key.kid, sign)), bytes, name)
  }
})

const count = fc.maxSafeNat()
const wh = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const readings: fc.Arbitrary<Reading> = fc
  .record(
    {
      sequence: count,
      time: count,
      clock: fc.constantFrom(...Object.values(Clock)),
      clockSets: count,
      boots: count,
      generatedWh: wh,
      importedWh: wh,
      exportedWh: wh,
      powerW: fc.integer({ min: -0x7fffffff, max: 0x7fffffff }),
      status: count,
      resolutionWh: fc.integer({ min: 2, max: 1_000_000 }),
    },
    { requiredKeys: ["sequence", "time", "clock", "clockSets", "boots"] },
  )
  .filter((r) => r.generatedWh !== undefined || r.importedWh !== undefined || r.exportedWh !== undefined)
const signers = fc.constantFrom(meters.roof, meters.hardware)

t.test("any reading comes back from its bytes, verified", async () => {
  fc.assert(
    fc.property(readings, signers, (reading, { key, sign }) => {
      const signed = decodeReading(encodeReading(reading, key.scheme, key.kid, sign))
      return (
        JSON.stringify(fieldsOf(signed.reading)) === JSON.stringify(fieldsOf(reading)) &&
        signed.scheme === key.scheme &&
        toHex(signed.kid) === toHex(key.kid) &&
        verifySignature(key, signed)
      )
    }),
    { numRuns: 300 },
  )
})

t.test("no reading is longer than 180 bytes, and the largest one is as long", async (t) => {
  let longest = 0
  fc.assert(
    fc.property(readings, (reading) => {
      const { length } = encodeReading(
        reading,
        meters.roof.key.scheme,
        meters.roof.key.kid,
        () => new Uint8Array(64),
      )
      longest = Math.max(longest, length)
      return length <= 180
    }),
    { numRuns: 500 },
  )
  t.ok(longest <= 180)
  t.equal(Math.max(...valid.map(({ length }) => length)), 180)
  t.ok(180 <= maxReadingBytes)
})

function refusedOrUnverified(bytes: Uint8Array, scheme: Scheme, publicKey: Uint8Array): boolean {
  try {
    return !verifySignature(meterKey(scheme, publicKey), decodeReading(bytes))
  } catch (error) {
    if (error instanceof MalformedReading) return true
    throw error
  }
}

t.test("with any byte changed a reading is refused or does not verify", async (t) => {
  for (const { name, scheme, publicKey, bytes } of valid.filter((v) =>
    /a roof's reading|every field|^ES256$/.test(v.name),
  )) {
    const original = fromHex(bytes)
    for (let i = 0; i < original.length; i++)
      for (const change of [1, 0x20, 0x80, 0xff]) {
        const changed = original.with(i, original[i]! ^ change)
        if (!refusedOrUnverified(changed, scheme, fromHex(publicKey)))
          t.fail(`${name}: byte ${i} ^ ${change}`)
      }
  }
  fc.assert(
    fc.property(
      readings,
      signers,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (reading, { key, sign }, at, change) => {
        const bytes = encodeReading(reading, key.scheme, key.kid, sign)
        const i = at % bytes.length
        return refusedOrUnverified(bytes.with(i, bytes[i]! ^ change), key.scheme, key.publicKey)
      },
    ),
    { numRuns: 300 },
  )
})

/** What a decoder makes of the bytes. */
function outcome(decoder: (bytes: Uint8Array) => CoseReading, bytes: Uint8Array) {
  try {
    const { scheme, kid, reading, message, signature } = decoder(bytes)
    return { scheme, kid: toHex(kid), reading, message: toHex(message), signature: toHex(signature) }
  } catch (error) {
    if (error instanceof MalformedReading) return "refused"
    throw error
  }
}

t.test(
  "the one pass and a general CBOR library come to the same, whatever is done to the bytes",
  async (t) => {
    const same = (bytes: Uint8Array) =>
      isDeepStrictEqual(outcome(decodeReading, bytes), outcome(decodeByLibrary, bytes))
    for (const { name, bytes } of [...valid, ...malformed, ...unverified]) t.ok(same(fromHex(bytes)), name)
    const vector = fc.constantFrom(...[...valid, ...malformed].map(({ bytes }) => fromHex(bytes)))
    const generated = fc
      .tuple(readings, signers)
      .map(([reading, { key }]) => encodeReading(reading, key.scheme, key.kid, () => new Uint8Array(64)))
    const heads = [
      0x17, 0x18, 0x19, 0x1a, 0x1b, 0x38, 0x3b, 0x57, 0x58, 0x59, 0x80, 0xa0, 0xa6, 0xc1, 0xf6, 0xf9,
    ]
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(...heads))
    const edit = fc.record({
      at: fc.nat(200),
      kind: fc.constantFrom("set", "insert", "remove", "add"),
      byte,
    })
    let taken = 0
    fc.assert(
      fc.property(fc.oneof(vector, generated), fc.array(edit, { maxLength: 3 }), (original, edits) => {
        const bytes = [...original]
        for (const { at, kind, byte } of edits) {
          const i = at % (bytes.length + 1)
          if (kind === "set") bytes[i] = byte
          else if (kind === "insert") bytes.splice(i, 0, byte)
          else if (kind === "remove") bytes.splice(i, 1)
          else bytes[i] = ((bytes[i] ?? 0) + byte) % 256
        }
        const changed = Uint8Array.from(bytes)
        if (outcome(decodeReading, changed) !== "refused") taken++
        return same(changed)
      }),
      { numRuns: 8_000 },
    )
    t.ok(taken > 500, `${taken} were readings`)
  },
)

t.test("cut or lengthened anywhere a reading is refused", async (t) => {
  const original = fromHex(valid[0]!.bytes)
  for (let length = 0; length < original.length; length++)
    t.throws(() => decodeReading(original.subarray(0, length)), MalformedReading)
  for (let more = 1; more <= maxReadingBytes - original.length; more++) {
    const longer = new Uint8Array(original.length + more)
    longer.set(original)
    t.throws(() => decodeReading(longer), MalformedReading)
  }
})

t.test(
  "whatever bytes come, they are a reading or refused as malformed, and nothing else is thrown",
  async () => {
    const start = fc.constantFrom(
      "0x",
      "0xd2",
      "0xd284",
      valid[0]!.bytes.slice(0, 34),
      valid[0]!.bytes.slice(0, 40),
    )
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 260 }), (prefix, rest) => {
        try {
          decodeReading(Uint8Array.from([...fromHex(prefix), ...rest]))
        } catch (error) {
          return error instanceof MalformedReading
        }
        return true
      }),
      { numRuns: 3000 },
    )
  },
)

t.test("a reading that nobody would take is not signed", async (t) => {
  const { key, sign } = meters.roof
  const good: Reading = {
    sequence: 1,
    time: 1,
    clock: Clock.synchronised,
    clockSets: 0,
    boots: 1,
    generatedWh: 1n,
  }
  const { generatedWh: _, ...none } = good
  const refused: [Reading, RegExp][] = [
    [none, /no register/],
    [{ ...good, generatedWh: -1n }, /generatedWh must be from 0/],
    [{ ...good, generatedWh: 2n ** 63n }, /generatedWh must be from 0/],
    [{ ...good, time: 1.5 }, /time must be an integer/],
    [{ ...good, time: Number.NaN }, /time must be an integer/],
    [{ ...good, powerW: 2 ** 31 }, /powerW is out of range/],
    [{ ...good, resolutionWh: 1 }, /leaving it out/],
    [{ ...good, clock: 4 as Clock }, /clock quality/],
  ]
  for (const [reading, reason] of refused) {
    let asked = false
    const trap = (message: Uint8Array) => {
      asked = true
      return sign(message)
    }
    t.throws(() => encodeReading(reading, key.scheme, key.kid, trap), reason)
    t.notOk(asked, "the key was not used")
  }
  t.throws(() => encodeReading(good, key.scheme, key.kid.subarray(1), sign), /key id must be 8 bytes/)
  t.throws(() => encodeReading(good, key.scheme, key.kid, () => new Uint8Array(63)), /64 bytes/)
})

t.test("what is signed is RFC 9052's Sig_structure with our context", async (t) => {
  const { message } = decodeReading(fromHex(valid[0]!.bytes))
  const [context, header, aad, payload] = decode(message) as [string, Uint8Array, Uint8Array, Uint8Array]
  t.equal(context, "Signature1")
  t.equal(new TextDecoder().decode(aad), "commonwatt/reading/1")
  t.ok(valid[0]!.bytes.includes(toHex(header).slice(2)) && valid[0]!.bytes.includes(toHex(payload).slice(2)))
})
