import { readConfig } from "../gateway/config.ts"
import { BusDown, type BusPlace } from "../gateway/sources/modbus/bus.ts"
import { readProfiles, shippedProfiles } from "../gateway/sources/modbus/profile.ts"
import { PersonError } from "../protocol/error.ts"
import { type Found, hostsFrom, scanBus, scanTimes, unitsFrom } from "../provisioning/scan.ts"
import { optional, type Values, wholeNumber } from "./command.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)
const now = () => Math.floor(Date.now() / 1000)

/** The settings that meters leave the factory with, the usual ones first. */
const usualBaudRates = "9600,19200,38400,115200"
const usualParities = "none,even"
const atOnce = 16

/** Finds meters on a serial bus and on the network, and says what they show. */
export async function scan(values: Values): Promise<number> {
  const serial = optional(values, "serial")
  const hosts = optional(values, "hosts")
  if (serial === undefined && hosts === undefined)
    throw new PersonError("Where are the meters? Give --serial PORT, --hosts HOSTS, or both.", {
      next: "commonwatt provision scan --serial /dev/ttyUSB0 --hosts 192.168.1.0/24",
    })
  const folder = optional(values, "profiles")
  const profiles = folder === undefined ? shippedProfiles : readProfiles(folder)
  const lines = serial === undefined ? [] : serialPlaces(serial, values)
  const known = configuredHosts(values)
  const addresses = (hosts === undefined ? [] : hostsFrom(hosts)).filter((host) => !known.has(host))
  const port = wholeNumber(values, "port", 502, 1, 65_535)
  const units = optional(values, "units")
  const serialUnits = unitsFrom(units ?? "1-32", 247)
  const hostUnits = unitsFrom(units ?? "1-3,126,255", 255)
  if (lines.length > 0)
    say(
      `${serial}: ${lines.map(({ name }) => name.slice(serial!.length + 1)).join("; ")}; ${serialUnits.length} units each`,
    )
  if (addresses.length > 0) say(`${addresses.length} hosts at port ${port}, ${hostUnits.length} units each`)
  for (const host of known) say(`${host} is left alone: the configuration has it`)
  if (values["dry-run"]) return 0

  const found: Found[] = []
  const tell = (one: Found) => {
    found.push(one)
    say(`${one.place} unit ${one.unit}: ${one.fits[0]?.profile ?? "answers, and no profile fits"}`)
  }
  for (const place of lines) {
    const answered = await scanBus(
      place,
      serialUnits,
      profiles,
      scanTimes(answerMs(values, 300)),
      now,
      tell,
    ).catch(refused)
    // Units of one line speak alike, or could not be on it.
    if (answered > 0) break
  }
  const waiting = [...addresses]
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
        const place: BusPlace = { name: `${host}:${port}`, pauseMs: 0, tcp: { host, port, framing: "tcp" } }
        await scanBus(place, hostUnits, profiles, scanTimes(answerMs(values, 1000)), now, tell).catch(
          unlessAbsent,
        )
      }
    }),
  )
  process.stdout.write(values.json ? jsonOf(found) : tableOf(found))
  if (found.length === 0)
    say("Nobody answers. Check cable, termination, and the meter's own menu for rate, parity and unit.")
  return found.length > 0 ? 0 : 1
}

function answerMs(values: Values, usual: number): number {
  return wholeNumber(values, "wait", usual, 20, 10_000)
}

function serialPlaces(path: string, values: Values): BusPlace[] {
  const list = (name: string, usual: string) => (optional(values, name) ?? usual).split(",")
  const rates = list("baud", usualBaudRates).map(Number)
  if (rates.some((rate) => !Number.isInteger(rate) || rate < 300 || rate > 921_600))
    throw new PersonError("--baud must list rates from 300 to 921600, as 9600,19200.")
  const parities = list("parity", usualParities)
  return parities.flatMap((parity) =>
    rates.map((baudRate): BusPlace => {
      if (parity !== "none" && parity !== "even" && parity !== "odd")
        throw new PersonError(`--parity is none, even, odd, or several of them, not "${parity}".`)
      return {
        name: `${path} ${baudRate} ${parity}`,
        pauseMs: 0,
        serial: { path, baudRate, parity, stopBits: 1 },
      }
    }),
  )
}

/** Hosts that a running gateway asks: some devices take one connection at a time. */
function configuredHosts(values: Values): Set<string> {
  const file = optional(values, "config")
  if (file === undefined) return new Set()
  return new Set(readConfig(file).buses.flatMap((bus) => ("tcp" in bus ? [bus.tcp.host] : [])))
}

function refused(error: unknown): never {
  if (!(error instanceof BusDown)) throw error
  throw new PersonError(`The serial bus cannot be scanned: ${error.message}.`, {
    ...(error.next !== undefined && { next: error.next }),
  })
}

function unlessAbsent(error: unknown): number {
  if (!(error instanceof BusDown)) throw error
  return 0
}

/** As a display has it: kWh with all that the meter shows. */
function kilowattHours(wh: bigint | undefined): string {
  if (wh === undefined) return ""
  return `${wh / 1000n}.${String(wh % 1000n).padStart(3, "0")}`
}

function tableOf(found: readonly Found[]): string {
  if (found.length === 0) return ""
  const rows = found.map(({ place, unit, fits }) => {
    const [best, ...others] = fits
    if (!best) return [place, String(unit), "none fits", "", "", "", "", ""]
    const { registers, identity, certain } = best
    const or = certain ? "" : others.map(({ profile }) => ` or ${profile}`).join("")
    const device = [identity.maker, identity.model].filter(Boolean).join(" ")
    return [
      place,
      String(unit),
      `${best.profile}${or}`,
      certain ? device : `perhaps ${device}`,
      identity.serial ?? "",
      kilowattHours(registers.importedWh ?? registers.generatedWh),
      kilowattHours(registers.exportedWh),
      best.powerW === undefined ? "" : String(best.powerW),
    ]
  })
  const heads = ["where", "unit", "profile", "device", "serial", "import kWh", "export kWh", "W"]
  const all = [heads, ...rows]
  const widths = heads.map((_, i) => Math.max(...all.map((row) => row[i]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i > 4 || i === 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd()
  return `${all.map(line).join("\n")}\n`
}

function jsonOf(found: readonly Found[]): string {
  const plain = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value)
  return found.map((one) => `${JSON.stringify(one, plain)}\n`).join("")
}
