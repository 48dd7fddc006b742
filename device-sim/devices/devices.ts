import type { Device } from "./device.ts"
import { sdm630 } from "./sdm630.ts"

/** The kinds of device that a scenario can name. */
export const devices = Object.freeze({ sdm630 } satisfies Record<string, Device>)
export type DeviceName = keyof typeof devices
export const deviceNames = Object.freeze(Object.keys(devices) as DeviceName[])
