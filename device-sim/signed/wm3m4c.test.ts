import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import t from "tap"
import { toHex } from "../../protocol/hex.ts"
import { curves } from "../../protocol/ocmf/curves.ts"
import { atGenerator } from "../../protocol/ocmf/energy.ts"
import { keyOnCurve, parseKey } from "../../protocol/ocmf/key.ts"
import { readingsFromOcmf } from "../../protocol/ocmf/reading.ts"
import { parseOcmf, verifyOcmf } from "../../protocol/ocmf/record.ts"
import { Clock } from "../../protocol/reading.ts"
import type { FaultSpec } from "../scenario.ts"
import { home, meterOf, noon, simulate, startWh } from "../units.test.support.ts"
import { signingMs } from "./signed-device.ts"

const dataset = '{"FV":"1.0","GI":"a gateway","GS":"7","GV":"1","PG":"","IS":false,"IT":"NONE","RD":[]}'
const generated = home.registersAt(noon).generatedWh + BigInt(startWh.generation.generated)

function iskra(faults: readonly Omit<FaultSpec, "meter">[] = []) {
  const meter = meterOf("wm3m4c", 33)
  const it = simulate(
    meter,
    faults.map((fault) => ({ ...fault, meter: meter.name })),
  )
  const read = (address: number, count: number) => Buffer.from(it.unit.read("holding", address, count)!)
  const word = (address: number) => read(address, 1).readUInt16BE()
  const write = (address: number, value: number) => {
    const bytes = Buffer.alloc(2)
    bytes.writeUInt16BE(value)
    return it.unit.write!(address, bytes)
  }
  const put = (text: string) => {
    it.unit.write!(7100, Buffer.from(text.length % 2 ? `${text}\0` : text))
    write(7056, text.length)
  }
  const command = (letter: string) => {
    write(7051, letter.charCodeAt(0) << 8)
    it.clock.wallMs += signingMs
    return word(7052)
  }
  const area = (address: number, length: number) => {
    const parts: Buffer[] = []
    for (let at = 0; at < Math.ceil(length / 2); at += 120)
      parts.push(read(address + at, Math.min(120, Math.ceil(length / 2) - at)))
    return Buffer.concat(parts).subarray(0, length)
  }
  const payload = () => area(7612, word(7057))
  const signature = () => area(8188, word(7058))
  const record = () => parseOcmf(Buffer.from(`OCMF|${payload()}|{"SD":"${signature().toString("hex")}"}`))
  const key = keyOnCurve(parseKey(toHex(it.key!.publicKey)), curves.secp256r1)
  return {
    ...it,
    read,
    word,
    write,
    put,
    command,
    payload,
    signature,
    record,
    verified: () => verifyOcmf(record(), key),
  }
}

t.test("a fiscal reading: dataset in, busy, then a record that verifies and says the register", async (t) => {
  const meter = iskra()
  meter.put(dataset)
  meter.write(7051, 0x6600)
  t.equal(meter.word(7052), 2, "in progress")
  meter.clock.wallMs += signingMs
  t.equal(meter.word(7052), 15)
  t.ok(meter.verified())
  t.same(readingsFromOcmf(meter.record(), atGenerator), {
    doubts: [],
    readings: [
      { sequence: 1, time: noon, clock: Clock.synchronised, clockSets: 0, boots: 0, generatedWh: generated },
    ],
  })
  t.match(meter.payload().toString(), /"GI":"a gateway".*"PG":"F1","MV":"ISKRA","MM":"WM3M4C"|"PG":"F1"/)
  t.equal(
    meter.read(8124, 32).toString("hex"),
    Buffer.from(meter.key!.publicKey.subarray(27)).toString("hex"),
  )
})

