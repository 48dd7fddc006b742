import { spawnSync } from "node:child_process"
import t from "tap"
import { startBus } from "../device-sim/modbus/server.ts"
import type { ModbusMeterSpec } from "../device-sim/scenario.ts"
import { home, meterOf, noon, openWire, simulate, startWh } from "../device-sim/units.test.support.ts"
import { type BusPlace, openBus } from "../gateway/sources/modbus/bus.ts"
import { deviceFor } from "../gateway/sources/modbus/devices.ts"
import { profileNamed } from "../gateway/sources/modbus/profile.ts"
import { parseBsm, verifyBsm } from "../protocol/bsm/snapshot.ts"
import { curves } from "../protocol/ocmf/curves.ts"
import { keyOnCurve, parseKey } from "../protocol/ocmf/key.ts"
import { parseOcmf, verifyOcmf } from "../protocol/ocmf/record.ts"

/** The simulator's kind of device, the gateway's profile for it, and what the meter measures. */
const meters: [ModbusMeterSpec["device"], profile: string, "generation" | "grid"][] = [
  ["sdm120", "sdm120", "grid"],
  ["sdm630", "sdm630", "generation"],
  ["em24-rs485", "em24-rs485", "grid"],
  ["em24-ethernet", "em24-ethernet", "generation"],
  ["iem3000", "iem3000", "grid"],
  ["sma", "sma", "generation"],
  ["sunspec-inverter", "sunspec", "generation"],
  ["sunspec-meter", "sunspec", "grid"],
  ["sunspec-meter", "sunspec", "generation"],
  ["bsm-ws36a", "bsm-ws36a", "grid"],
  ["wm3m4c", "iskra-wm3m4c", "generation"],
]

const simulated = meters.map(([device, , measures], i) => simulate(meterOf(device, i + 1, { measures })))
const units = new Map(simulated.map(({ unit }, i) => [i + 1, unit]))
const truth = home.registersAt(noon)
const expected = {
  generation: { generatedWh: truth.generatedWh + BigInt(startWh.generation.generated) },
  grid: {
    importedWh: truth.importedWh + BigInt(startWh.grid.imported),
    exportedWh: truth.exportedWh + BigInt(startWh.grid.exported),
  },
}

type Test = Pick<typeof t, "ok" | "equal" | "teardown">

/** The two rooms share no table: where they agree, both were made after the device. */
async function readAll(t: Test, place: BusPlace): Promise<void> {
  const bus = openBus(place)
  t.teardown(() => bus.close())
  for (const [i, [device, profile, measures]] of meters.entries()) {
    const { clock, key } = simulated[i]!
    const reader = deviceFor(profileNamed(profile), {
      measures,
      // The meter's signature is ready at the first question.
      pause: async () => {
        clock.wallMs += 1000
      },
    })
    const unit = bus.unit(i + 1)
    await reader.identify(unit)
    const { snapshot, signed } = await reader.poll(unit, () => noon)
    for (const [register, wh] of Object.entries(expected[measures])) {
      if (!snapshot) continue
      const shown = snapshot.registers[register as "generatedWh"]!
      const off = shown > wh ? shown - wh : wh - shown
      t.ok(off <= BigInt(snapshot.resolutionWh), `${device}: ${register} ${shown}, not ${wh}`)
    }
    t.equal(signed !== undefined, key !== undefined, `${device}: who has a key signs`)
    if (!signed || !key) continue
    const publicKey = keyOnCurve(parseKey(Buffer.from(key.publicKey).toString("hex")), curves.secp256r1)
    const verified =
      signed.format === "bsm"
        ? verifyBsm(parseBsm(signed.bytes), publicKey)
        : verifyOcmf(parseOcmf(signed.bytes), publicKey)
    t.ok(verified, `${device}: the record verifies`)
  }
}

for (const framing of ["tcp", "rtu"] as const)
  t.test(`the gateway reads every simulated meter: ${framing} framing on TCP`, async (t) => {
    const line = await startBus({ name: "Sim", host: "127.0.0.1", port: 0, framing }, units)
    t.teardown(() => line.close())
    await readAll(t, { name: "bus", pauseMs: 0, tcp: { host: "127.0.0.1", port: line.port, framing } })
  })

const noSocat = spawnSync("socat", ["-V"]).error !== undefined

t.test(
  "the gateway reads every simulated meter: a serial line",
  { skip: noSocat && "no socat" },
  async (t) => {
    const wire = await openWire(t.testdir())
    const line = await startBus({ name: "Sim", serial: { path: wire.ends[0] } }, units)
    t.teardown(async () => {
      wire.cut()
      await line.close()
    })
    const serial = { path: wire.ends[1], baudRate: 9600, parity: "none", stopBits: 1 } as const
    await readAll(t, { name: "bus", pauseMs: 0, serial })
  },
)
