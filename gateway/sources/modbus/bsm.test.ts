import { readFileSync } from "node:fs"
import t from "tap"
import { parseBsm, verifyBsm } from "../../../protocol/bsm/snapshot.ts"
import { fixedSigner } from "../../../protocol/ocmf/sign.test.support.ts"
import { Clock } from "../../../protocol/reading.ts"
import { bsmDevice } from "./bsm.ts"
import { ModbusException } from "./device.ts"
import { type BsmProfile, profileShape } from "./profile-shape.ts"
import type { SigningDeviceOptions } from "./signing-device.ts"
import { simulatedBsm } from "./signing-meters.test.support.ts"

const noon = 1_780_315_200
const profile = profileShape.parse(
  JSON.parse(readFileSync("gateway/sources/modbus/profiles/bsm-ws36a.json", "utf8")),
) as BsmProfile
const signer = fixedSigner("a BSM")
const pauses: number[] = []
const options: SigningDeviceOptions = {
  measures: "grid",
  publicKey: signer.key.point,
  pause: async (ms) => pauses.push(ms),
}
const now = () => noon

t.test("a BSM says who it is, and hands over a snapshot that its own key signed", async (t) => {
  const meter = simulatedBsm(signer, noon)
  const device = bsmDevice(profile, options)
  t.same(await device.identify(meter.unit), {
    maker: "BAUER Electronic",
    model: "BSM-WS36A-H01-1311-0000",
    firmware: "1.9:32CA:AFF4",
    serial: "20200007",
  })
  meter.slow = 4
  const { time, signed, points } = await device.poll(meter.unit, now)
  t.equal(time, noon)
  t.equal(signed!.format, "bsm")
  const snapshot = parseBsm(signed!.bytes)
  t.ok(verifyBsm(snapshot, signer.key))
  t.match(snapshot.numbers, { RCnt: 1, TotWhImp: 10_000, Epoch: noon })
  t.match(
    points.find(({ name }) => name === "TotWhImp"),
    { value: 100_000n, unit: "Wh", resolution: 10 },
  )
  t.same(pauses, [1000, 250, 250, 250], "it waits between its questions")
  meter.energy++
  const again = parseBsm((await device.poll(meter.unit, now)).signed!.bytes)
  t.match(again.numbers, { RCnt: 2, TotWhImp: 10_001 }, "each poll is a new snapshot")
})

t.test("a snapshot is asked for of the kind that only looks, and of no other", async (t) => {
  const meter = simulatedBsm(signer, noon)
  await bsmDevice(profile, options).poll(meter.unit, now)
  t.equal(meter.unit.writes.length, 1)
  t.same(meter.unit.writes[0]!.words, [2])
})

t.test("pieces of two snapshots are never one", async (t) => {
  const meter = simulatedBsm(signer, noon)
  const device = bsmDevice(profile, options)
  let times = 0
  meter.meddle = (snapshot, { address }) => {
    if (address === snapshot + 200 && times++ === 0) meter.showOther(77)
  }
  t.ok(verifyBsm(parseBsm((await device.poll(meter.unit, now)).signed!.bytes), signer.key))
  meter.meddle = (snapshot, { address }) => {
    if (address === snapshot + 200) meter.showOther(1000 + times++)
  }
  await t.rejects(device.poll(meter.unit, now), { name: "UnusableRegister", message: /another master/ })
})

t.test("a meter that says that it is busy is asked again", async (t) => {
  const meter = simulatedBsm(signer, noon)
  let busy = 2
  meter.meddle = (snapshot, { address, count }) => {
    if (address === snapshot + 1 && count === 1 && busy-- > 0) throw new ModbusException("busy", 6)
  }
  t.ok((await bsmDevice(profile, options).poll(meter.unit, now)).signed)
  t.ok(busy < 0)
})

