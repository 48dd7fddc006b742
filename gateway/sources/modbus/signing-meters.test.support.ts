import { image, someSignature } from "../../../protocol/bsm/snapshot.test.support.ts"
import { parseBsm } from "../../../protocol/bsm/snapshot.ts"
import { entry, payload, type Signer, utf8 } from "../../../protocol/ocmf/sign.test.support.ts"
import { type BlockRead, ModbusException, type Unit } from "./device.ts"

/** A unit whose registers are in memory; what is not there is refused. */
function memoryUnit(registers: Map<number, number>, onRead: (block: BlockRead) => void = () => {}) {
  const put = (address: number, bytes: Uint8Array) => {
    for (let i = 0; i < bytes.length; i += 2)
      registers.set(address + i / 2, (bytes[i]! << 8) | (bytes[i + 1] ?? 0))
  }
  const unit = {
    writes: [] as { address: number; words: readonly number[] }[],
    onWrite: (_address: number, _words: readonly number[]): void => {},
    async read(block: BlockRead): Promise<Buffer> {
      onRead(block)
      const { address, count } = block
      if (count > 125) throw new ModbusException("illegal data value", 3)
      const bytes = Buffer.alloc(2 * count)
      for (let i = 0; i < count; i++) {
        const word = registers.get(address + i)
        if (word === undefined) throw new ModbusException(`nothing at ${address + i}`, 2)
        bytes.writeUInt16BE(word, 2 * i)
      }
      return bytes
    },
    async write(address: number, words: readonly number[]): Promise<void> {
      if (words.length > 123) throw new ModbusException("illegal data value", 3)
      unit.writes.push({ address, words })
      words.forEach((word, i) => {
        registers.set(address + i, word)
      })
      unit.onWrite(address, words)
    },
  } satisfies Unit & Record<string, unknown>
  return { unit, put }
}

const padded = (text: string, registers: number) => Buffer.from(text.padEnd(2 * registers, "\0"), "latin1")

export interface SimulatedBsm {
  unit: ReturnType<typeof memoryUnit>["unit"]
  signer: Signer
  /** The meter's clock, Unix seconds; 0 has no time. */
  time: number
  /** What its register counts, in units of 10 Wh. */
  energy: number
  /** How often it answers that it is at work before a snapshot is there. */
  slow: number
  /** What becomes of the next snapshots. */
  outcome: number
  count: number
  /** Something that another master does between two reads. */
  meddle: ((snapshot: number, read: BlockRead) => void) | undefined
  /** Shows a snapshot of this number, as one that somebody else asked for. */
  showOther(count: number): void
  numbers: Record<string, number>
}

/** A BSM-WS36A as far as a gateway sees it: models 1, 203, 64900 and two of 64901, at 40000. */
export function simulatedBsm(signer: Signer, time: number): SimulatedBsm {
  const registers = new Map<number, number>()
  let waiting = 0
  const { unit, put } = memoryUnit(registers, (block) => {
    if (block.address === snapshot + 1 && waiting > 0 && --waiting === 0) finish()
    meter.meddle?.(snapshot, block)
  })
  const meter: SimulatedBsm = {
    unit,
    signer,
    time,
    energy: 10_000,
    slow: 1,
    outcome: 0,
    count: 1,
    meddle: undefined,
    showOther: (count) => put(snapshot, take(count)),
    numbers: {},
  }
  let address = 40_002
  const places = new Map<number, number>()
  put(40_000, Buffer.from("SunS"))
  const model = (id: number, contents: Uint8Array) => {
    put(address, Uint8Array.of(id >> 8, id & 0xff, contents.length >> 9, (contents.length >> 1) & 0xff))
    put(address + 2, contents)
    places.set(id, places.get(id) ?? address + 2)
    address += 2 + contents.length / 2
  }
  const nameplate = Buffer.concat([
    padded("BAUER Electronic", 16),
    padded("BSM-WS36A-H01-1311-0000", 16),
    padded("", 8),
    padded("1.9:32CA:AFF4", 8),
    padded("20200007", 16),
    Buffer.alloc(4),
  ])
  const spki = Buffer.from(signer.spki, "hex")
  const signing = Buffer.alloc(600)
  padded("001TEST000000001", 8).copy(signing, 72)
  signing.writeUInt32BE(time, 122)
  signing.writeUInt16BE(48, 500)
  signing.writeUInt16BE(spki.length, 502)
  spki.copy(signing, 504)
  model(1, nameplate)
  model(203, Buffer.alloc(210))
  model(64900, signing)
  const snapshot = address + 2
  model(64901, image({ numbers: { St: 1 } }, someSignature))
  model(64901, image({ numbers: { Typ: 1, St: 1 } }, someSignature))
  registers.set(address, 0xffff)
  registers.set(address + 1, 0)
  const clock = places.get(64900)! + 61

  function take(count: number): Uint8Array {
    const numbers = {
      TotWhImp: meter.energy,
      RCnt: count,
      Epoch: meter.time || 0xffff_ffff,
      ...meter.numbers,
    }
    return image({ numbers }, signer.der(parseBsm(image({ numbers }, someSignature)).message))
  }
  function finish(): void {
    if (meter.outcome === 0) put(snapshot, take(meter.count++))
    else registers.set(snapshot + 1, meter.outcome)
  }
  unit.onWrite = (at, words) => {
    if (at === clock) meter.time = words[0]! * 65_536 + words[1]!
    if (at !== snapshot + 1 || words[0] !== 2) return
    waiting = meter.slow
    if (waiting === 0) finish()
  }
  return meter
}

