import t from "tap"
import { crc, rtuFraming } from "../modbus/rtu.ts"
import { tcpFraming } from "../modbus/tcp.ts"
import { createBusTrouble } from "../modbus/trouble.ts"
import { meterOf } from "../units.test.support.ts"
import { type BusFaultName, busFaults } from "./bus.ts"

const request = { unit: 7, pdu: Uint8Array.of(4, 0, 0x48, 0, 1), transaction: 0x1234 }
const pdu = Uint8Array.of(4, 2, 0xab, 0xcd)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

function bent(fault: BusFaultName, framing = tcpFraming, size = {}) {
  return busFaults[fault]
    .bend({ request, before: 0x1233, pdu, framing }, size)
    .map(({ afterMs, bytes, cut }) => [afterMs, text(bytes), ...(cut ? ["cut"] : [])])
}
const whole = { tcp: "12340000000507" + "0402abcd", rtu: text(rtuFraming.frame(request, pdu)) }

t.test("each fault puts on the wire what its sentence says", async (t) => {
  t.same(bent("late"), [[1500, whole.tcp]])
  t.same(bent("late", tcpFraming, { delayMs: 20 }), [[20, whole.tcp]])
  t.same(bent("lost"), [])
  t.same(bent("dead", rtuFraming), [])
  t.same(bent("dead"), [[0, "12340000000307840b"]])
  t.same(bent("exception"), [[0, "123400000003078404"]])
  t.same(bent("exception", tcpFraming, { code: 6 }), [[0, "123400000003078406"]])
  t.same(bent("truncated", rtuFraming), [[0, whole.rtu.slice(0, 6)]])
  t.same(bent("noise", rtuFraming), [[0, `00ff55${whole.rtu}`]])
  t.same(bent("stale-id"), [[0, `1233${whole.tcp.slice(4)}`]])
  t.same(bent("id-wrap"), [[0, `0034${whole.tcp.slice(4)}`]])
  t.same(bent("cut"), [[0, whole.tcp.slice(0, 10), "cut"]])
})

t.test("wrong-crc is wrong, other-unit is not", async (t) => {
  const [[, wrong]] = bent("wrong-crc", rtuFraming) as [[number, string]]
  t.not(crc(Buffer.from(wrong, "hex")), 0)
  t.equal(wrong.slice(0, -2), whole.rtu.slice(0, -2))
  const [[, other]] = bent("other-unit", rtuFraming) as [[number, string]]
  t.equal(crc(Buffer.from(other, "hex")), 0)
  t.equal(other.slice(0, 4), "0804")
})

t.test("a fault holds for its unit or its bus, for its time, and so often as it says", async (t) => {
  const bus = { name: "Bus", host: "", port: 0 }
  const meters = [meterOf("sdm630", 1), meterOf("bsm-ws36a", 2)]
  let time = 0
  const trouble = createBusTrouble(
    bus,
    meters,
    [
      { bus: "Bus", fault: "lost", at: 100, lasts: 10 },
      { meter: "Meter 1", fault: "late", at: 200, times: 2, delayMs: 5 },
      { bus: "Attic", fault: "cut", at: 0, lasts: 1000 },
      { meter: "Meter 2", fault: "reboot", at: 300, lasts: 10 },
    ],
    () => time,
  )
  const at = (now: number, unit: number) => {
    time = now
    return trouble(unit)?.fault
  }
  t.same([at(99, 1), at(100, 1), at(109, 2), at(110, 1)], [undefined, "lost", "lost", undefined])
  t.same([at(200, 2), at(200, 1), at(900, 1), at(901, 1)], [undefined, "late", "late", undefined])
  t.same([at(299, 2), at(300, 2), at(300, 1), at(310, 2)], [undefined, "dead", undefined, undefined])
  t.equal(at(100, 3), undefined, "who is not on the bus has no fault")
})
