import { concatBytes } from "../../protocol/hex.ts"
import type { Line, Unit } from "../devices/device.ts"
import { modelBytes } from "../sunspec/image.ts"
import { models } from "../sunspec/models.ts"
import { type Point, pointsOf } from "../sunspec/points.ts"
import { type Values, valuesOf } from "../sunspec/values.ts"
import { isLying, operationOf, type SignedDevice, signAs, signingMs } from "./signed-device.ts"

/** Models of the Bauer BSM-WS36A: register table of chargeITmobility/bsm-python (Apache-2.0). */
const header = pointsOf("enum16 St; uint16 Ctl; enum16 Typ; pad Pad")
const serialInterface = pointsOf("string4 Nam; uint32 Rte; uint16 Bits; enum16 Pty Dup Flw Typ Pcol")
const signingMeter = pointsOf(`
  string4 ErrM; string8 SNM SNC VrM VrC MA1 MA2; acc32*RCR_SF RCR; sunssf RCR_SF; uint32 PDCnt RCnt OS Epoch; int16 TZO;
  uint32 EpochSetCnt EpochSetOS; uint16 DI DO; uint32 DIChgOS DIChgEpoch; int16 DIChgTZO; uint32 DOChgOS DOChgEpoch;
  int16 DOChgTZO; string70 Meta1; string50 Meta2 Meta3; uint16 NPK BPK; string48 PK`)
const firmwareHash = pointsOf("enum16 Typ; uint16 NB BB; pad Pad; string16 B")
const snapshot = pointsOf(`
  enum16 Typ St; acc32*Wh_SF RCR TotWhImp; sunssf Wh_SF; int16*W_SF W; sunssf W_SF; string8 MA1;
  uint32 RCnt OS Epoch; int16 TZO; uint32 EpochSetCnt EpochSetOS; uint16 DI DO; string70 Meta1; string50 Meta2 Meta3;
  bitfield32 Evt; uint16 NSig BSig; string48 Sig`)

/** The kinds of snapshot, Typ: current, turn-on, turn-off, start, end. */
const kinds = 5
const turnOn = 1

const status = { valid: 0, invalid: 1, updating: 2 } as const

const base = 40_000
const maxRegisters = 125
/** Where the models begin behind the mark: the same table. */
const signingMeterAt = 40_197
const firstSnapshotAt = 40_521
const snapshotRegisters = 254
const noUint32 = 0xffff_ffff
const noInt16 = -0x8000
/** One count of energy is 10 Wh. */
const energyScale = 1
/** What an unused part of a string shows. */
const empty = ""

/** DLMS units in the signed message (DLMS UA Blue Book): minutes, seconds, W, Wh, none. */
const dlms = { min: 6, s: 7, W: 27, Wh: 30, none: 255 } as const
/**
 * What of a snapshot is signed, in this order, each with its unit: snapshots.md of bsm-python. A number is 32 bits,
 * scale factor and unit; a string is its length and its bytes.
 */
const signedPoints: readonly (readonly [name: string, unit: number])[] = [
  ["Typ", dlms.none],
  ["RCR", dlms.Wh],
  ["TotWhImp", dlms.Wh],
  ["W", dlms.W],
  ["MA1", dlms.none],
  ["RCnt", dlms.none],
  ["OS", dlms.s],
  ["Epoch", dlms.s],
  ["TZO", dlms.min],
  ["EpochSetCnt", dlms.none],
  ["EpochSetOS", dlms.s],
  ["DI", dlms.none],
  ["DO", dlms.none],
  ["Meta1", dlms.none],
  ["Meta2", dlms.none],
  ["Meta3", dlms.none],
  ["Evt", dlms.none],
]

interface ClockState {
  /** What was added to the time by whoever set it. */
  offset: number
  zone: number
  sets: number
  setAt: number
}

interface SnapshotState {
  /** When it is finished, milliseconds of real time; undefined when none was asked for since the boot. */
  readyAt?: number
  bytes?: Uint8Array
}

