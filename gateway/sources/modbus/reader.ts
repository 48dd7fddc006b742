import type { Clock as ClockQuality } from "../../../protocol/reading.ts"
import type { Meter } from "../../config.ts"
import { type Bus, BusFault } from "./bus.ts"
import type { Device, Identity, Polled, Unit } from "./device.ts"
import { deviceFor } from "./devices.ts"

/** One meter on its bus. */
export interface MeterReader {
  /** Asks the meter who it is, where that is not certain, and what it shows. @throws WrongDevice */
  read(): Promise<{ identity: Identity; polled: Polled }>
}

/**
 * The device that a meter is, by its profile.
 * @param clockQuality how good this machine's clock is: only a synchronised one sets a meter's.
 * @throws PersonError when the profile does not say how it measures what the meter is installed for.
 */
export function deviceOf(
  { key, modbus }: Pick<Meter, "key" | "modbus">,
  clockQuality?: () => ClockQuality,
): Device {
  if (!modbus) throw new Error("Only a meter on a bus is a Modbus device.")
  const { profile, measures, base, serial } = modbus
  return deviceFor(profile, {
    measures,
    publicKey: key.publicKey,
    ...(base !== undefined && { base }),
    ...(serial !== undefined && { serial }),
    ...(clockQuality && { clockQuality }),
  })
}

/**
 * A meter is who it was until the line was opened anew or a poll failed: cables and units can be changed meanwhile.
 * @param now Unix seconds.
 */
export function readMeter(bus: Bus, address: number, device: Device, now: () => number): MeterReader {
  const unit = bus.unit(address, device.pauseMs)
  let known: { identity: Identity; connection: number | undefined } | undefined
  /** The connection over which the answers of this read come; undefined before the first. */
  let connection: number | undefined

  async function sameLine<T>(answer: Promise<T>): Promise<T> {
    const it = await answer
    connection ??= bus.connection()
    if (connection !== bus.connection())
      throw new BusFault(`unit ${address}: the line was lost while it was read`)
    return it
  }

  const held: Unit = {
    ...(unit.gap !== undefined && { gap: unit.gap }),
    read: (block, onTurn) => sameLine(unit.read(block, onTurn)),
    write: (at, words) => sameLine(unit.write(at, words)),
  }

  return {
    async read() {
      const before = known?.connection === bus.connection() ? known : undefined
      known = undefined
      connection = before?.connection
      const identity = before?.identity ?? (await device.identify(held))
      const polled = await device.poll(held, now)
      known = { identity, connection }
      return { identity, polled }
    },
  }
}
