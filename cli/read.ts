import { readConfig } from "../gateway/config.ts"
import { readEachOnce, type Shown } from "../gateway/sources/modbus/read-once.ts"
import { deviceOf } from "../gateway/sources/modbus/reader.ts"
import { PersonError } from "../protocol/error.ts"
import { type Command, optional, required } from "./command.ts"

export const read: Command = {
  name: "read",
  summary: "read every configured meter once",
  help: `
Usage: commonwatt read --config FILE [--meter NAME]

  --config FILE   the gateway's configuration (YAML)
  --meter NAME    this meter alone

Prints a JSON line for each meter that is polled:

  meter, bus, unit   as the configuration names them, and profile: what it is said to be
  time               when it was asked, Unix seconds
  identity           who it says it is: maker, model, serial, firmware
  points             each with name, quality, and where it is good value, unit, and resolution: the step between
                     neighbouring values. Integers are JSON numbers up to 2^53 and strings beyond
  error, next        instead: why it could not be read, and what to do

Nothing is signed and nothing stored. Meters that send by MQTT are not asked. A serial port serves one program at a
time: stop the gateway before reading from a serial bus.

The exit code is 0 if every meter was read, 1 if not.

Example:
  commonwatt read --config gateway.yaml --meter "Home 1 roof"
`,
  options: { config: { type: "string" }, meter: { type: "string" } },
  async run(values) {
    const config = readConfig(required(values, "config", "the gateway's configuration"))
    const name = optional(values, "meter")
    const polled = config.meters.filter(({ modbus }) => modbus)
    const wanted = name === undefined ? polled : polled.filter((meter) => meter.name === name)
    if (wanted.length === 0) throw nothingToRead(name, config.meters, polled)
    say(`Reading ${wanted.length} ${wanted.length === 1 ? "meter" : "meters"} …`)
    let failed = 0
    const tell = (shown: Shown) => {
      if (shown.error !== undefined) failed++
      process.stdout.write(`${JSON.stringify(shown, numbersAsJson)}\n`)
    }
    const now = () => Math.floor(Date.now() / 1000)
    await readEachOnce(wanted, config.buses, (meter) => deviceOf(meter), now, tell)
    if (failed > 0) say(`${failed} of ${wanted.length} could not be read`)
    return failed > 0 ? 1 : 0
  },
}

function nothingToRead(
  name: string | undefined,
  all: readonly { name: string }[],
  polled: readonly { name: string }[],
): PersonError {
  if (name === undefined)
    return new PersonError("No meter of this configuration is polled: all of them send by MQTT.")
  if (all.some((meter) => meter.name === name))
    return new PersonError(`${name} is not polled: it sends by MQTT.`)
  return new PersonError(`The configuration has no meter named "${name}".`, {
    next: `Use one of: ${polled.map((meter) => meter.name).join(", ")}.`,
  })
}

/** JSON has no integers of its own, and many readers take them for floats. */
function numbersAsJson(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value
  return value >= -Number.MAX_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
