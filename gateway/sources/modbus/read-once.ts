import type { Meter } from "../../config.ts"
import { type Bus, type BusPlace, type BusTimes, openBus } from "./bus.ts"
import { type Device, type Identity, type PointValue, UnusableRegister } from "./device.ts"
import { readMeter } from "./reader.ts"

/** What a meter on a bus showed when it was read once, or why nothing. */
export interface Shown {
  meter: string
  /** Unix seconds; when it was asked. */
  time: number
  bus: string
  unit: number
  profile: string
  identity?: Identity
  points?: readonly PointValue[]
  error?: string
  /** What a person can do about it. */
  next?: string
}

/**
 * Reads each meter once and tells of each as soon as it is there: meters of one bus one after the other, buses at the
 * same time.
 * @param now Unix seconds.
 */
export async function readEachOnce(
  meters: readonly Meter[],
  places: readonly BusPlace[],
  deviceOf: (meter: Meter) => Device,
  now: () => number,
  tell: (shown: Shown) => void,
  times?: BusTimes,
): Promise<void> {
  await Promise.all(
    places.map(async (place) => {
      const bus = openBus(place, times)
      for (const meter of meters)
        if (meter.modbus?.bus === place.name) tell(await readOnce(meter, bus, deviceOf(meter), now))
      await bus.close()
    }),
  )
}

async function readOnce(
  { name, modbus }: Meter,
  bus: Bus,
  device: Device,
  now: () => number,
): Promise<Shown> {
  const { unit, profile } = modbus!
  const about = {
    meter: name,
    time: now(),
    bus: bus.name,
    unit,
    profile: `${profile.maker} ${profile.model}`,
  }
  try {
    const { identity, polled } = await readMeter(bus, unit, device, now).read()
    return { ...about, time: polled.time, identity, points: polled.points }
  } catch (cause) {
    const error = cause as Error & { next?: string | undefined }
    return {
      ...about,
      ...(error instanceof UnusableRegister && error.points.length > 0 && { points: error.points }),
      error: error.message,
      ...(error.next !== undefined && { next: error.next }),
    }
  }
}
