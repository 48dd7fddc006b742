import { MalformedOcmf } from "../../../protocol/ocmf/malformed.ts"
import { paginationOf, readingsFromOcmf } from "../../../protocol/ocmf/reading.ts"
import { type OcmfRecord, parseOcmf } from "../../../protocol/ocmf/record.ts"
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
import type { OcmfProfile } from "./profile-shape.ts"
import {
  clockRenewalSeconds,
  keyWatch,
  readLong,
  type SigningDeviceOptions,
  textOf,
  uint32Words,
  untilReady,
} from "./signing-device.ts"

/** The command stands in the high byte: "f", a reading outside of transactions (Iskra's manual, table 15). */
const fiscalReading = 0x6600
const idle = 0
const clockSynchronised = 2
/** Without this the meter shows its signature as text in base64. */
const derFormat = 0
const ecdsaP256 = 4
/** One request of this meter moves at most 120 registers (Iskra's manual, 6.5.7 and 6.5.10). */
const mostRegisters = 120
const keyRegisters = 32
/** The areas of payload and signature end where the next begins: no length beyond is believed. */
const most = { payloadBytes: 1024, signatureBytes: 256 } as const

const signatureReady = 15
const stillAtWork: ReadonlySet<number> = new Set([0, 1, 2])
/** Register 47052 of Iskra's manual, table 11. */
const failures: Readonly<Record<number, string>> = {
  128: "its clock is not set",
  129: "its checksum is wrong",
  130: "it does not know the command",
  131: "it is in a state that does not allow it",
  132: "the measurement is not valid",
  133: "it is in test mode",
  245: "it has no key",
  248: "its data are not locked",
  249: "its settings are not locked",
  252: "it does not understand the dataset",
  253: "the dataset is too long",
}

/** What the meter puts its own fields and readings into; it wants these names there (EVerest, RsIskraMeter). */
const dataset = JSON.stringify({
  FV: "1.0",
  GI: "Commonwatt",
  GS: "",
  GV: "",
  PG: "",
  MV: "",
  MM: "",
  MS: "",
  MF: "",
  IS: false,
  IF: [],
  IT: "NONE",
  ID: "",
  CT: "",
  CI: "",
  RD: [],
})

/**
 * A meter that signs OCMF records on command and shows them in registers, as the Iskra WM3M4C does. Payload and
 * signature are handed on as they are; only the frame of the record, which nobody signs, is put around them.
 */
