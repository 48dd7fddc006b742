import fc from "fast-check"
import t from "tap"
import { concatBytes } from "../hex.ts"
import { type Curve, curves } from "./curves.ts"
import { keyOnCurve, parseKey } from "./key.ts"
import { parseOcmf, verifyOcmf } from "./record.ts"
import {
  curveNames,
  entry,
  hex,
  newSigner,
  payload,
  record,
  type Signer,
  signed,
  utf8,
} from "./sign.test.support.ts"

const signers = curveNames.map(newSigner)
const p256 = signers.find(({ key }) => key.curve === curves.secp256r1)!
const SA = "ECDSA-secp256r1-SHA256"

/** What a record with this signature section over the good payload is: verified, or why it is refused. */
function outcome(
  section: Record<string, unknown> | string,
  signer = p256,
  text = payload(),
): boolean | string {
  return verdict(record(text, section), signer)
}

function verdict(bytes: Uint8Array, { key }: Signer): boolean | string {
  try {
    return verifyOcmf(parseOcmf(bytes), key)
  } catch (error) {
    if ((error as Error).name !== "MalformedOcmf") throw error
    return (error as Error).message
  }
}

function bigEndian(value: bigint, size: number): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * size, "0"), "hex"))
}

/** DER of an integer, minimal. */
function derInteger(value: bigint): Uint8Array {
  let digits = value.toString(16)
  if (digits.length % 2) digits = `0${digits}`
  if (Number.parseInt(digits.slice(0, 2), 16) >= 0x80) digits = `00${digits}`
  return concatBytes(Uint8Array.of(2, digits.length / 2), Uint8Array.from(Buffer.from(digits, "hex")))
}

function derSequence(...parts: Uint8Array[]): Uint8Array {
  const contents = concatBytes(...parts)
  return concatBytes(Uint8Array.of(0x30, contents.length), contents)
}

function partsOf(raw: Uint8Array, { size }: Curve): [bigint, bigint] {
  const value = (bytes: Uint8Array) => BigInt(`0x${hex(bytes)}`)
  return [value(raw.subarray(0, size)), value(raw.subarray(size))]
}

t.test("a record is verified over every curve, in DER and as r and s, in hex and base64", async (t) => {
  for (const signer of signers) {
    const { name } = signer.key.curve
    const message = utf8(payload())
    for (const bytes of [signer.der(message), signer.raw(message)])
      for (const encoding of ["hex", "base64"] as const) {
        const SD = Buffer.from(bytes).toString(encoding)
        t.equal(
          outcome({ SA: `ECDSA-${name}-SHA256`, SE: encoding, SD }, signer),
          true,
          `${name} ${encoding}`,
        )
      }
  }
})

t.test("the brainpool curves are known by the specification's spelling and by their own", async (t) => {
  for (const [curve, name] of [
    ["brainpoolP256r1", "brainpool256r1"],
    ["brainpoolP384r1", "brainpool384r1"],
  ] as const) {
    const signer = signers.find(({ key }) => key.curve.name === curve)!
    t.equal(outcome({ SA: `ECDSA-${name}-SHA256`, SD: hex(signer.der(utf8(payload()))) }, signer), true)
  }
})

t.test("without SA, SE and SM their defaults hold: P-256 with SHA-256, hexadecimal, DER", async (t) => {
  const SD = hex(p256.der(utf8(payload())))
  t.equal(outcome({ SD }), true)
  t.equal(outcome({ SD: SD.toUpperCase() }), true)
  t.equal(outcome({ SD, SM: "application/x-der" }), true)
  t.equal(outcome({ SD, Zzz: 1, A: {} }), true, "unsigned names that others add are passed over")
})

