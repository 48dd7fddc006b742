import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { parse as parseYaml } from "yaml"
import { z } from "zod"
import type { Restart } from "../energy/restart.ts"
import { parseSpanishCoefficients } from "../energy/spanish-coefficients.ts"
import { paceShape } from "../protocol/clock.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, type MeterKey, Scheme, schemeFacts, schemeNames } from "../protocol/meter.ts"
import { readMeterKey } from "../protocol/meter-key-text.ts"
import { namedBy, type SharingKey, sharingKeyShape } from "../protocol/sharing-key.ts"
import { accountsShape } from "../protocol/tariff.ts"
import { relayShape } from "./relay/settings.ts"
import { deviceFor } from "./sources/modbus/devices.ts"
import { profileNamed, readProfiles, shippedProfiles } from "./sources/modbus/profile.ts"
import type { Profile } from "./sources/modbus/profile-shape.ts"
import {
  busShape,
  type ModbusPlace,
  mistakeInBuses,
  mistakeInPlace,
  placeShape,
} from "./sources/modbus/settings.ts"
import { atPaths, mistakeIn, mqttShape } from "./sources/mqtt/settings.ts"
import { webShape } from "./web/settings.ts"

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(0x)?[0-9a-fA-F]{${2 * bytes}}$`), `must be ${bytes} bytes of hexadecimal`)
    .transform((text) => toHex(fromHex(text)))
const count = z.int().nonnegative()
const seconds = z.int().positive()
const wholeWh = z.union([count, z.string().regex(/^\d+$/)]).transform(BigInt)

const meterShape = z.strictObject({
  name: z.string().min(1),
  household: hex(20),
  scheme: z.enum(schemeNames),
  publicKey: z.string(),
  ratedW: z.int().positive(),
  startTime: count,
  startWh: wholeWh.default(0n),
  /** Restarts of its register of generated energy, as they are registered: `commonwatt provision meter restart`. */
  restarts: z
    .array(z.strictObject({ time: count, finalWh: wholeWh, firstWh: wholeWh }))
    .default([])
    .refine(
      (all) => all.every(({ time }, i) => i === 0 || time > all[i - 1]!.time),
      "must be in order of time, no two at once",
    ),
  /** A meter that the gateway polls. Without this a meter sends by MQTT. */
  modbus: placeShape.exactOptional(),
})

const configShape = z.strictObject({
  site: z.int().positive(),
  name: z.string().default("Commonwatt"),
  /** Where the community's days begin and end on the pages: a name of the IANA database, as "Europe/Berlin". */
  timeZone: z
    .string()
    .refine(isTimeZone, 'is no time zone of the IANA database, as "Europe/Berlin" is one')
    .default("UTC"),
  dataDir: z.string(),
  /** Demonstrations run time at another pace. */
  pace: paceShape.exactOptional(),
  /** Who says that this machine's clock is right: systemd-timesyncd, or the operator (chrony, GPS). */
  timeSync: z.enum(["systemd", "trusted"]).default("systemd"),
  mqtt: mqttShape,
  web: webShape,
  /** Carries what households sign to the chain, and pays its gas. Left out: they cannot send or retire from here. */
  relay: relayShape.exactOptional(),
  chain: z.strictObject({ rpc: z.url(), chainId: z.int().positive(), oracle: hex(20), keyFile: z.string() }),
  settlement: z.strictObject({
    /** A batch is made at every multiple of this, Unix seconds. */
    everySeconds: seconds,
    /** How long a batch waits for meters that have not reported up to its time, seconds of the wall clock. */
    waitSeconds: count.default(120),
  }),
  /**
   * From one write of readings to the next at least, seconds: spares an SD card. A meter's acknowledgement waits for it,
   * and the page shows what was written. Left out: 60, and 0 at another pace.
   */
  holdSeconds: z.int().min(0).max(600).exactOptional(),
  rules: z.strictObject({
    intervalSeconds: seconds.default(900),
    headroomBasisPoints: count.default(1000),
    clockToleranceSeconds: count.default(120),
  }),
  /** How an interval's surplus is divided among the households: docs/sharing.md. */
  sharingKey: z.unknown().transform(lowerCaseAddresses).pipe(sharingKeyShape).optional(),
  /** What shared energy is worth, and who keeps what of it: docs/sharing.md. */
  accounts: z.unknown().transform(lowerCaseAddresses).pipe(accountsShape).optional(),
  /** The SharingPool in which account statements are settled: `commonwatt provision pool`. */
  sharingPool: hex(20).exactOptional(),
  /** The same as Spain's distributors take it: a file of coefficients by supply point. */
  coefficients: z
    .strictObject({
      file: z.string(),
      version: z.int().min(1),
      year: z.int().min(2000).max(2200).exactOptional(),
      utcOffsetHours: z.union([z.literal(0), z.literal(1)]).exactOptional(),
      /** The address of the household behind each supply point (CUPS). */
      supplyPoints: z.record(z.string().toUpperCase(), hex(20)),
    })
    .exactOptional(),
  validators: z.array(z.url()).default([]),
  /** Who may open sealed evidence: `age1…`. */
  auditors: z.array(z.string().startsWith("age1")).min(1),
  households: z.array(
    z.strictObject({
      name: z.string().min(1),
      address: hex(20),
      recipient: z.string().startsWith("age1").optional(),
    }),
  ),
  /** The lines on which meters are polled. */
  buses: z.array(busShape).default([]),
  /** An operator's own device profiles, beside those that Commonwatt has. */
  profilesDir: z.string().exactOptional(),
  meters: z.array(meterShape).min(1),
})

/** @throws PersonError naming the file, the line and the reason. */
function readCoefficients(
  file: string,
  { supplyPoints, ...coefficients }: NonNullable<ConfigFile["coefficients"]>,
): SharingKey {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (cause) {
    throw new PersonError(`The coefficients file ${file} cannot be read.`, {
      context: [(cause as Error).message],
    })
  }
  const households = new Map(Object.entries(supplyPoints))
  return parseSpanishCoefficients(text, { ...coefficients, fileName: file, households })
}

function filesAt<T extends { certFile: string; keyFile: string }>(tls: T, at: (path: string) => string): T {
  return { ...tls, certFile: at(tls.certFile), keyFile: at(tls.keyFile) }
}

/** People paste addresses with the capitals of their checksum. */
function lowerCaseAddresses(value: unknown): unknown {
  if (typeof value === "string") return /^0x[0-9a-fA-F]{40}$/.test(value) ? value.toLowerCase() : value
  if (Array.isArray(value)) return value.map(lowerCaseAddresses)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, lowerCaseAddresses(part)]))
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined
  } catch {
    return false
  }
}

type ConfigFile = z.output<typeof configShape>

/** A meter the gateway knows. */
export interface Meter {
  name: string
  household: Hex
  key: MeterKey
  assurance: Assurance
  ratedW: number
  startTime: number
  startWh: bigint
  restarts: readonly Restart[]
  modbus?: Omit<ModbusPlace, "profile"> & { profile: Profile }
}

export interface Config extends Omit<ConfigFile, "meters" | "sharingKey" | "coefficients"> {
  meters: Meter[]
  sharingKey: SharingKey
}

/** What a configuration file may hold, before it is checked. */
export type ConfigInput = z.input<typeof configShape>

/**
 * Reads and checks a gateway's configuration. Paths in it are relative to the file.
 * @throws PersonError naming the file, the places in it and the reasons.
 */
export function readConfig(file: string): Config {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (cause) {
    throw new PersonError(`The configuration ${file} cannot be read.`, {
      context: [(cause as Error).message],
      next: "Check the path, or make one: docs/operators.md shows how.",
    })
  }
  return checkConfig(text, file)
}

/** The same from text. */
export function checkConfig(text: string, file: string): Config {
  let value: unknown
  try {
    value = parseYaml(text)
  } catch (cause) {
    throw new PersonError(`The configuration ${file} is not valid YAML.`, {
      context: [(cause as Error).message],
    })
  }
  const result = configShape.safeParse(value)
  if (!result.success)
    throw new PersonError(`The configuration ${file} has ${result.error.issues.length} mistake(s).`, {
      context: result.error.issues.map((issue) => `${issue.path.join(".") || "file"}: ${issue.message}`),
    })
  const config = result.data
  const wrong = (what: string) =>
    new PersonError(`The configuration ${file} has a mistake.`, { context: [what] })
  const { intervalSeconds } = config.rules
  if (config.settlement.everySeconds % intervalSeconds !== 0)
    throw wrong("settlement.everySeconds must be a multiple of rules.intervalSeconds")
  if (config.accounts?.tariffs.some(({ from }) => from % intervalSeconds !== 0))
    throw wrong("accounts.tariffs begin with an interval: from must be a multiple of rules.intervalSeconds")
  if (config.sharingPool !== undefined && !config.accounts)
    throw wrong("sharingPool settles accounts, and there are no accounts")
  const at = (path: string) => resolve(dirname(file), path)
  const { coefficients, ...rest } = config
  if (coefficients && config.sharingKey)
    throw wrong("sharingKey and coefficients are two keys: keep one of them")
  const sharingKey: SharingKey = coefficients
    ? readCoefficients(at(coefficients.file), coefficients)
    : (config.sharingKey ?? { name: "proportional", version: 1 })
  if (sharingKey.name === "minimum" && intervalSeconds !== 3600)
    throw wrong("sharingKey minimum is by the hour: rules.intervalSeconds must be 3600")
  if ("seconds" in sharingKey && sharingKey.seconds % intervalSeconds !== 0)
    throw wrong("sharingKey.seconds must be a multiple of rules.intervalSeconds")
  const households = new Set<Hex>()
  config.households.forEach(({ name, address }, i) => {
    if (households.has(address))
      throw wrong(`households.${i} (${name}): another household has the same address`)
    households.add(address)
  })
  const profiles = config.profilesDir === undefined ? shippedProfiles : readProfiles(at(config.profilesDir))
  const mistakeInLines = mistakeInBuses(config.buses)
  if (mistakeInLines) throw wrong(mistakeInLines)
  for (const household of namedBy(sharingKey))
    if (!households.has(household))
      throw wrong(`the sharing key names ${household}, and no household has this address`)
  const taken = new Set<string>()
  const isFirst = (what: string) => !taken.has(what) && taken.add(what).has(what)
  const meters = config.meters.map((meter, i): Meter => {
    const wrongHere = (what: string) => wrong(`meters.${i} (${meter.name}): ${what}`)
    const { name, household, ratedW, startTime, startWh, restarts, modbus } = meter
    if (!isFirst(`name ${name}`)) throw wrongHere("another meter has the same name")
    if (!households.has(household)) throw wrongHere(`no household has the address ${household}`)
    let key: MeterKey
    let profile: Profile | undefined
    try {
      key = readMeterKey(Scheme[meter.scheme], meter.publicKey)
      profile = modbus && profileNamed(modbus.profile, profiles)
      if (profile && modbus) deviceFor(profile, modbus)
    } catch (cause) {
      throw wrongHere([(cause as Error).message, (cause as PersonError).next].filter(Boolean).join(" "))
    }
    // Under another scheme the same key would be another meter, and the same energy would count twice.
    if (!isFirst(`key ${toHex(key.publicKey)}`)) throw wrongHere("another meter has the same key")
    const { format, generation } = schemeFacts(key.scheme)
    const signsItself = format !== "cose"
    if (modbus && profile) {
      const mistake = mistakeInPlace(modbus, config.buses, profile, format)
      if (mistake) throw wrongHere(mistake)
      const { bus, unit, everySeconds } = modbus
      if (!signsItself && key.scheme !== Scheme.ed25519)
        throw wrongHere("a key that the gateway holds must be ed25519")
      if (signsItself && generation !== (modbus.measures === "generation"))
        throw wrongHere(
          `modbus.measures is ${modbus.measures}, and the scheme says that it measures ${generation ? "generation" : "a connection"}`,
        )
      // One device under two names would be paid twice.
      if (!isFirst(`device ${bus} unit ${unit}`)) throw wrongHere("another meter is the same Modbus unit")
      if (everySeconds > intervalSeconds)
        throw wrongHere("modbus.everySeconds must not be more than rules.intervalSeconds")
    }
    const assurance = modbus && !signsItself ? Assurance.gateway : Assurance.meter
    return {
      name,
      household,
      key,
      assurance,
      ratedW,
      startTime,
      startWh,
      restarts,
      ...(modbus &&
        profile && {
          modbus: {
            ...modbus,
            profile,
            ...(modbus.keyFile !== undefined && { keyFile: at(modbus.keyFile) }),
          },
        }),
    }
  })
  const mistake = mistakeIn(config.mqtt, new Set(meters.map(({ name }) => name)), households)
  if (mistake) throw wrong(mistake)
  return {
    ...rest,
    sharingKey,
    meters,
    mqtt: atPaths(config.mqtt, at),
    dataDir: at(config.dataDir),
    ...(config.profilesDir !== undefined && { profilesDir: at(config.profilesDir) }),
    chain: { ...config.chain, keyFile: at(config.chain.keyFile) },
    web: { ...config.web, ...(config.web.tls && { tls: filesAt(config.web.tls, at) }) },
    ...(config.relay && { relay: { ...config.relay, keyFile: at(config.relay.keyFile) } }),
  }
}
