import * as ed from "@noble/ed25519"
import { sha512 } from "@noble/hashes/sha2.js"
import t from "tap"
import { fromHex } from "../protocol/hex.ts"
import { meterKey, Scheme } from "../protocol/meter.ts"
import { Clock, decodeReading } from "../protocol/reading.ts"
import { verifySignature } from "../protocol/signature.ts"
import { type FaultName, faultNames } from "./faults/names.ts"
import { displayAt } from "./meter.ts"
import type { FaultSpec, ModbusMeterSpec, MqttMeterSpec } from "./scenario.ts"
import { createSigningKey } from "./signing-key.ts"
import { createSigningMeter } from "./signing-meter.ts"
import { createHome } from "./world/home.ts"

ed.hashes.sha512 = sha512

const start = Date.UTC(2025, 5, 1) / 1000 + 100
const noon = start - 100 + 11 * 3600
const home = createHome(
  { name: "Home 1", load: "family", panelsW: 5000 },
  { seed: 1, place: { latitude: 48, longitude: 7.85 }, start },
)
const roof: MqttMeterSpec = {
  name: "Roof",
  home: "Home 1",
  measures: "generation",
  kind: "mqtt",
  secret: "07".repeat(32),
  every: 900,
  startWh: { generated: 48_000_000 },
}
const grid: MqttMeterSpec = { ...roof, name: "Grid", measures: "grid", startWh: { imported: 5, exported: 9 } }
const boot = { boots: 3, at: start }

const honest = createSigningMeter(roof, home, [], start)
const key = meterKey(Scheme.ed25519, honest.publicKey)

function payloads(time: number, fault?: FaultName, lasts?: number): Uint8Array[] {
  const spec = fault && { meter: "Roof", fault, at: noon, ...(lasts && { lasts }) }
  const meter = createSigningMeter(roof, home, spec ? [spec] : [], start)
  return meter.messagesAt(time, boot).map(({ payload }) => payload)
}
const truthAt = (time: number) => payloads(time)[0]!
const wh = (payload: Uint8Array | undefined) => decodeReading(payload!).reading.generatedWh!
const verified = (payload: Uint8Array | undefined) => verifySignature(key, decodeReading(payload!))

t.test("a reading decodes, verifies, and says what the home's register is at its time", async (t) => {
  const signed = decodeReading(truthAt(noon))
  t.ok(verifySignature(key, signed))
  t.same(signed.reading, {
    sequence: (noon - (start + 800)) / 900 + 1,
    time: noon,
    clock: Clock.synchronised,
    clockSets: 1,
    boots: 3,
    generatedWh: 48_000_000n + home.registersAt(noon).generatedWh,
    powerW: home.powerAt(noon).generatedW,
  })
  const { reading } = decodeReading(
    createSigningMeter(grid, home, [], start).messagesAt(noon, boot)[0]!.payload,
  )
  t.equal(reading.generatedWh, undefined)
  t.equal(reading.importedWh, 5n + home.registersAt(noon).importedWh)
  t.equal(reading.exportedWh, 9n + home.registersAt(noon).exportedWh)
  t.equal(reading.powerW, home.powerAt(noon).importedW - home.powerAt(noon).exportedW)
})

t.test("noble signs the same bytes as node:crypto", async (t) => {
  const secret = Uint8Array.from(Buffer.from(roof.secret, "hex"))
  t.same(ed.getPublicKey(secret), key.publicKey)
  for (let time = noon; time < noon + 9000; time += 900) {
    const { message, signature } = decodeReading(truthAt(time))
    t.same(new Uint8Array(ed.sign(message, secret)), new Uint8Array(signature))
  }
})

t.test(
  "readings stand at multiples of `every`, and the first from the world's start has sequence 1",
  async (t) => {
    t.equal(honest.nextReading(start), start + 800)
    t.equal(honest.nextReading(start + 800), start + 800)
    t.equal(decodeReading(truthAt(start + 800)).reading.sequence, 1)
    t.equal(decodeReading(truthAt(start + 1700)).reading.sequence, 2)
  },
)

t.test("a message is a function of time: whoever asks again gets the same bytes", async (t) => {
  const again = createSigningMeter(roof, home, [], start)
  for (const time of [noon, noon + 900, noon - 9000])
    t.same(again.messagesAt(time, boot)[0]!.payload, truthAt(time))
})

t.test("each fault has its sentence, and each heals by itself", async (t) => {
  t.equal(Object.keys(faultNames).length, 10)
  for (const fault of Object.keys(faultNames) as FaultName[]) {
    t.match(faultNames[fault], /^[A-Z].*\.$/)
    t.same(payloads(noon - 900, fault), [truthAt(noon - 900)], `${fault}: honest before`)
    const lying = noon + (fault === "frozen" ? 900 : 0) // at its start a frozen register is still the true one
    t.notSame(payloads(lying, fault), [truthAt(lying)], `${fault}: lies`)
    t.same(payloads(noon + 4 * 900, fault), [truthAt(noon + 4 * 900)], `${fault}: honest again`)
    t.same(payloads(noon + 6 * 900, fault, 6 * 900), [truthAt(noon + 6 * 900)], `${fault}: lasts as told`)
  }
})

t.test("tampered: one byte of the payload is flipped after signing", async (t) => {
  const [bad, ...rest] = payloads(noon, "tampered")
  const good = truthAt(noon)
  t.equal(rest.length, 0)
  t.equal(bad!.length, good.length)
  t.equal(bad!.filter((byte, i) => byte !== good[i]).length, 1)
  t.equal(wh(bad) ^ wh(good), 1n)
  t.notOk(verified(bad))
})

