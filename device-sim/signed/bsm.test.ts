import { spawnSync } from "node:child_process"
import t from "tap"
import { parseBsm, verifyBsm } from "../../protocol/bsm/snapshot.ts"
import { toHex } from "../../protocol/hex.ts"
import { curves } from "../../protocol/ocmf/curves.ts"
import { keyOnCurve, parseKey } from "../../protocol/ocmf/key.ts"
import { createUnit } from "../devices/units.ts"
import type { FaultSpec } from "../scenario.ts"
import { home, meterOf, noon, simulate, start, startWh } from "../units.test.support.ts"
import { signingMs } from "./signed-device.ts"

const snapshotAt = 40_523
const statusAt = 40_524
const epochAt = 40_260
const metaAt = 40_279
const updating = Uint8Array.of(0, 2)

const meter = meterOf("bsm-ws36a", 42, { measures: "grid" })

function bsm(faults: readonly Omit<FaultSpec, "meter">[] = [], at = noon) {
  const it = simulate(
    meter,
    faults.map((fault) => ({ ...fault, meter: meter.name })),
    at,
  )
  const read = (address: number, count: number) => Buffer.from(it.unit.read("holding", address, count)!)
  /** As three reads, because one has 125 registers at most. */
  const image = () =>
    Buffer.concat([read(snapshotAt, 100), read(snapshotAt + 100, 125), read(snapshotAt + 225, 27)])
  const take = () => {
    it.unit.write!(statusAt, updating)
    it.clock.wallMs += signingMs
    return image()
  }
  const key = keyOnCurve(parseKey(toHex(it.key!.publicKey)), curves.secp256r1)
  return { ...it, read, image, take, verified: (bytes: Buffer) => verifyBsm(parseBsm(bytes), key) }
}

t.test("a snapshot is invalid at the start, busy while it is signed, then valid and verified", async (t) => {
  const { unit, clock, read, image, verified } = bsm()
  t.equal(read(statusAt, 1).readUInt16BE(), 1, "nobody asked for one")
  t.throws(() => parseBsm(image()), /its status is invalid/)
  t.ok(unit.write!(statusAt, updating))
  clock.wallMs += signingMs - 1
  t.equal(read(statusAt, 1).readUInt16BE(), 2)
  clock.wallMs += 1
  t.equal(read(statusAt, 1).readUInt16BE(), 0)
  const { numbers, strings } = parseBsm(image())
  t.ok(verified(image()))
  t.match(numbers, {
    Typ: 0,
    RCnt: 1,
    Wh_SF: 1,
    Epoch: noon,
    OS: noon - start,
    EpochSetCnt: 1,
    EpochSetOS: 0,
  })
  t.ok(numbers.TotWhImp * 10 >= startWh.grid.imported)
  t.equal(Buffer.from(strings.MA1).toString(), `001SIM${String(meter.serial).padStart(10, "0")}`)
})

t.test("each snapshot has the next number, and shows its own time until the next", async (t) => {
  const { clock, take, image, verified } = bsm()
  const first = take()
  clock.now += 60
  t.same(image(), first)
  const second = take()
  t.equal(parseBsm(second).numbers.RCnt, 2)
  t.equal(parseBsm(second).numbers.Epoch, noon + 60)
  t.ok(verified(second))
})

t.test("who writes Epoch sets the clock, and the Meta strings are signed too", async (t) => {
  const { unit, take, read, verified } = bsm()
  const time = Buffer.alloc(6)
  time.writeUInt32BE(noon + 1000)
  time.writeInt16BE(120, 4)
  t.ok(unit.write!(epochAt, time))
  t.ok(unit.write!(metaAt, Buffer.from("contract-id: nobody".padEnd(140, "\0"))))
  const bytes = take()
  t.match(parseBsm(bytes).numbers, { Epoch: noon + 1000, TZO: 120, EpochSetCnt: 2, EpochSetOS: noon - start })
  t.equal(Buffer.from(parseBsm(bytes).strings.Meta1).toString(), "contract-id: nobody")
  t.ok(verified(bytes))
  t.equal(read(epochAt, 2).readUInt32BE(), noon + 1000)
  t.ok(unit.write!(40_000, Uint8Array.of(1, 2)), "other writing is taken")
  t.equal(read(40_000, 1).toString(), "Su", "and ignored")
  t.notOk(unit.write!(39_999, Uint8Array.of(1, 2)))
})