t.test("a record that names other algorithms, encodings or types is refused", async (t) => {
  const SD = hex(p256.der(utf8(payload())))
  for (const algorithm of ["ECDSA-secp256r1-SHA512", "RSA-2048-SHA256", "secp256r1", "", "none"])
    t.match(outcome({ SA: algorithm, SD }), /is not one of OCMF's/, algorithm)
  t.match(outcome({ SD, SE: "base58" }), /neither hex nor base64/)
  t.match(outcome({ SD, SM: "application/x-raw" }), /is not application\/x-der/)
  t.match(outcome({ SD: hex(p256.raw(utf8(payload()))), SM: "application/x-der" }), /not an ECDSA signature/)
  t.match(outcome({ SA: 1, SD }), /SA in the signature section is not a string/)
  t.match(outcome({ SD: null }), /SD in the signature section is not a string/)
  t.match(outcome({ SA }), /has no signature/)
  t.match(outcome({ SD: "" }), /is not hexadecimal/)
  t.match(outcome({ SD: `0x${SD}` }), /is not hexadecimal/)
  t.match(outcome({ SD: SD.slice(1) }), /is not hexadecimal/)
  const base64 = Buffer.from(SD, "hex").toString("base64")
  t.match(outcome({ SD: ` ${base64}`, SE: "base64" }), /not canonical base64/)
  t.match(outcome({ SD: base64.replace(/=*$/, "!"), SE: "base64" }), /not canonical base64/)
})

t.test("DER is taken strictly", async (t) => {
  const der = p256.der(utf8(payload()))
  const [r, s] = partsOf(p256.raw(utf8(payload())), curves.secp256r1)
  const rest = der.subarray(2)
  const long = (integer: Uint8Array) =>
    concatBytes(Uint8Array.of(2, integer.length - 1, 0), integer.subarray(2))
  const cases: [string, Uint8Array, RegExp][] = [
    ["a byte behind", concatBytes(der, Uint8Array.of(0)), /DER length/],
    ["a byte behind s", derSequence(rest, Uint8Array.of(0)), /bytes follow s/],
    ["a third integer", derSequence(rest, derInteger(1n)), /bytes follow s/],
    ["a byte short", der.subarray(0, -1), /DER length/],
    ["a long length", concatBytes(Uint8Array.of(0x30, 0x81), der.subarray(1)), /DER length/],
    ["an indefinite length", concatBytes(Uint8Array.of(0x30, 0x80), rest, Uint8Array.of(0, 0)), /DER length/],
    ["another tag", concatBytes(Uint8Array.of(0x31), der.subarray(1)), /begin with a DER sequence/],
    ["r with a zero before it", derSequence(long(derInteger(r)), derInteger(s)), /shortest form|too long/],
    ["s with a zero before it", derSequence(derInteger(r), long(derInteger(s))), /shortest form|too long/],
    ["an empty integer", derSequence(Uint8Array.of(2, 0), derInteger(s)), /does not fit/],
    ["a negative integer", derSequence(Uint8Array.of(2, 1, 0x80), derInteger(s)), /negative/],
    ["r alone", derSequence(derInteger(r)), /integer is missing/],
    ["an octet string for s", derSequence(derInteger(r), Uint8Array.of(4, 1, 1)), /integer is missing/],
    ["an integer longer than its sequence", derSequence(Uint8Array.of(2, 40, 1)), /does not fit/],
    ["too many digits", derSequence(derInteger(2n ** 264n), derInteger(s)), /too long/],
    ["nothing", derSequence(), /integer is missing/],
  ]
  t.equal(outcome({ SD: hex(derSequence(derInteger(r), derInteger(s))) }), true, "the control")
  for (const [what, bytes, why] of cases) t.match(outcome({ SD: hex(bytes) }), why, what)
})

t.test("r and s are from 1 to the order less 1, in DER and raw, over every curve", async (t) => {
  for (const signer of signers) {
    const { curve } = signer.key
    const [r, s] = partsOf(signer.raw(utf8(payload())), curve)
    const algorithm = `ECDSA-${curve.name}-SHA256`
    for (const [a, b, which] of [
      [0n, s, "r"],
      [r, 0n, "s"],
      [curve.order, s, "r"],
      [r, curve.order, "s"],
      [0n, 0n, "r"],
      [256n ** BigInt(curve.size) - 1n, s, "r"],
    ] as const) {
      const why = new RegExp(`signature's ${which} is not from 1`)
      t.match(outcome({ SA: algorithm, SD: hex(derSequence(derInteger(a), derInteger(b))) }, signer), why)
      const raw = concatBytes(bigEndian(a, curve.size), bigEndian(b, curve.size))
      t.match(outcome({ SA: algorithm, SD: hex(raw) }, signer), why)
    }
    // Both halves are signatures: OCMF has no rule against a high s, and real meters write it.
    t.equal(
      outcome({ SA: algorithm, SD: hex(derSequence(derInteger(r), derInteger(curve.order - s))) }, signer),
      true,
    )
  }
})

t.test("another meter's key, and a key of another curve, verify nothing", async (t) => {
  for (const signer of signers) {
    t.equal(verdict(signed(signer), newSigner(signer.key.curve.name)), false)
    for (const other of signers) if (other !== signer) t.equal(verdict(signed(signer), other), false)
  }
  t.throws(() => keyOnCurve(parseKey(p256.spki), curves.secp256k1), {
    message: "The key is on secp256r1, the record is signed over secp256k1.",
  })
})

t.test("the payload counts as it stands: white space, order and spelling", async (t) => {
  const text = payload()
  const SD = hex(p256.der(utf8(text)))
  const parts = JSON.parse(text) as Record<string, unknown>
  for (const other of [
    text.replace(",", ", "),
    `${text} `,
    ` ${text}`,
    text.replace("1234.56", "1234.560"),
    text.replace("1.8.0", "1\\u002e8.0"),
    JSON.stringify(Object.fromEntries(Object.entries(parts).reverse())),
  ])
    t.equal(outcome({ SD }, p256, other), false, other)
  const spaced = JSON.stringify(parts, undefined, "\t").replaceAll("\n", "\r\n")
  t.equal(verdict(signed(p256, spaced), p256), true, "and a payload over many lines is as good as any")
})

t.test("no change of a byte of the payload or of the signature verifies", async () => {
  const small = payload([entry({ RT: undefined })])
  for (const signer of signers) {
    const { size } = signer.key.curve
    const good = signed(signer, small)
    const raw = signer.raw(utf8(small))
    const section = { SA: `ECDSA-${signer.key.curve.name}-SHA256` }
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: small.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, by) => {
          const bytes = good.slice()
          bytes[5 + at] = bytes[5 + at]! ^ by
          return verdict(bytes, signer) !== true
        },
      ),
      { numRuns: 60 },
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * size - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = raw.slice()
        bytes[at] = bytes[at]! ^ by
        return verdict(record(small, { ...section, SD: hex(bytes) }), signer) !== true
      }),
      { numRuns: 60 },
    )
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, by) => {
        const bytes = signer.der(utf8(small))
        const at = place % bytes.length
        bytes[at] = bytes[at]! ^ by
        return verdict(record(small, { ...section, SD: hex(bytes) }), signer) !== true
      }),
      { numRuns: 60 },
    )
  }
})