/**
 * A Bauer BSM-WS36A: a SunSpec meter (models 1, 10, 17, 203) with signed snapshots (64900, 64902, five of 64901). Who
 * writes 2 to a snapshot's St finds it busy, then valid; Epoch and TZO set the clock; the Meta strings are kept; all
 * other writing is taken and ignored, as on the device. Its OCMF models are not there, and the clock runs from the
 * boot on, as if somebody had set it.
 */
export function createBsm(device: SignedDevice): Unit {
  const meta = new Map<string, Uint8Array>()
  const clock: ClockState = { offset: 0, zone: 0, sets: 1, setAt: 0 }
  const snapshots: SnapshotState[] = Array.from({ length: kinds }, () => ({}))
  let taken = device.signedBefore
  let countedFrom = 0n
  let boots = 0

  function now(): Values & { Epoch: number } {
    const operation = operationOf(device)
    if (operation.boots !== boots) {
      boots = operation.boots
      for (const state of snapshots) delete state.readyAt
    }
    const operating = Math.max(0, device.now() - device.bootedAt)
    return {
      PDCnt: boots,
      OS: operating,
      Epoch: device.now() + clock.offset + operation.clockOffset,
      TZO: clock.zone,
      EpochSetCnt: operation.synchronised ? clock.sets + operation.clockSets : 0,
      EpochSetOS: operation.synchronised ? clock.setAt : 0,
      DI: 1,
      DO: 0,
      MA1: `001SIM${String(device.serial).padStart(10, "0")}`,
      Meta1: textOf(meta.get("Meta1")),
      Meta2: textOf(meta.get("Meta2")),
      Meta3: textOf(meta.get("Meta3")),
    }
  }

  function energyOf(line: Line): Values {
    return {
      TotWhImp: line.readable ? line.importWh : undefined,
      RCR: line.readable && line.importWh > countedFrom ? line.importWh - countedFrom : 0n,
      W: line.phases.reduce((sum, { watts }) => sum + watts, 0),
    }
  }

  function snapshotBytes(kind: number): Uint8Array {
    const state = snapshots[kind]!
    now()
    if (state.readyAt === undefined || !state.bytes) return blankSnapshot(kind, status.invalid)
    return device.wallNow() < state.readyAt ? blankSnapshot(kind, status.updating) : state.bytes
  }

  function take(kind: number): void {
    const line = device.line()
    if (kind === turnOn) countedFrom = line.importWh
    if (!operationOf(device).reusesSequence || taken === device.signedBefore) taken++
    const values: Values = { ...now(), ...energyOf(line), Typ: kind, St: status.valid, RCnt: taken, Evt: 0 }
    const message = signedMessage(snapshotModel(values))
    const signature = signAs(device, message)
    const bytes = snapshotModel({ ...values, NSig: 48, BSig: signature.length })
    bytes.set(signature, bytes.length - 96)
    if (isLying("tampered", device)) {
      const at = 4 + 2 * offsetOf(snapshot, "TotWhImp") + 3
      bytes[at] = bytes[at]! ^ 1
    }
    snapshots[kind] = { readyAt: device.wallNow() + signingMs, bytes }
  }

  function image(): Uint8Array {
    const line = device.line()
    const values = now()
    const key = device.key.publicKey
    const meter = modelBytes(
      64_900,
      signingMeter,
      {
        ...values,
        ErrM: "0000000",
        SNM: String(device.serial),
        SNC: String(device.serial),
        VrM: "1.9",
        VrC: "1.0",
        MA2: empty,
        RCR: energyOf(line).RCR,
        RCnt: taken,
        ...{ DIChgOS: noUint32, DIChgEpoch: noUint32, DIChgTZO: noInt16 },
        ...{ DOChgOS: noUint32, DOChgEpoch: noUint32, DOChgTZO: noInt16 },
        NPK: 48,
        BPK: key.length,
      },
      energyScale,
    )
    meter.set(key, meter.length - 96)
    const common = {
      Mn: "BAUER Electronic",
      Md: "BSM-WS36A-H01-1311-0000",
      Vr: "1.9",
      SN: String(device.serial),
      DA: device.meter.unit,
    }
    return concatBytes(
      Uint8Array.of(0x53, 0x75, 0x6e, 0x53),
      modelBytes(1, models[1]!, common, 0),
      modelBytes(10, header, { St: 1, Ctl: 0, Typ: 2 }, 0),
      modelBytes(
        17,
        serialInterface,
        { Nam: "RS-485", Rte: 19_200, Bits: 8, Pty: 2, Dup: 1, Flw: 0, Typ: 2 },
        0,
      ),
      modelBytes(203, models[203]!, valuesOf(203, line), energyScale),
      meter,
      modelBytes(64_902, firmwareHash, { Typ: 0, NB: 16, BB: 32 }, 0),
      ...snapshots.map((_, kind) => snapshotBytes(kind)),
      Uint8Array.of(0xff, 0xff, 0, 0),
    )
  }

  /** One register that was written; whatever else is written is ignored. */
  function writeRegister(address: number, value: Uint8Array, written: Map<string, Uint8Array>): void {
    const kind = Math.floor((address - firstSnapshotAt) / snapshotRegisters)
    if (kind >= 0 && kind < kinds) {
      const isStatus = (address - firstSnapshotAt) % snapshotRegisters === 2 + offsetOf(snapshot, "St")
      if (isStatus && value[1] === status.updating) take(kind)
      return
    }
    for (const { name, offset, type } of signingMeter) {
      const at = address - signingMeterAt - 2 - offset
      const size =
        name === "Epoch" ? 2 : name === "TZO" ? 1 : name.startsWith("Meta") ? Number(type.slice(6)) : 0
      if (at < 0 || at >= size) continue
      const bytes = written.get(name) ?? new Uint8Array(2 * size)
      bytes.set(value, 2 * at)
      written.set(name, bytes)
    }
  }

  return {
    maxRegisters,
    read(table, address, count) {
      const bytes = image()
      const [from, to] = [2 * (address - base), 2 * (address - base + count)]
      return table === "holding" && from >= 0 && to <= bytes.length ? bytes.slice(from, to) : undefined
    },
    write(address, registers) {
      const end = base + image().length / 2
      if (address < base || address + registers.length / 2 > end) return false
      const written = new Map<string, Uint8Array>()
      for (let at = 0; at < registers.length; at += 2)
        writeRegister(address + at / 2, registers.subarray(at, at + 2), written)
      for (const [name, bytes] of written) {
        const view = new DataView(bytes.buffer)
        if (name === "Epoch") {
          Object.assign(clock, {
            offset: view.getUint32(0) - device.now(),
            sets: clock.sets + 1,
            setAt: device.now() - device.bootedAt,
          })
        } else if (name === "TZO") clock.zone = view.getInt16(0)
        else meta.set(name, bytes)
      }
      return true
    },
  }
}