t.test("the models stand where the maker's table has them, the key among them", async (t) => {
  const { read, key } = bsm()
  for (const [address, model, length] of [
    [40_002, 1, 66],
    [40_070, 10, 4],
    [40_076, 17, 12],
    [40_090, 203, 105],
    [40_197, 64_900, 300],
    [40_499, 64_902, 20],
    [40_521, 64_901, 252],
    [40_775, 64_901, 252],
    [41_537, 64_901, 252],
    [41_791, 0xffff, 0],
  ] as const)
    t.same([read(address, 2).readUInt16BE(), read(address, 2).readUInt16BE(2)], [model, length])
  const length = read(40_450, 1).readUInt16BE()
  t.equal(read(40_451, 48).subarray(0, length).toString("hex"), Buffer.from(key!.publicKey).toString("hex"))
})

t.test("faults of a meter that signs are signed, those of its key are not", async (t) => {
  const at = noon
  const stepped = bsm([{ fault: "clock-step", at, seconds: -7200 }])
  const shown = parseBsm(stepped.take()).numbers
  t.match(shown, { Epoch: noon - 7200, EpochSetCnt: 2 })
  t.ok(stepped.verified(stepped.image()))

  t.equal(parseBsm(bsm([{ fault: "clock-unsynchronised", at }]).take()).numbers.EpochSetCnt, 0)

  const reusing = bsm([{ fault: "sequence-reuse", at: noon + 60 }])
  reusing.take()
  reusing.clock.now += 60
  t.equal(parseBsm(reusing.take()).numbers.RCnt, 1)
  t.ok(reusing.verified(reusing.image()))

  const rebooting = bsm([{ fault: "reboot", at: noon + 60, lasts: 10 }])
  rebooting.take()
  rebooting.clock.now += 120
  t.equal(rebooting.read(statusAt, 1).readUInt16BE(), 1, "a boot forgets the snapshot")
  t.equal(rebooting.read(40_254, 2).readUInt32BE(), 1, "and counts itself")

  for (const fault of ["wrong-key", "tampered"] as const) {
    const lying = bsm([{ fault, at }])
    t.notOk(lying.verified(lying.take()), fault)
  }
  t.equal(parseBsm(bsm([{ fault: "not-a-number", at }]).take()).numbers.TotWhImp, 0)
})

/** Rebuilds the signed message after the maker's description, with nothing of ours, and verifies it. */
const verifier = `
import json, struct, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
image, key = (bytes.fromhex(text) for text in json.load(sys.stdin))
number = lambda at, form: struct.unpack_from(">" + form, image, 2 * at)[0]
def plain(at, form, unit, scale=0): return struct.pack(">qbB", number(at, form), scale, unit)[4:]
def text(at, count):
    value = image[2 * at:2 * (at + count)].rstrip(bytes(1))
    return struct.pack(">I", len(value)) + value
wh, w = number(6, "h"), number(8, "h")
message = (plain(0, "H", 255) + plain(2, "I", 30, wh) + plain(4, "I", 30, wh) + plain(7, "h", 27, w) + text(9, 8)
  + plain(17, "I", 255) + plain(19, "I", 7) + plain(21, "I", 7) + plain(23, "h", 6) + plain(24, "I", 255)
  + plain(26, "I", 7) + plain(28, "H", 255) + plain(29, "H", 255) + text(30, 70) + text(100, 50) + text(150, 50)
  + plain(200, "I", 255))
signature = image[408:408 + number(203, "H")]
serialization.load_der_public_key(key).verify(signature, message, ec.ECDSA(hashes.SHA256()))
print("verified")
`
const python = ["python3", "/usr/bin/python3"].find(
  (command) => spawnSync(command, ["-c", "import cryptography"]).status === 0,
)

t.test(
  "python-cryptography verifies a snapshot from its registers alone",
  { skip: !python && "no python3 with cryptography" },
  async (t) => {
    const { take, key } = bsm()
    const input = JSON.stringify([take().toString("hex"), Buffer.from(key!.publicKey).toString("hex")])
    const { stdout, stderr } = spawnSync(python!, ["-c", verifier], { input, encoding: "utf8" })
    t.equal(stdout, "verified\n", stderr)
  },
)

t.test("a simulator that starts again goes on counting, so that no number is used twice", async (t) => {
  const [first, second] = [0, 60].map((signedBefore) => {
    const { unit } = createUnit({
      ...{ meter, home, faults: [], bootedAt: start, signedBefore },
      now: () => noon,
      wallNow: () => 0,
    })
    unit.write!(statusAt, updating)
    return unit.read("holding", 40_256, 2)![3]
  })
  t.same([first, second], [1, 61])
})
