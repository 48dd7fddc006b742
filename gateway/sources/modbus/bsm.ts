import { points as layout, snapshotBytes } from "../../../protocol/bsm/layout.ts"
import { MalformedBsm } from "../../../protocol/bsm/malformed.ts"
import { type BsmSnapshot, parseBsm, statusNames } from "../../../protocol/bsm/snapshot.ts"
import { equalBytes } from "../../../protocol/hex.ts"
import { energyFromScaled } from "../../../protocol/ocmf/energy.ts"
import { Clock } from "../../../protocol/reading.ts"
import {
  type Device,
  type Identity,
  type PointValue,
  type Polled,
  type Unit,
  UnusableRegister,
  WrongDevice,
} from "./device.ts"
import type { BsmProfile } from "./profile-shape.ts"
import {
  clockRenewalSeconds,
  keyWatch,
  readLong,
  type SigningDeviceOptions,
  textOf,
  uint32Words,
  untilReady,
} from "./signing-device.ts"
import { findBase, NoMap, walkChain } from "./sunspec/chain.ts"
import type { ModelAt } from "./sunspec/models.ts"

/** Registers of a model's id and length, before its points. */
const header = 2
/** SunSpec model 1: what stands where, from its first point. */
const common = { id: 1, maker: [0, 16], model: [16, 16], firmware: [40, 8], serial: [48, 16] } as const
/** Model 64900 (doc/modbus/bsm-ws36a-modbus-registers.csv of chargeITmobility/bsm-python). */
const signingMeter = { address: [36, 8], time: 61, keyLength: 251, registers: 300 } as const
/** Point Typ of model 64901: the snapshot that shows the present, and switches nothing. */
const currentSnapshot = 0
const statusRegister = 1
const [valid, updating] = [0, 2]
/** Meta1, Meta2 and Meta3 begin at 30, 100 and 150: no piece of this length divides what belongs together but them. */
const pieceRegisters = 100
/** Up to RCnt: what must be the same after the last piece as in the first. */
const headRegisters = 19
const mostTries = 3

/** Where on the meter the models are, and what it says its address is. */
interface Found {
  meter: number
  snapshot: number
  meterAddress: Uint8Array
}

/**
 * A Bauer BSM-WS36A: a SunSpec device that signs a snapshot of itself when it is asked to. Its registers are handed
 * on as they are; the snapshot is verified where every record is.
 */
export function bsmDevice(profile: BsmProfile, options: SigningDeviceOptions): Device {
  const checkKey = keyWatch(options.publicKey)
  let found: Found | undefined
  let clockRenewed: number | undefined

  async function identify(unit: Unit): Promise<Identity> {
    found = undefined
    const chain = await modelsOf(unit, options.base === undefined ? profile.bases : [options.base])
    const one = (id: number) => chain.find((model) => model.id === id)
    const nameplate = one(common.id)
    const meter = one(profile.models.signingMeter)
    if (!nameplate || !meter || meter.length !== signingMeter.registers)
      throw new WrongDevice(
        `this SunSpec device is no ${profile.model}: it has no model 64900 of 300 registers`,
      )
    const plate = await unit.read({ function: 3, address: nameplate.address + header, count: 64 })
    const field = ([from, count]: readonly [number, number]) =>
      textOf(plate.subarray(2 * from, 2 * (from + count)))
    const identity = {
      maker: field(common.maker),
      model: field(common.model),
      firmware: field(common.firmware),
      serial: field(common.serial),
    }
    if (
      !identity.maker.toLowerCase().startsWith(profile.maker.toLowerCase()) ||
      !identity.model.startsWith(profile.model)
    )
      throw new WrongDevice(
        `this is a ${identity.maker} ${identity.model}, and no ${profile.maker} ${profile.model}`,
      )
    if (options.serial !== undefined && options.serial !== identity.serial)
      throw new WrongDevice(`the meter's serial number is ${identity.serial}, not ${options.serial}`)
    checkKey(await publicKeyOf(unit, meter))
    const [from, count] = signingMeter.address
    const meterAddress = await unit.read({ function: 3, address: meter.address + header + from, count })
    found = {
      meter: meter.address + header,
      snapshot: await findSnapshot(unit, chain, profile),
      meterAddress: Uint8Array.from(meterAddress),
    }
    return identity
  }

  async function poll(unit: Unit, now: () => number): Promise<Polled> {
    if (!found) await identify(unit)
    const { meter, snapshot, meterAddress } = found!
    await keepClock(unit, meter, now)
    const time = now()
    const bytes = await takeSnapshot(unit, snapshot)
    const parsed = parse(bytes)
    const [, registers] = signingMeter.address
    if (!equalBytes(bytes.subarray(18, 18 + 2 * registers), meterAddress))
      throw new WrongDevice(`the snapshot is of the meter ${text(parsed.strings.MA1)}: was it replaced?`)
    return { time, points: pointsOf(parsed), signed: { format: "bsm", bytes } }
  }

  /** The meter has no time when it starts, and drops it when nobody renews it. */
  async function keepClock(unit: Unit, meter: number, now: () => number): Promise<void> {
    if (options.clockQuality?.() !== Clock.synchronised) return
    const address = meter + signingMeter.time
    const epoch = (await unit.read({ function: 3, address, count: 2 })).readUInt32BE()
    if (epoch === 0 || epoch === 0xffff_ffff) await unit.write(address, [...uint32Words(now()), 0])
    else if (clockRenewed === undefined || now() - clockRenewed < clockRenewalSeconds) {
      // Who set it, and when, is not known after a start: a day from then on is early enough.
      clockRenewed ??= now()
      return
    } else await unit.write(address, uint32Words(now()))
    clockRenewed = now()
  }

  async function takeSnapshot(unit: Unit, address: number): Promise<Uint8Array> {
    for (let tries = 0; tries < mostTries; tries++) {
      await unit.write(address + statusRegister, [updating])
      await untilReady(() => finished(unit, address), options, "the snapshot")
      const bytes = await readLong(unit, address, snapshotBytes / 2, pieceRegisters)
      const again = await unit.read({ function: 3, address, count: headRegisters })
      // Somebody else may ask for snapshots too: pieces of two are none.
      if (equalBytes(bytes.subarray(0, again.length), again)) return bytes
    }
    throw new UnusableRegister(
      "the snapshot changed while it was read: does another master ask for snapshots?",
    )
  }

  return { ...(profile.quirks?.pauseMs !== undefined && { pauseMs: profile.quirks.pauseMs }), identify, poll }
}