function snapshotModel(values: Values): Uint8Array {
  return modelBytes(64_901, snapshot, values, energyScale)
}

function blankSnapshot(kind: number, St: number): Uint8Array {
  return snapshotModel({ Typ: kind, St, NSig: 48, BSig: 0 })
}

/** The bytes that the meter signs, from the registers that it shows. */
function signedMessage(model: Uint8Array): Uint8Array {
  const view = new DataView(model.buffer, model.byteOffset + 4)
  const parts = signedPoints.flatMap(([name, unit]) => {
    const { type, offset, scale } = snapshot.find((point) => point.name === name)!
    if (type.startsWith("string")) {
      const bytes = model.subarray(4 + 2 * offset, 4 + 2 * offset + 2 * Number(type.slice(6)))
      const end = bytes.indexOf(0)
      const contents = end < 0 ? bytes : bytes.subarray(0, end)
      return [bigEndian(contents.length), contents]
    }
    const value = type === "int16" ? view.getInt16(2 * offset) : wide(view, 2 * offset, type)
    const factor = scale === undefined ? 0 : view.getInt16(2 * offsetOf(snapshot, scale))
    return [bigEndian(value), Uint8Array.of(factor & 0xff, unit)]
  })
  return concatBytes(...parts)
}

function wide(view: DataView, at: number, type: string): number {
  return type.endsWith("32") ? view.getUint32(at) : view.getUint16(at)
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}

function offsetOf(points: readonly Point[], name: string): number {
  return points.find((point) => point.name === name)!.offset
}

function textOf(bytes: Uint8Array | undefined): string {
  if (!bytes) return empty
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}