t.test("replay: an old message is sent again, besides the new one", async (t) => {
  t.same(payloads(noon, "replay"), [truthAt(noon), truthAt(noon - 4 * 900)])
  const meter = createSigningMeter(roof, home, [{ meter: "Roof", fault: "replay", at: noon }], start)
  const fresh = { boots: 4, at: noon - 1000 }
  const messages = meter.messagesAt(noon, fresh).map(({ payload }) => payload)
  t.same(messages[1], meter.messagesAt(noon - 900, fresh)[0]!.payload, "never a message of an earlier boot")
})

t.test("counter-drop: the registers read 0, correctly signed, then come back", async (t) => {
  for (const n of [0, 1, 2]) {
    const [message] = payloads(noon + n * 900, "counter-drop")
    t.equal(wh(message), 0n)
    t.ok(verified(message))
  }
  t.ok(wh(payloads(noon + 3 * 900, "counter-drop")[0]) > 48_000_000n)
})

t.test("clock-1970: correctly signed, the time is the seconds since boot, the quality unknown", async (t) => {
  const [message] = payloads(noon, "clock-1970")
  const { reading } = decodeReading(message!)
  t.ok(verified(message))
  t.equal(reading.time, noon - boot.at)
  t.equal(reading.clock, Clock.unknown)
  t.equal(reading.sequence, decodeReading(truthAt(noon)).reading.sequence)
})

t.test("over-rated: 1,000,000 Wh too much, correctly signed", async (t) => {
  const [message] = payloads(noon, "over-rated")
  t.equal(wh(message) - wh(truthAt(noon)), 1_000_000n)
  t.ok(verified(message))
})

t.test("equivocation: two different readings with one sequence, both correctly signed", async (t) => {
  const [own, other] = payloads(noon, "equivocation")
  t.same(own, truthAt(noon))
  t.equal(decodeReading(other!).reading.sequence, decodeReading(own!).reading.sequence)
  t.not(wh(other), wh(own))
  t.ok(verified(other))
})

t.test("wrong-key: the right key id, the right reading, a stranger's signature", async (t) => {
  const [message] = payloads(noon, "wrong-key")
  const signed = decodeReading(message!)
  t.same(signed.kid, key.kid)
  t.same(signed.reading, decodeReading(truthAt(noon)).reading)
  t.notOk(verifySignature(key, signed))
})

t.test("unsigned: plain JSON", async (t) => {
  const [message] = payloads(noon, "unsigned")
  t.throws(() => decodeReading(message!))
  t.equal(JSON.parse(new TextDecoder().decode(message)).generatedWh, Number(wh(truthAt(noon))))
})

t.test("oversized: 64 KiB besides the right reading", async (t) => {
  const [own, other] = payloads(noon, "oversized")
  t.same(own, truthAt(noon))
  t.equal(other!.length, 65_536)
})

t.test("frozen: the registers stand still, then continue at the true value", async (t) => {
  for (const n of [0, 1, 2, 3]) {
    const [message] = payloads(noon + n * 900, "frozen")
    t.equal(wh(message), wh(truthAt(noon)))
    t.ok(verified(message))
  }
})

t.test("a lie is not sent twice, the truth is", async (t) => {
  for (const fault of Object.keys(faultNames) as FaultName[]) {
    const meter = createSigningMeter(roof, home, [{ meter: "Roof", fault, at: noon }], start)
    for (const { payload, once } of meter.messagesAt(noon, boot)) {
      const ownRegisters = ["counter-drop", "over-rated", "frozen"].includes(fault)
      t.equal(once, !ownRegisters && Buffer.compare(payload, truthAt(noon)) !== 0, fault)
    }
  }
})

t.test("a meter on Modbus shows the register faults", async (t) => {
  const { secret: _, every: __, ...rest } = roof
  const spec: ModbusMeterSpec = { ...rest, kind: "modbus", device: "sdm630", bus: "Shed", unit: 1 }
  const fault: FaultSpec = { meter: "Roof", fault: "counter-drop", at: noon, lasts: 60 }
  const shown = (time: number) => displayAt(spec, home, [fault], time).registers.generatedWh
  t.ok(shown(noon - 1) > 48_000_000n)
  t.equal(shown(noon), 0n)
  t.equal(shown(noon + 59), 0n)
  t.ok(shown(noon + 60) > 48_000_000n)
})

t.test(
  "a meter signs with each of its keys from that one's time on, and keeps its name and its numbers",
  async (t) => {
    const secret = "08".repeat(32)
    const changed = createSigningMeter({ ...roof, laterKeys: [{ secret, from: noon }] }, home, [], start)
    t.equal(changed.topic, honest.topic)
    const nextKey = meterKey(Scheme.ed25519, createSigningKey(fromHex(secret, 32)).publicKey)
    const said = [noon - 900, noon, noon + 900].map((time) =>
      decodeReading(changed.messagesAt(time, boot)[0]!.payload),
    )
    t.same(
      said.map((signed) => [key, nextKey].findIndex((one) => verifySignature(one, signed))),
      [0, 1, 1],
    )
    const [first] = said
    t.same(
      said.map(({ reading }) => reading.sequence - first!.reading.sequence),
      [0, 1, 2],
    )
  },
)