export function ocmfDevice(profile: OcmfProfile, options: SigningDeviceOptions): Device {
  const { record } = profile
  const checkKey = keyWatch(options.publicKey)
  let clockRenewed: number | undefined

  const at = (address: number) => address - profile.addressesFrom
  const read = async (unit: Unit, address: number) =>
    (await unit.read({ function: 3, address: at(address), count: 1 })).readUInt16BE()
  const write = (unit: Unit, address: number, words: readonly number[]) => unit.write(at(address), words)

  async function identify(unit: Unit): Promise<Identity> {
    const model = await readText(unit, profile, profile.identity.model)
    const serial = await readText(unit, profile, profile.identity.serial)
    if (model !== undefined && !model.startsWith(profile.model))
      throw new WrongDevice(`this is a ${model}, and no ${profile.maker} ${profile.model}`)
    if (options.serial !== undefined && options.serial !== serial)
      throw new WrongDevice(`the meter's serial number is ${serial ?? "not shown"}, not ${options.serial}`)
    checkKey(await readLong(unit, at(record.publicKey), keyRegisters, mostRegisters))
    return { maker: profile.maker, ...(model && { model }), ...(serial && { serial }) }
  }

  async function poll(unit: Unit, now: () => number): Promise<Polled> {
    const state = await read(unit, record.state)
    if (state !== idle)
      throw new UnusableRegister(
        `the meter is in a transaction of somebody else's (state ${state}), and signs nothing beside it`,
      )
    await keepClock(unit, now)
    await prepare(unit)
    const time = now()
    await write(unit, record.command, [fiscalReading])
    await untilReady(() => signed(unit), options, "the signature")
    const payload = await readArea(unit, record.outputLength, record.output, most.payloadBytes)
    const signature = await readArea(unit, record.signatureLength, record.signature, most.signatureBytes)
    const bytes = assemble(payload, signature)
    return { time, points: pointsOf(parse(bytes)), signed: { format: "ocmf", bytes } }
  }

  async function prepare(unit: Unit): Promise<void> {
    await write(unit, record.signatureFormat, [derFormat])
    await write(unit, record.algorithm, [ecdsaP256])
    const bytes = Buffer.from(dataset.length % 2 ? `${dataset}\0` : dataset, "latin1")
    const words = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(2 * i))
    for (let from = 0; from < words.length; from += mostRegisters)
      await write(unit, record.input + from, words.slice(from, from + mostRegisters))
    await write(unit, record.inputLength, [dataset.length])
  }

  /** The meter has no time when it starts; what it signs says whether it had one. */
  async function keepClock(unit: Unit, now: () => number): Promise<void> {
    if (options.clockQuality?.() !== Clock.synchronised) return
    const isSet = (await read(unit, record.timeSynchronised)) === clockSynchronised
    if (isSet && clockRenewed !== undefined && now() - clockRenewed < clockRenewalSeconds) return
    await write(unit, record.timeZone, [0])
    await write(unit, record.time, uint32Words(now()))
    await write(unit, record.timeSynchronised, [clockSynchronised])
    clockRenewed = now()
  }

  /** @returns true, or undefined while the meter is at work. @throws UnusableRegister when it gave up. */
  async function signed(unit: Unit): Promise<true | undefined> {
    const status = await read(unit, record.status)
    if (status === signatureReady) return true
    if (stillAtWork.has(status)) return undefined
    throw new UnusableRegister(
      `the meter signed nothing: ${failures[status] ?? "an error"} (status ${status})`,
    )
  }

  async function readArea(
    unit: Unit,
    lengthAt: number,
    address: number,
    mostBytes: number,
  ): Promise<Uint8Array> {
    const length = await read(unit, lengthAt)
    if (length === 0 || length > mostBytes)
      throw new UnusableRegister(`the meter says that its record has a part of ${length} bytes`)
    return (await readLong(unit, at(address), Math.ceil(length / 2), mostRegisters)).subarray(0, length)
  }

  return { ...(profile.quirks?.pauseMs !== undefined && { pauseMs: profile.quirks.pauseMs }), identify, poll }
}

async function readText(
  unit: Unit,
  { points, function: usual, addressesFrom }: OcmfProfile,
  name: string | undefined,
): Promise<string | undefined> {
  const point = name === undefined ? undefined : points[name]
  if (!point?.registers) return undefined
  const address = point.address - addressesFrom
  return textOf(await unit.read({ function: point.function ?? usual, address, count: point.registers }))
}

/** Meters show their signature as the bytes of DER, as hexadecimal or as base64. */
function assemble(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  const isDer = signature[0] === 0x30 && signature[1] === signature.length - 2
  const written = Buffer.from(signature).toString("latin1").trim()
  const isHex = /^([0-9a-fA-F]{2})+$/.test(written)
  const section = {
    SA: "ECDSA-secp256r1-SHA256",
    ...(!isDer && !isHex && { SE: "base64" }),
    SD: isDer ? Buffer.from(signature).toString("hex") : written,
  }
  return Uint8Array.from(
    Buffer.concat([Buffer.from("OCMF|"), payload, Buffer.from(`|${JSON.stringify(section)}`)]),
  )
}

function parse(bytes: Uint8Array): OcmfRecord {
  try {
    return parseOcmf(bytes)
  } catch (error) {
    if (error instanceof MalformedOcmf) throw new UnusableRegister(error.message)
    throw error
  }
}

function pointsOf(record: OcmfRecord): PointValue[] {
  const pagination = paginationOf(record)
  const last = readingsFromOcmf(record).readings.at(-1)
  const points: PointValue[] = []
  if (pagination)
    points.push({ name: "pagination", quality: "good", value: `${pagination.context}${pagination.number}` })
  for (const name of ["importedWh", "exportedWh"] as const) {
    const value = last?.[name]
    if (value !== undefined)
      points.push({ name, quality: "good", value, unit: "Wh", resolution: last?.resolutionWh ?? 1 })
  }
  return points
}
