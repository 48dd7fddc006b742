import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createUnit, type SimulatedUnit } from "./devices/units.ts"
import type { FaultSpec, ModbusMeterSpec } from "./scenario.ts"
import { createHome, type Home } from "./world/home.ts"

/** The world of these tests: noon of the first day, after a morning of sun. */
export const start = Date.UTC(2025, 5, 1) / 1000
export const noon = start + 11 * 3600

export const home: Home = createHome(
  { name: "Home", load: "family", panelsW: 9000 },
  { seed: 1, place: { latitude: 48, longitude: 7.85 }, start },
)

export const startWh = {
  generation: { generated: 48_213_407 },
  grid: { imported: 5_000_001, exported: 7_000_003 },
}

/** Two secrets that are keys of Ed25519 and P-256 both. */
export const secret = "1f".repeat(32)
export const otherSecret = "2f".repeat(32)

export function meterOf(
  device: ModbusMeterSpec["device"],
  unit: number,
  more: Partial<ModbusMeterSpec> = {},
): ModbusMeterSpec {
  const measures = more.measures ?? "generation"
  return {
    name: `Meter ${unit}`,
    home: "Home",
    measures,
    kind: "modbus",
    device,
    bus: "Bus",
    unit,
    serial: 21_090_400 + unit,
    startWh: startWh[measures],
    ...(["bsm-ws36a", "wm3m4c"].includes(device) && { secret }),
    ...more,
  }
}

/** A meter at work at a time that a test moves by hand. */
export function simulate(meter: ModbusMeterSpec, faults: readonly FaultSpec[] = [], at = noon) {
  const clock = { now: at, wallMs: 0 }
  const simulated: SimulatedUnit = createUnit({
    meter,
    home,
    faults,
    now: () => clock.now,
    wallNow: () => clock.wallMs,
    bootedAt: start,
    signedBefore: 0,
  })
  return { ...simulated, clock }
}

/** Two ends of a wire, by socat; resolves when both are there. */
export async function openWire(folder: string): Promise<{ ends: [string, string]; cut(): void }> {
  const ends: [string, string] = [`${folder}/meters`, `${folder}/gateway`]
  const socat = spawn(
    "socat",
    ends.map((end) => `pty,raw,echo=0,link=${end}`),
  )
  while (!ends.every((end) => existsSync(end))) await new Promise((resolve) => setTimeout(resolve, 20))
  return { ends, cut: () => socat.kill() }
}