export interface SimulatedOcmf {
  unit: ReturnType<typeof memoryUnit>["unit"]
  signer: Signer
  time: number
  importedKWh: string
  exportedKWh: string | undefined
  slow: number
  /** The status register after a command; 15 is a signature. */
  status: number
  state: number
  count: number
  signatureAs: "der" | "hex" | "base64"
  entries: Record<string, unknown>
}

/** A WM3M4C as far as a gateway sees it. It has no time until it is given one. */
export function simulatedOcmf(signer: Signer): SimulatedOcmf {
  const registers = new Map<number, number>()
  let waiting = 0
  const { unit, put } = memoryUnit(registers, ({ address }) => {
    if (address === 7000) registers.set(7000, meter.state)
    if (address === 7052 && waiting > 0 && --waiting === 0) finish()
  })
  const meter: SimulatedOcmf = {
    unit,
    signer,
    time: 0,
    importedKWh: "100.00",
    exportedKWh: undefined,
    slow: 1,
    status: 15,
    state: 0,
    count: 1,
    signatureAs: "der",
    entries: {},
  }
  put(1, padded("WM3M4C", 8))
  put(9, padded("12345678", 4))
  put(8124, signer.key.point)
  for (let address = 7000; address < 7100; address++) registers.set(address, 0)

  function finish(): void {
    registers.set(7052, meter.status)
    if (meter.status !== 15) return
    const given = Buffer.alloc(2 * Math.ceil(registers.get(7056)! / 2))
    for (let i = 0; i < given.length / 2; i++) given.writeUInt16BE(registers.get(7100 + i)!, 2 * i)
    const dataset = JSON.parse(given.toString("latin1", 0, registers.get(7056)!)) as Record<string, unknown>
    const letter = registers.get(7071) === 2 ? "S" : "U"
    const TM = `${new Date(meter.time * 1000).toISOString().slice(0, 19)},000+0000 ${letter}`
    const RV = Number(meter.importedKWh)
    const readings: unknown[] = [entry({ TM, RV, TX: undefined, ...meter.entries })]
    if (meter.exportedKWh !== undefined)
      readings.push({ RV: Number(meter.exportedKWh), RI: "1-0:2.8.0", RU: "kWh" })
    const text = payload(readings, {
      ...dataset,
      MV: "Iskra",
      MM: "WM3M4C",
      MS: "12345678",
      PG: `F${meter.count++}`,
    })
    const der = Buffer.from(signer.der(utf8(text)))
    const signature = meter.signatureAs === "der" ? der : Buffer.from(der.toString(meter.signatureAs))
    put(7612, utf8(text))
    put(8188, signature)
    registers.set(7057, utf8(text).length)
    registers.set(7058, signature.length)
  }
  unit.onWrite = (at, words) => {
    if (at === 7054) meter.time = words[0]! * 65_536 + words[1]!
    if (at !== 7051 || words[0] !== 0x6600) return
    registers.set(7052, 2)
    waiting = meter.slow
    if (waiting === 0) finish()
  }
  return meter
}
