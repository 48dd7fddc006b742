import t from "tap"
import { createJudge } from "./judge.ts"
import { keyOnCurve, parseKey } from "./key.ts"
import { MalformedOcmf } from "./malformed.ts"
import { readingsFromOcmf } from "./reading.ts"
import { parseOcmf, verifyOcmf } from "./record.ts"
import { readShared, record, skipWithout, utf8 } from "./sign.test.support.ts"

interface CuratedRecord {
  note: string
  ocmf: string
  signed_payload: string
  public_key: string
  valid: boolean
}
interface KebaRecord {
  payload: string
  signature: Record<string, string>
  public_key: string
  valid: boolean
}

function isValid(bytes: Uint8Array, publicKey: string): boolean {
  try {
    const parsed = parseOcmf(bytes)
    return verifyOcmf(parsed, keyOnCurve(parseKey(publicKey), parsed.curve))
  } catch (error) {
    if (error instanceof MalformedOcmf || /The key is on/.test((error as Error).message)) return false
    throw error
  }
}

const curated = "ocmf_curated.json"
t.test(
  "13 records of real meters get the verdict that is known of them",
  { skip: skipWithout(curated) },
  async (t) => {
    const records = readShared<CuratedRecord[]>(curated)!
    t.equal(records.length, 13)
    for (const { note, ocmf, public_key, valid } of records)
      t.equal(isValid(utf8(ocmf), public_key), valid, note)
  },
)

t.test("what a real meter signed is the payload as it stands", { skip: skipWithout(curated) }, async (t) => {
  const [first] = readShared<CuratedRecord[]>(curated)!
  t.same(parseOcmf(utf8(first!.ocmf)).message, utf8(first!.signed_payload))
})

t.test("the registers of real meters, in whole Wh", { skip: skipWithout(curated) }, async (t) => {
  const records = readShared<CuratedRecord[]>(curated)!
  const last = (part: string) => {
    const found = records.find(({ note, valid }) => valid && note.includes(part))!
    return readingsFromOcmf(parseOcmf(utf8(found.ocmf)))
  }
  t.match(last("default SA").readings.at(-1), { importedWh: 259n, sequence: 32 }, "0.2597 kWh")
  t.match(last("meter, begin"), {
    readings: [{ importedWh: 99_840n, resolutionWh: 10, time: 1657267228, sequence: 4276 }],
    doubts: [],
  })
  t.match(last("meter, end"), { readings: [{ importedWh: 100_000n, resolutionWh: 10 }], doubts: [] })
  t.same(last("secp384r1").doubts, ["there is no register to settle on: 1-0:1.8.1 counts one tariff only"])
  t.match(last("secp256k1").readings, [{ importedWh: 9038n }], "a string padded with spaces")
  t.match(last("eBZ LD3").readings, [{ importedWh: 2_850_685n }, { importedWh: 2_850_951n }])
  t.match(last("export register").readings, [
    { exportedWh: 1000n, resolutionWh: 100 },
    { exportedWh: 2000n, resolutionWh: 100 },
  ])
  t.match(last("raw r||s").doubts, [
    "the meter has an error (ST E)",
    "an error makes the energy unusable (EF E)",
  ])
})

const keba = "ocmf_sequence_keba_20.json"
t.test(
  "20 records in a row by one meter are valid and without a gap, and unusable for their clock",
  { skip: skipWithout(keba) },
  async (t) => {
    const judge = createJudge()
    const reasons: string[] = []
    for (const { payload, signature, public_key, valid } of readShared<KebaRecord[]>(keba)!) {
      const parsed = parseOcmf(record(payload, signature))
      const key = keyOnCurve(parseKey(public_key), parsed.curve)
      t.equal(verifyOcmf(parsed, key), valid)
      const answers = judge({
        forged: undefined,
        ...readingsFromOcmf(parsed),
        series: key.fingerprint,
        message: parsed.message,
      })
      t.match(answers, { valid: true, usable: false })
      reasons.push(...answers.reasons.map(({ reason }) => reason))
    }
    t.ok(
      reasons.every((reason) =>
        /^the clock (is (unknown|relative), not synchronised|went back by)/.test(reason),
      ),
    )
    t.equal(reasons.filter((reason) => reason.startsWith("the clock went back")).length, 10)
  },
)