t.test("there are three sections, and a pipe stands in none", async (t) => {
  const section = JSON.stringify({ SD: hex(p256.der(utf8(payload()))) })
  const cases: [string, RegExp][] = [
    ["", /does not begin with OCMF/],
    ["OCMF", /does not begin with OCMF/],
    [`ocmf|${payload()}|${section}`, /does not begin with OCMF/],
    [`${payload()}|${section}`, /does not begin with OCMF/],
    [`OCMF|${payload()}`, /no signature section/],
    [`OCMF|${payload()}|${section}|`, /more than three sections/],
    [`OCMF|${payload([entry()], { GI: "a|b" })}|${section}`, /more than three sections/],
    [`OCMF|${payload()}|`, /The signature section is not valid JSON/],
    [`OCMF||${section}`, /The payload is not valid JSON/],
    [`OCMF|[]|${section}`, /The payload is not a JSON object/],
    [`OCMF|${payload()}|"${section.length}"`, /The signature section is not a JSON object/],
    [`OCMF|${payload()}|${section}x`, /something follows the value/],
    [`OCMF|{"PG":"T1"}|${section}`, /no readings/],
    [`OCMF|${payload([])}|${section}`, /no readings/],
    [`OCMF|${payload(["x"])}|${section}`, /A reading in RD is not a JSON object/],
    [`OCMF|${" ".repeat(65_536)}|{}`, /at most 65536 bytes/],
  ]
  for (const [text, why] of cases) t.match(verdict(utf8(text), p256), why, text.slice(0, 60))
  t.equal(verdict(signed(p256, payload([entry()], { GI: "a\\u007cb" })), p256), true, "escaped it may stand")
})

t.test("a name that stands twice is refused in payload and signature section, signed or not", async (t) => {
  const twice = payload().replace('"PG":"T7"', '"PG":"T7","PG":"T8"')
  t.match(verdict(signed(p256, twice), p256), /The payload has the name "PG" twice/)
  const hidden = payload().replace('"RV":1234.56', '"RV":1234.56,"\\u0052V":9999')
  t.match(verdict(signed(p256, hidden), p256), /The payload has the name "RV" twice/)
  const SD = hex(p256.der(utf8(payload())))
  t.match(outcome(`{"SD":"${SD}","SD":"${SD}"}`), /The signature section has the name "SD" twice/)
  t.match(outcome(`{"SA":"${SA}","SA":"${SA}","SD":"${SD}"}`), /name "SA" twice/)
})

t.test("bytes that are not UTF-8 are refused", async (t) => {
  const bytes = signed(p256)
  bytes[bytes.indexOf(0x47, 20)] = 0xff
  t.match(verdict(bytes, p256), /not valid UTF-8/)
  t.match(
    verdict(concatBytes(Uint8Array.of(0xef, 0xbb, 0xbf), signed(p256)), p256),
    /does not begin with OCMF/,
  )
})

t.test("the record's bytes and the signed message are kept as they came", async (t) => {
  const bytes = signed(p256)
  const parsed = parseOcmf(bytes)
  t.same(parsed.bytes, bytes)
  t.same(parsed.message, utf8(payload()))
  bytes.fill(0)
  t.same(parsed.message, utf8(payload()), "and do not change with the buffer that they came in")
})
