import type { Device } from "./device.ts"
import { em24Ethernet, em24Rs485 } from "./em24.ts"
import { iem3000 } from "./iem3000.ts"
import { sdm120 } from "./sdm120.ts"
import { sdm630 } from "./sdm630.ts"
import { sma } from "./sma.ts"

/** Devices that are a register map and nothing else. */
export const devices = Object.freeze({
  sdm120,
  sdm630,
  "em24-rs485": em24Rs485,
  "em24-ethernet": em24Ethernet,
  iem3000,
  sma,
} satisfies Record<string, Device>)
export type MapName = keyof typeof devices

/** The kinds of device that a scenario can name. */
export const deviceNames = Object.freeze([
  ...(Object.keys(devices) as MapName[]),
  "sunspec-inverter",
  "sunspec-meter",
  "bsm-ws36a",
  "wm3m4c",
] as const)
export type DeviceName = (typeof deviceNames)[number]

/** Those that count generation alone. */
export const inverters: ReadonlySet<DeviceName> = new Set<DeviceName>(["sma", "sunspec-inverter"])
/** Those that have a key of their own. */
export const signingDevices: ReadonlySet<DeviceName> = new Set<DeviceName>(["bsm-ws36a", "wm3m4c"])

export function isMap(name: DeviceName): name is MapName {
  return name in devices
}
