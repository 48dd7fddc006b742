import fc from "fast-check"
import t from "tap"
import { modelHeader } from "./bsm/layout.ts"
import { image, someSignature } from "./bsm/snapshot.test.support.ts"
import { parseBsm } from "./bsm/snapshot.ts"
import { concatBytes } from "./hex.ts"
import {
  meterKey,
  nativeScheme,
  Scheme,
  type Scheme as SchemeNumber,
  schemeFacts,
  schemeNames,
} from "./meter.ts"
import {
  curveNames,
  entry,
  newSigner,
  payload,
  record,
  type Signer,
  signed,
  utf8,
} from "./ocmf/sign.test.support.ts"
import { Clock } from "./reading.ts"
import { verifySignature } from "./signature.ts"
import { maxRecordBytes, readSigned } from "./signed-reading.ts"

const signer = newSigner("secp256r1")
const bsmKey = meterKey(Scheme.bsm, signer.key.point)
const ocmfKey = meterKey(Scheme["ocmf-secp256r1"], signer.key.point)
const snapshot = (numbers: Record<string, number> = {}, by: Signer = signer) =>
  image({ numbers }, by.der(parseBsm(image({ numbers }, someSignature)).message))

t.test("each scheme has its number for ever, its key length and its format", async (t) => {
  const shape = (name: (typeof schemeNames)[number]) => {
    const { format, curve, generation } = schemeFacts(Scheme[name])
    return [Scheme[name], name, format, curve ? 2 * curve.size : 32, generation]
  }
  t.same(schemeNames.map(shape), [
    [1, "ed25519", "cose", 32, false],
    [2, "es256", "cose", 64, false],
    [3, "bsm", "bsm", 64, false],
    [4, "ocmf-secp256r1", "ocmf", 64, false],
    [5, "ocmf-secp384r1", "ocmf", 96, false],
    [6, "ocmf-secp256k1", "ocmf", 64, false],
    [7, "ocmf-secp192r1", "ocmf", 48, false],
    [8, "ocmf-secp192k1", "ocmf", 48, false],
    [9, "ocmf-brainpoolP256r1", "ocmf", 64, false],
    [10, "ocmf-brainpoolP384r1", "ocmf", 96, false],
    [131, "bsm-generation", "bsm", 64, true],
    [132, "ocmf-secp256r1-generation", "ocmf", 64, true],
    [133, "ocmf-secp384r1-generation", "ocmf", 96, true],
    [134, "ocmf-secp256k1-generation", "ocmf", 64, true],
    [135, "ocmf-secp192r1-generation", "ocmf", 48, true],
    [136, "ocmf-secp192k1-generation", "ocmf", 48, true],
    [137, "ocmf-brainpoolP256r1-generation", "ocmf", 64, true],
    [138, "ocmf-brainpoolP384r1-generation", "ocmf", 96, true],
  ])
  for (const scheme of [0, 11, 128, 130, 139, 255])
    t.throws(() => meterKey(scheme as SchemeNumber, signer.key.point), /There is no signature scheme/)
})

t.test("a BSM snapshot is a reading of its meter, verified with the registered key", async (t) => {
  const reading = readSigned(Scheme.bsm, snapshot())
  t.match(reading, {
    scheme: 3,
    reading: { sequence: 4278, importedWh: 100_000n, clock: Clock.synchronised },
  })
  t.notOk("doubts" in reading.reading)
  t.ok(verifySignature(bsmKey, reading))
  t.notOk(verifySignature(meterKey(Scheme.bsm, newSigner("secp256r1").key.point), reading))
  t.notOk(verifySignature(ocmfKey, reading), "the same key under another scheme is another meter's")
  t.match(readSigned(Scheme["bsm-generation"], snapshot()).reading, {
    generatedWh: 100_000n,
    importedWh: undefined,
  })
  t.match(readSigned(Scheme.bsm, snapshot({ Evt: 1 << 16 })).reading.doubts, [/fatal error/])
})

t.test(
  "a record is one string of bytes: what may stand before a snapshot in a file may not here",
  async (t) => {
    t.throws(() => readSigned(Scheme.bsm, concatBytes(modelHeader, snapshot())), {
      name: "MalformedReading",
      message: /at most 504 bytes/,
    })
    t.throws(() => readSigned(Scheme.bsm, snapshot().subarray(1)), {
      name: "MalformedReading",
      message: /has 504 bytes/,
    })
  },
)