async function modelsOf(unit: Unit, bases: readonly number[]): Promise<ModelAt[]> {
  try {
    return await walkChain(unit, await findBase(unit, bases))
  } catch (error) {
    if (error instanceof NoMap) throw new WrongDevice(error.message, { cause: error })
    throw error
  }
}

async function publicKeyOf(unit: Unit, meter: ModelAt): Promise<Uint8Array> {
  const { keyLength, registers } = signingMeter
  const address = meter.address + header + keyLength
  const bytes = await unit.read({ function: 3, address, count: registers - keyLength })
  return Uint8Array.from(bytes.subarray(2, 2 + bytes.readUInt16BE()))
}

/** Of the meter's five kinds of snapshot the one that only looks. */
async function findSnapshot(unit: Unit, chain: readonly ModelAt[], profile: BsmProfile): Promise<number> {
  for (const model of chain) {
    if (model.id !== profile.models.snapshot || model.length !== snapshotBytes / 2) continue
    const address = model.address + header
    if ((await unit.read({ function: 3, address, count: 1 })).readUInt16BE() === currentSnapshot)
      return address
  }
  throw new WrongDevice(
    "the meter has no snapshot of model 64901 with 252 registers: its firmware is another",
  )
}

/** @returns true, or undefined while the meter is at work. @throws UnusableRegister when it gave up. */
async function finished(unit: Unit, snapshot: number): Promise<true | undefined> {
  const address = snapshot + statusRegister
  const status = (await unit.read({ function: 3, address, count: 1 })).readUInt16BE()
  if (status === updating) return undefined
  if (status === valid) return true
  throw new UnusableRegister(`the meter made no snapshot: ${statusNames[status] ?? "unknown"} (St ${status})`)
}

function parse(bytes: Uint8Array): BsmSnapshot {
  try {
    return parseBsm(bytes)
  } catch (error) {
    if (error instanceof MalformedBsm) throw new UnusableRegister(error.message)
    throw error
  }
}

/** SunSpec Device Information Model Specification, by type; an accumulator of 0 is "not accumulated". */
const notImplemented: Readonly<Record<string, number>> = { int16: -0x8000, uint32: 0xffff_ffff, acc32: 0 }

function pointsOf({ numbers, strings }: BsmSnapshot): PointValue[] {
  return layout.flatMap((point): PointValue[] => {
    const { name } = point
    if (name === "Wh_SF" || name === "W_SF" || name === "NSig" || name === "BSig") return []
    if (typeof point.type !== "string")
      return [{ name, quality: "good", value: text(strings[name as "MA1"]) }]
    const raw = numbers[name as "W"]
    if (raw === notImplemented[point.type]) return [{ name, quality: "not-implemented" }]
    if (name === "TotWhImp" || name === "RCR") {
      const energy = energyFromScaled(BigInt(raw), numbers.Wh_SF)
      return typeof energy === "string"
        ? [{ name, quality: "out-of-range", unit: "Wh" }]
        : [{ name, quality: "good", value: energy.wh, unit: "Wh", resolution: energy.stepWh }]
    }
    if (name === "W") return [{ name, quality: "good", value: scaled(raw, numbers.W_SF), unit: "W" }]
    return [{ name, quality: "good", value: raw }]
  })
}

/** Divided, not multiplied by a fraction, so that 7 · 10^-1 is 0.7. */
function scaled(value: number, power: number): number {
  return power < 0 ? value / 10 ** -power : value * 10 ** power
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8")
}