t.test("a register that SunSpec calls not implemented is shown as that", async (t) => {
  const meter = simulatedBsm(signer, noon)
  meter.numbers = { W: -0x8000 }
  const { points } = await bsmDevice(profile, options).poll(meter.unit, now)
  t.same(
    points.find(({ name }) => name === "W"),
    { name: "W", quality: "not-implemented" },
  )
})

t.test("what goes wrong is said in words, and the waiting has an end", async (t) => {
  const meter = simulatedBsm(signer, noon)
  const device = bsmDevice(profile, options)
  meter.outcome = 3
  await t.rejects(device.poll(meter.unit, now), {
    name: "UnusableRegister",
    message: /made no snapshot: failed \(St 3\)/,
  })
  meter.outcome = 0
  meter.slow = 1e9
  pauses.length = 0
  await t.rejects(device.poll(meter.unit, now), { message: "the snapshot was not ready after 15 s" })
  t.equal(pauses.length, 60)
})

t.test("another device, serial number or key is the wrong device", async (t) => {
  const meter = simulatedBsm(signer, noon)
  const wrong = (over: Partial<SigningDeviceOptions>) =>
    bsmDevice(profile, { ...options, ...over }).identify(meter.unit)
  const is = (message: RegExp) => ({ name: "WrongDevice", message })
  await t.rejects(wrong({ base: 0 }), is(/no SunSpec map at 0/))
  await t.rejects(wrong({ serial: "1" }), is(/serial number is 20200007, not 1/))
  await t.rejects(
    wrong({ publicKey: fixedSigner("another").key.point }),
    is(/another public key than the registered one/),
  )
  const other = bsmDevice({ ...profile, maker: "Gossen" }, options)
  await t.rejects(other.identify(meter.unit), is(/BAUER Electronic BSM-WS36A.*, and no Gossen/))
  const unregistered = bsmDevice(profile, { ...options, publicKey: new Uint8Array() })
  await t.rejects(unregistered.identify(meter.unit), is(/another public key/))
  const { publicKey: _, ...noKey } = options
  const trusting = bsmDevice(profile, noKey)
  await trusting.identify(meter.unit)
  await t.rejects(
    trusting.identify(simulatedBsm(fixedSigner("another"), noon).unit),
    is(/another public key than before/),
  )
})

t.test(
  "the meter's clock is set when it has none, and renewed once a day, by a synchronised clock alone",
  async (t) => {
    const quality = { clock: Clock.unknown as Clock }
    let time = noon
    const meter = simulatedBsm(signer, 0)
    const device = bsmDevice(profile, { ...options, clockQuality: () => quality.clock })
    const clockWrites = () => meter.unit.writes.filter(({ words }) => words.length > 1)
    await device.poll(meter.unit, () => time)
    t.same(clockWrites(), [], "nobody's clock is better than this one")
    quality.clock = Clock.synchronised
    const { signed } = await device.poll(meter.unit, () => time)
    t.equal(parseBsm(signed!.bytes).numbers.Epoch, noon)
    t.match(
      clockWrites(),
      [{ words: [noon >>> 16, noon & 0xffff, 0] }],
      "with the time zone, as the maker wants it",
    )
    time += 86_399
    await device.poll(meter.unit, () => time)
    t.equal(clockWrites().length, 1)
    time += 1
    await device.poll(meter.unit, () => time)
    t.match(clockWrites()[1], { words: [time >>> 16, time & 0xffff] })
  },
)

t.test("a clock that somebody set is left alone for a day after the start", async (t) => {
  let time = noon
  const meter = simulatedBsm(signer, noon)
  const device = bsmDevice(profile, { ...options, clockQuality: () => Clock.synchronised })
  await device.poll(meter.unit, () => time)
  time += 86_399
  await device.poll(meter.unit, () => time)
  t.ok(meter.unit.writes.every(({ words }) => words.length === 1))
  time += 1
  await device.poll(meter.unit, () => time)
  t.equal(meter.time, time)
})
