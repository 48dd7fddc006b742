import { connect } from "node:net"
import fc from "fast-check"
import t from "tap"
import type { BusFaultName } from "../faults/bus.ts"
import { meterOf, simulate } from "../units.test.support.ts"
import { crc, rtuFraming } from "./rtu.ts"
import { startBus } from "./server.ts"

t.test("the checksum is that of the specification's appendix", async (t) => {
  t.equal(crc(Uint8Array.of(0x02, 0x07)), 0x1241, "whose low byte, 0x41, is sent first")
})

t.test("whatever stands between requests, and however they are cut, each is found once", async () => {
  const requests = [
    { unit: 1, pdu: Uint8Array.of(4, 0, 0x48, 0, 2), transaction: 0 },
    { unit: 42, pdu: Uint8Array.of(16, 0x9e, 0x4c, 0, 1, 2, 0, 2), transaction: 0 },
    { unit: 33, pdu: Uint8Array.of(6, 0x1b, 0x8b, 0x66, 0), transaction: 0 },
  ]
  // A byte of noise that reads as a unit before a request of another function would wait for more: silence ends that.
  const noise = fc.uint8Array({ maxLength: 5 }).map((bytes) => bytes.map((byte) => byte | 0x80))
  fc.assert(
    fc.property(fc.tuple(noise, noise, noise), fc.integer({ min: 1, max: 9 }), (noises, piece) => {
      const wire = Buffer.concat(
        requests.flatMap((request, i) => [noises[i]!, rtuFraming.frame(request, request.pdu)]),
      )
      let pending: Buffer = Buffer.alloc(0)
      const found: unknown[] = []
      for (let at = 0; at < wire.length; at += piece) {
        pending = Buffer.concat([pending, wire.subarray(at, at + piece)])
        const { requests: some, taken } = rtuFraming.split(pending)!
        found.push(...some.map(({ unit, pdu }) => [unit, Buffer.from(pdu).toString("hex")]))
        pending = pending.subarray(taken)
      }
      return (
        JSON.stringify(found) ===
        JSON.stringify(requests.map(({ unit, pdu }) => [unit, Buffer.from(pdu).toString("hex")]))
      )
    }),
  )
})

/** What a bus sends back within a third of a second. */
async function exchange(port: number, ...frames: Uint8Array[]): Promise<{ answer: string; closed: boolean }> {
  const socket = connect(port, "127.0.0.1")
  let answer = ""
  let closed = false
  socket.on("data", (bytes) => {
    answer += bytes.toString("hex")
  })
  socket.on("close", () => {
    closed = true
  })
  for (const frame of frames) {
    socket.write(frame)
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  await new Promise((resolve) => setTimeout(resolve, 150))
  const result = { answer, closed }
  socket.destroy()
  return result
}

const read = { unit: 1, pdu: Uint8Array.of(3, 0, 0x14, 0, 2), transaction: 0 }
const frame = rtuFraming.frame(read, read.pdu)
const reply = Buffer.from(rtuFraming.frame(read, Uint8Array.of(3, 4, 0x3f, 0x80, 0, 0))).toString("hex")

t.test(
  "over RTU a wrong checksum and an absent unit are met with silence, half a request is forgotten",
  async (t) => {
    const bus = await startBus(
      { name: "RTU", host: "127.0.0.1", port: 0, framing: "rtu" },
      new Map([[1, simulate(meterOf("sdm630", 1)).unit]]),
    )
    t.same(await exchange(bus.port, frame), { answer: reply, closed: false })
    const damaged = Uint8Array.from(frame, (byte, i) => (i === 4 ? byte ^ 1 : byte))
    t.same(await exchange(bus.port, damaged), { answer: "", closed: false })
    t.same(await exchange(bus.port, rtuFraming.frame({ ...read, unit: 9 }, read.pdu)), {
      answer: "",
      closed: false,
    })
    t.same(await exchange(bus.port, frame.subarray(0, 5), frame), { answer: reply, closed: false })
    await bus.close()
  },
)

t.test("on a real connection faults reach the wire: cut, late, slow", async (t) => {
  const withFault = (fault: BusFaultName, delayMs?: number) =>
    startBus(
      { name: "RTU", host: "127.0.0.1", port: 0, framing: "rtu" },
      new Map([[1, simulate(meterOf("sdm630", 1)).unit]]),
      { faultOf: () => ({ fault, ...(delayMs !== undefined && { delayMs }) }) },
    )
  const cut = await withFault("cut")
  t.same(await exchange(cut.port, frame), { answer: reply.slice(0, 8), closed: true })
  const late = await withFault("late", 5000)
  t.same(await exchange(late.port, frame), { answer: "", closed: false })
  const soon = await withFault("late", 20)
  t.same(await exchange(soon.port, frame), { answer: reply, closed: false })
  await Promise.all([cut.close(), late.close(), soon.close()])
})

t.test("what is written reaches a unit that can be written to, and no other", async (t) => {
  const units = new Map([
    [1, simulate(meterOf("sdm630", 1)).unit],
    [33, simulate(meterOf("wm3m4c", 33)).unit],
  ])
  const bus = await startBus({ name: "TCP", host: "127.0.0.1", port: 0 }, units)
  for (const [request, answer, why] of [
    ["21 06 1b8d 003c", "21 06 1b8d 003c", "one register"],
    ["21 10 1b8d 0001 02 003c", "21 10 1b8d 0001", "several"],
    ["21 10 1b8d 0001 04 003c", "21 90 03", "a byte count that is not that of the registers"],
    ["21 06 0000 0001", "21 86 02", "registers that are not there"],
    ["01 10 0014 0001 02 0002", "01 90 01", "a meter that cannot be written to"],
  ] as const) {
    const bytes = Buffer.from(request.replaceAll(" ", ""), "hex")
    const header = Buffer.from([0, 1, 0, 0, 0, bytes.length])
    t.equal(
      (await exchange(bus.port, Buffer.concat([header, bytes]))).answer.slice(12),
      answer.replaceAll(" ", ""),
      why,
    )
  }
  await bus.close()
})