t.test("an OCMF record over any curve is a reading of the meter with that curve's scheme", async (t) => {
  for (const name of curveNames) {
    const by = newSigner(name)
    const scheme = nativeScheme("ocmf", by.key.curve)
    const reading = readSigned(scheme, signed(by))
    t.match(reading, { scheme, reading: { sequence: 7, importedWh: 1_234_560n, resolutionWh: 10 } })
    t.ok(verifySignature(meterKey(scheme, by.key.point), reading), name)
  }
  const over = readSigned(Scheme["ocmf-secp256k1"], signed(signer))
  t.equal(over.scheme, Scheme["ocmf-secp256r1"], "the scheme is the record's own")
  t.notOk(verifySignature(meterKey(Scheme["ocmf-secp256k1"], newSigner("secp256k1").key.point), over))
})

t.test("at a generator what is exported is generation, and nothing else is looked at", async (t) => {
  const both = payload([entry({ RI: "1-0:2.8.0", RV: 5.5 }), { RI: "1-0:1.8.0", RU: "kWh", RV: 1 }])
  const { reading } = readSigned(Scheme["ocmf-secp256r1-generation"], signed(signer, both))
  t.match(reading, { generatedWh: 5500n, importedWh: undefined, exportedWh: undefined })
  t.throws(() => readSigned(Scheme["ocmf-secp256r1-generation"], signed(signer)), {
    message: /says nothing that could count: .*the direction that this meter is not registered for/,
  })
})

t.test(
  "of a transaction its last moment counts, and a doubt about any moment is one about all",
  async (t) => {
    const of = (...entries: Record<string, unknown>[]) =>
      readSigned(Scheme["ocmf-secp256r1"], signed(signer, payload(entries))).reading
    const begin = entry({ TX: "B", RV: 10, TM: "2026-06-01T12:00:00,000+0200 S" })
    const end = { TX: "E", RV: 11, TM: "2026-06-01T13:00:00,000+0200 S" }
    t.match(of(begin, end), { importedWh: 11_000n, time: 1_780_311_600, doubts: undefined })
    t.match(of({ ...begin, TM: "2026-06-01T12:00:00,000+0200 I" }, end), {
      clock: Clock.synchronised,
      doubts: ["the clock is informative, not synchronised"],
    })
    t.match(of(begin, { ...end, RV: 9 }), {
      importedWh: 9000n,
      doubts: ["importedWh fell from 10000 to 9000 Wh"],
    })
    t.match(of(begin, { ...end, TM: "2026-06-01T11:00:00,000+0200 S" }).doubts, [
      /^the clock went back by 3600 s/,
    ])
  },
)

t.test("fiscal records are numbered above all others, so that neither belies the other", async (t) => {
  const numbered = (PG: string) =>
    readSigned(Scheme["ocmf-secp256r1"], signed(signer, payload(undefined, { PG }))).reading.sequence
  t.equal(numbered("T7"), 7)
  t.equal(numbered("F7"), 2 ** 52 + 7)
  t.equal(numbered(`T${2 ** 52 - 1}`), 2 ** 52 - 1)
  t.equal(numbered(`F${2 ** 52 - 1}`), Number.MAX_SAFE_INTEGER)
  for (const PG of [`T${2 ** 52}`, `F${2 ** 52}`])
    t.throws(() => numbered(PG), { name: "MalformedReading", message: /beyond 2\^52/ })
})

t.test("what says nothing that could count is no reading, and says why", async (t) => {
  const ocmf = (text: string) => () => readSigned(Scheme["ocmf-secp256r1"], signed(signer, text))
  t.throws(ocmf(payload([entry({ RI: "1-0:1.9.0" })])), { message: /there is no register to settle on/ })
  t.throws(ocmf(payload(undefined, { PG: "X1" })), { message: /no pagination/ })
  t.throws(() => readSigned(Scheme.bsm, snapshot({ Epoch: 0xffff_ffff })), {
    message: /the meter has no time/,
  })
  t.throws(() => readSigned(Scheme["ocmf-secp256r1"], utf8("OCMF|{}")), { name: "MalformedReading" })
  const long = record(`${payload()}${" ".repeat(maxRecordBytes.ocmf)}`, { SD: "00" })
  t.throws(() => readSigned(Scheme["ocmf-secp256r1"], long), { message: /at most 16384 bytes/ })
})

t.test("whatever the bytes, the answer is a reading or that they are malformed", async (t) => {
  const good = [snapshot(), signed(signer)] as const
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.constantFrom(...schemeNames),
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 3 }),
        (name, bytes, changes) => {
          const changed = Uint8Array.from(bytes)
          for (const [at, value] of changes) if (at < changed.length) changed[at] = value
          try {
            readSigned(Scheme[name], changed)
            return true
          } catch (error) {
            return (error as Error).name === "MalformedReading"
          }
        },
      ),
      { numRuns: 300 },
    ),
  )
})
