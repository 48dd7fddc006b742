import { createUnit } from "../device-sim/devices/units.ts"
import { startBus } from "../device-sim/modbus/server.ts"
import { createHome } from "../device-sim/world/home.ts"

/** A process with simulated SDM630 meters on one Modbus TCP bus; says its port. Argument: how many. */
const count = Number(process.argv[2])
const now = () => Math.floor(Date.now() / 1000)
const begun = now()
const home = createHome(
  { name: "Home", load: "family", panelsW: 5000 },
  { seed: 1, place: { latitude: 48, longitude: 8 }, start: begun - 86_400 },
)
const units = new Map(
  Array.from({ length: count }, (_, i) => {
    const { unit } = createUnit({
      meter: {
        name: `Meter ${i + 1}`,
        home: "Home",
        measures: "generation",
        kind: "modbus",
        device: "sdm630",
        bus: "Bus",
        unit: i + 1,
        startWh: { generated: 1000 },
      },
      home,
      faults: [],
      now,
      wallNow: () => performance.now(),
      bootedAt: begun,
      signedBefore: 0,
    })
    return [i + 1, unit]
  }),
)
process.on("disconnect", () => process.exit())
const bus = await startBus({ name: "Bus", host: "127.0.0.1", port: 0 }, units)
process.send!(bus.port)
