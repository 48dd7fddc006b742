import { join } from "node:path"
import t from "tap"
import { toHex } from "../../../protocol/hex.ts"
import { keysSince } from "../../../protocol/meter-keys.ts"
import { Clock, decodeReading } from "../../../protocol/reading.ts"
import { verifySignature } from "../../../protocol/signature.ts"
import type { Meter } from "../../config.ts"
import { start, type TestMeter, testMeter } from "../../intake.test.support.ts"
import { profileNamed } from "./profile.ts"
import { createPlainMeterSigner } from "./sign.ts"

const plain = (meter: TestMeter, keyFile: string): Meter => ({
  ...meter,
  modbus: {
    bus: "cupboard",
    unit: 1,
    profile: profileNamed("sdm630"),
    measures: "generation",
    everySeconds: 60,
    keyFile,
  },
})
const shown = { time: start, clock: Clock.synchronised, clockSets: 0, boots: 0, generatedWh: 5n }

t.test("what was read is signed by the key that the gateway holds for the meter", async (t) => {
  const meter = testMeter("plain")
  const directory = t.testdir({ key: `${toHex(meter.secret)}\n` })
  const roof = plain(meter, join(directory, "key"))
  const signed = decodeReading(createPlainMeterSigner([roof], () => -1)(roof, shown))
  t.same(signed.reading, { sequence: 0, ...shown })
  t.ok(verifySignature(meter.key, signed))
})

t.test(
  "sequence numbers go on from the journal, are never used twice, and each meter has its own",
  async (t) => {
    const meters = [testMeter("plain"), testMeter("other")]
    const directory = t.testdir({ plain: toHex(meters[0]!.secret), other: toHex(meters[1]!.secret).slice(2) })
    const [one, two] = meters.map((meter) => plain(meter, join(directory, meter.name))) as [Meter, Meter]
    const stored = new Map([[one, 41]])
    const sign = createPlainMeterSigner([one, two], (meter) => stored.get(meter) ?? -1)
    const next = (meter: Meter) => decodeReading(sign(meter, shown)).reading.sequence
    t.same([next(one), next(one), next(two), next(one)], [42, 43, 0, 44], "also while nothing is stored yet")
    stored.set(one, 99)
    t.equal(next(one), 100)
    const restarted = createPlainMeterSigner([one, two], (meter) => stored.get(meter) ?? -1)
    t.equal(decodeReading(restarted(one, shown)).reading.sequence, 100)
  },
)

t.test("each reading is signed by the key that the registry has for its time", async (t) => {
  const [meter, next] = [testMeter("plain"), testMeter("plain's next key")]
  const directory = t.testdir({ first: toHex(meter.secret), next: toHex(next.secret) })
  const roof = plain(meter, join(directory, "first"))
  const both: Meter = { ...roof, modbus: { ...roof.modbus!, laterKeyFiles: [join(directory, "next")] } }
  const from = start + 60
  const registered = { scheme: next.key.scheme, publicKey: toHex(next.key.publicKey), from }
  let keys = keysSince(meter.key)
  const sign = createPlainMeterSigner(
    [both],
    () => -1,
    () => keys,
  )
  const signer = (time: number) => {
    const signed = decodeReading(sign(both, { ...shown, time }))
    return [meter, next].findIndex(({ key }) => verifySignature(key, signed))
  }
  t.equal(signer(from), 0, "the registry has said that there is no other yet")
  let looked = false
  const early = createPlainMeterSigner(
    [both],
    () => -1,
    () => keys,
    () => looked,
  )
  t.throws(() => early(both, shown), /not asked yet which key of plain is in force/)
  looked = true
  t.ok(early(both, shown))
  keys = keysSince(meter.key, [registered])
  t.same([signer(from - 1), signer(from)], [0, 1])

  const lacking = createPlainMeterSigner(
    [roof],
    () => -1,
    () => keys,
  )
  t.ok(lacking(roof, shown))
  t.throws(
    () => lacking(roof, { ...shown, time: from }),
    /no key for plain that is in force from 2026-.*laterKeyFiles/,
  )
  const alone = plain(meter, join(directory, "next"))
  t.ok(
    createPlainMeterSigner(
      [alone],
      () => -1,
      () => keys,
    )(alone, { ...shown, time: from }),
    "the first may go",
  )
})

t.test(
  "a key that is missing, no key, or another meter's is refused by name, and is not shown",
  async (t) => {
    const meter = testMeter("plain")
    const another = toHex(testMeter("other").secret)
    const directory = t.testdir({ another, empty: "", words: "my secret words" })
    for (const [file, told] of [
      ["nothing", /nothing: ENOENT/],
      ["empty", /empty: it does not hold 32 bytes of hexadecimal/],
      ["words", /words: it does not hold 32 bytes of hexadecimal/],
      ["another", /another: this is the key of another meter/],
    ] as const) {
      const roof = plain(meter, join(directory, file))
      try {
        createPlainMeterSigner([roof], () => -1)
        t.fail(`${file} was taken`)
      } catch (error) {
        t.match(error, {
          name: "PersonError",
          message: /^The key of plain cannot be (used|read)\.$/,
          context: [told],
        })
        t.notMatch(JSON.stringify((error as { context: string[] }).context), /secret words|0x[0-9a-f]{64}/)
      }
    }
  },
)

t.test("a meter that signs for itself is not signed for", async (t) => {
  const meter = testMeter("plain")
  t.throws(() => createPlainMeterSigner([meter], () => -1)(meter, shown), /holds no key for plain/)
})
