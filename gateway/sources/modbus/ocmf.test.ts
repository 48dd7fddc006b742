import { readFileSync } from "node:fs"
import t from "tap"
import { readingsFromOcmf } from "../../../protocol/ocmf/reading.ts"
import { parseOcmf, verifyOcmf } from "../../../protocol/ocmf/record.ts"
import { fixedSigner } from "../../../protocol/ocmf/sign.test.support.ts"
import { Clock } from "../../../protocol/reading.ts"
import { ocmfDevice } from "./ocmf.ts"
import { type OcmfProfile, profileShape } from "./profile-shape.ts"
import type { SigningDeviceOptions } from "./signing-device.ts"
import { simulatedOcmf } from "./signing-meters.test.support.ts"

const noon = 1_780_315_200
const profile = profileShape.parse(
  JSON.parse(readFileSync("gateway/sources/modbus/profiles/iskra-wm3m4c.json", "utf8")),
) as OcmfProfile
const signer = fixedSigner("a WM3M4C")
const pauses: number[] = []
const options: SigningDeviceOptions = {
  measures: "grid",
  publicKey: signer.key.point,
  clockQuality: () => Clock.synchronised,
  pause: async (ms) => pauses.push(ms),
}
const now = () => noon

t.test("an OCMF meter says who it is, and hands over a record that its own key signed", async (t) => {
  for (const signatureAs of ["der", "hex", "base64"] as const) {
    const meter = simulatedOcmf(signer)
    meter.signatureAs = signatureAs
    meter.exportedKWh = "7.25"
    meter.slow = 3
    pauses.length = 0
    const device = ocmfDevice(profile, options)
    t.same(await device.identify(meter.unit), { maker: "Iskra", model: "WM3M4C", serial: "12345678" })
    const { time, signed, points } = await device.poll(meter.unit, now)
    t.equal(time, noon)
    t.equal(signed!.format, "ocmf")
    const record = parseOcmf(signed!.bytes)
    t.ok(verifyOcmf(record, signer.key), signatureAs)
    t.match(readingsFromOcmf(record), {
      readings: [
        { time: noon, clock: Clock.synchronised, importedWh: 100_000n, exportedWh: 7250n, sequence: 1 },
      ],
      doubts: [],
    })
    t.match(points, [
      { name: "pagination", value: "F1" },
      { name: "importedWh", value: 100_000n, unit: "Wh" },
      { name: "exportedWh", value: 7250n },
    ])
    t.same(pauses, [1000, 250, 250])
  }
})

t.test(
  "without a synchronised clock of the gateway the meter's is not set, and its record says so",
  async (t) => {
    const meter = simulatedOcmf(signer)
    const { clockQuality: _, ...without } = options
    const { signed } = await ocmfDevice(profile, without).poll(meter.unit, now)
    t.match(readingsFromOcmf(parseOcmf(signed!.bytes)).doubts, ["the clock is unknown, not synchronised"])
    t.notOk(meter.unit.writes.some(({ address }) => address === 7054))
  },
)

t.test("the clock is set once a day, and when the meter has lost it", async (t) => {
  const meter = simulatedOcmf(signer)
  const device = ocmfDevice(profile, options)
  const times = () => meter.unit.writes.filter(({ address }) => address === 7054).length
  await device.poll(meter.unit, now)
  await device.poll(meter.unit, () => noon + 86_399)
  t.equal(times(), 1)
  await device.poll(meter.unit, () => noon + 86_400)
  t.equal(times(), 2)
  await meter.unit.write(7071, [0])
  await device.poll(meter.unit, () => noon + 86_460)
  t.equal(times(), 3)
  t.equal(meter.time, noon + 86_460)
})

t.test("what goes wrong is said in words, and the waiting has an end", async (t) => {
  const unusable = (message: RegExp | string) => ({ name: "UnusableRegister", message })
  const poll = (change: (meter: ReturnType<typeof simulatedOcmf>) => void) => {
    const meter = simulatedOcmf(signer)
    change(meter)
    return ocmfDevice(profile, options).poll(meter.unit, now)
  }
  await t.rejects(
    poll((meter) => (meter.status = 128)),
    unusable(/signed nothing: its clock is not set \(status 128\)/),
  )
  await t.rejects(
    poll((meter) => (meter.status = 255)),
    unusable(/an error \(status 255\)/),
  )
  await t.rejects(
    poll((meter) => (meter.slow = 1e9)),
    unusable("the signature was not ready after 15 s"),
  )
  await t.rejects(
    poll((meter) => (meter.state = 1)),
    unusable(/in a transaction of somebody else's \(state 1\)/),
  )
})

t.test("another model, serial number or key is the wrong device", async (t) => {
  const { unit } = simulatedOcmf(signer)
  const is = (message: RegExp) => ({ name: "WrongDevice", message })
  await t.rejects(
    ocmfDevice({ ...profile, model: "WM9" }, options).identify(unit),
    is(/this is a WM3M4C, and no Iskra WM9/),
  )
  await t.rejects(
    ocmfDevice(profile, { ...options, serial: "1" }).identify(unit),
    is(/serial number is 12345678, not 1/),
  )
  const publicKey = fixedSigner("another").key.point
  await t.rejects(ocmfDevice(profile, { ...options, publicKey }).identify(unit), is(/another public key/))
})