t.test("a transaction begins when idle, and its end has both readings in one record", async (t) => {
  const meter = iskra()
  meter.put(dataset)
  t.equal(meter.command("C"), 131, "there is nothing to read in between")
  t.equal(meter.command("B"), 15)
  t.equal(meter.word(7000), 1)
  t.equal(meter.command("B"), 131)
  meter.clock.now += 1800
  t.equal(meter.command("r"), 15)
  t.equal(meter.word(7000), 0)
  t.ok(meter.verified())
  t.same(
    readingsFromOcmf(meter.record(), atGenerator).readings.map(({ time, sequence }) => [time, sequence]),
    [
      [noon, 2],
      [noon + 1800, 2],
    ],
  )
})

t.test("what cannot be signed has its status", async (t) => {
  const meter = iskra()
  t.equal(meter.command("?"), 130)
  meter.put("no JSON")
  t.equal(meter.command("f"), 252)
  meter.write(7056, 1025)
  t.equal(meter.command("f"), 253)
  t.notOk(meter.write(6999, 1))
  t.equal(meter.unit.read("holding", 8251, 2), undefined)
  t.ok(meter.write(7612, 0x4142))
  t.equal(meter.word(7612), 0, "the output is not for writing")
})

t.test("the time is set in one piece or in two, with its zone and its state", async (t) => {
  const meter = iskra()
  meter.put(dataset)
  const time = noon + 100_000
  meter.write(7054, time >>> 16)
  meter.write(7055, time & 0xffff)
  meter.write(7053, 120)
  meter.write(7071, 1)
  meter.command("f")
  t.match(readingsFromOcmf(meter.record(), atGenerator), {
    readings: [{ time, clock: Clock.informative }],
    doubts: ["the clock is informative, not synchronised"],
  })
  t.match(meter.payload().toString(), /\+0200 I/)
  const both = Buffer.alloc(4)
  both.writeUInt32BE(noon)
  meter.unit.write!(7054, both)
  t.equal(meter.read(7054, 2).readUInt32BE(), noon)
})

t.test("the signature is DER, or text in base64 where the master wants it", async (t) => {
  const meter = iskra()
  meter.put(dataset)
  meter.command("f")
  const der = meter.signature()
  meter.write(7059, 1)
  meter.command("f")
  t.equal(Buffer.from(meter.signature().toString(), "base64")[0], der[0])
  t.equal(meter.word(7058) % 4, 0)
})

t.test(
  "faults: what is signed wrongly does not verify, what is signed of a broken meter says so",
  async (t) => {
    for (const fault of ["wrong-key", "tampered"] as const) {
      const meter = iskra([{ fault, at: noon }])
      meter.put(dataset)
      meter.command("f")
      t.notOk(meter.verified(), fault)
    }
    const broken = iskra([{ fault: "not-a-number", at: noon }])
    broken.put(dataset)
    broken.command("f")
    t.ok(broken.verified())
    t.match(readingsFromOcmf(broken.record(), atGenerator).doubts.join(), /unusable \(EF E\)/)
    const reusing = iskra([{ fault: "sequence-reuse", at: noon + 10 }])
    reusing.put(dataset)
    reusing.command("f")
    reusing.clock.now += 20
    reusing.command("f")
    t.equal(readingsFromOcmf(reusing.record(), atGenerator).readings[0]!.sequence, 1)
  },
)

t.test(
  "openssl verifies a record",
  { skip: spawnSync("openssl", ["version"]).error ? "no openssl" : false },
  async (t) => {
    const meter = iskra()
    meter.put(dataset)
    meter.command("f")
    const folder = t.testdir()
    const files = { key: meter.key!.publicKey, payload: meter.payload(), signature: meter.signature() }
    for (const [name, bytes] of Object.entries(files)) writeFileSync(`${folder}/${name}`, bytes)
    const { stdout, stderr } = spawnSync(
      "openssl",
      ["dgst", "-sha256", "-keyform", "DER", "-verify", "key", "-signature", "signature", "payload"],
      { cwd: folder, encoding: "utf8" },
    )
    t.equal(stdout, "Verified OK\n", stderr)
  },
)
