import { readFileSync } from "node:fs"
import { type Document, isMap, LineCounter, type Node, parseDocument } from "yaml"
import { z } from "zod"
import type { Restart } from "../energy/restart.ts"
import { parseSpanishCoefficients } from "../energy/spanish-coefficients.ts"
import { replicateShape } from "../evidence/settings.ts"
import { paceShape } from "../protocol/clock.ts"
import { configPath } from "../protocol/config-path.ts"
import { PersonError } from "../protocol/error.ts"
import { readFactorsFile } from "../protocol/factors-file.ts"
import type { NamedFactors } from "../protocol/factors-in-evidence.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, type MeterKey, Scheme, schemeFacts, schemeNames } from "../protocol/meter.ts"
import { readMeterKey } from "../protocol/meter-key-text.ts"
import { namedBy, type SharingKey, sharingKeyShape } from "../protocol/sharing-key.ts"
import { accountsShape } from "../protocol/tariff.ts"
import { currentVersion, migrate } from "./config-versions.ts"
import { keepBackupsShape } from "./keeper/settings.ts"
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
import { atPaths, filesAt, mistakeIn, mqttShape } from "./sources/mqtt/settings.ts"
import { webShape } from "./web/settings.ts"
import { offsetOf, type Remark, remarksOf } from "./yaml-places.ts"

export const logLevels = ["debug", "info", "warn", "error"] as const

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(0x)?[0-9a-fA-F]{${2 * bytes}}$`), `must be ${bytes} bytes of hexadecimal`)
    .transform((text) => toHex(fromHex(text)))
const count = z.int().nonnegative()
const seconds = z.int().positive()
const wholeWh = z.union([count, z.string().regex(/^\d+$/)]).transform(BigInt)
const file = z.string().min(1)
const nodeAddress = z.url({ protocol: /^https?$/ })

const isAddress = (text: string): text is Hex => /^0x[0-9a-f]{40}$/i.test(text)
const validatorShape = z
  .string()
  .refine(
    (text) => isAddress(text) || nodeAddress.safeParse(text).success,
    "must be a validator's URL (http:// or https://), or its address in quotation marks (0x and 40 digits)",
  )
  .overwrite((text) => (isAddress(text) ? text.toLowerCase() : text))

/** Whatever is above is a slip of the pen. */
const mostGwei = 1_000_000
const chainShape = z.strictObject({
  rpc: z
    .preprocess((one) => (Array.isArray(one) ? one : [one]), z.array(nodeAddress).min(1))
    .refine((all) => new Set(all).size === all.length, "must name each node once")
    .describe(
      "A node of the chain, or a list of several: they are compared, and one takes over where another fails.",
    ),
  chainId: z.int().positive().describe("The chain that the nodes must be on."),
  oracle: hex(20).describe("The oracle contract, from deployment.json."),
  keyFile: file.describe("The site's key, plain or sealed."),
  confirmations: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe(
      "How deep in the chain something must be before it counts as there to stay; 1 is the last block.",
    ),
  maxFeeGwei: z
    .number()
    .positive()
    .max(mostGwei)
    .default(200)
    .describe("Most that is paid for a unit of gas, gwei: while the chain asks more, settlement waits."),
  warnBelowBatches: count
    .default(50)
    .describe("With gas money for fewer batches than this there is a warning."),
})

const meterShape = z.strictObject({
  name: z.string().min(1).describe("What people call it; no two alike."),
  household: hex(20).describe("The address of the household that is paid, one of `households`."),
  scheme: z.enum(schemeNames).describe("What kind of key it has."),
  publicKey: z.string().describe("Its public key in hexadecimal, or as its label has it."),
  ratedW: z.int().positive().describe("What it can generate or carry at most, W, as it is registered."),
  startTime: count.describe("When it was commissioned, Unix seconds, as it is registered."),
  startWh: wholeWh
    .default(0n)
    .describe(
      "What its register of generated energy showed then, whole Wh, as it is registered; 0 if left out.",
    ),
  restarts: z
    .array(
      z.strictObject({
        time: count.describe("Since when, Unix seconds."),
        finalWh: wholeWh.describe("What the register showed at last, whole Wh."),
        firstWh: wholeWh.describe("What it goes on from, whole Wh."),
      }),
    )
    .default([])
    .refine(
      (all) => all.every(({ time }, i) => i === 0 || time > all[i - 1]!.time),
      "must be in order of time, no two at once",
    )
    .describe(
      "Restarts of its register, as they are registered: `commonwatt provision meter restart` prints the lines.",
    ),
  modbus: placeShape
    .exactOptional()
    .describe("A meter that the gateway polls. Without this a meter sends by MQTT."),
})

const configShape = z.strictObject({
  version: z
    .literal(currentVersion)
    .default(currentVersion)
    .describe("Of this file's form. `commonwatt config migrate` brings an older file to it."),
  site: z.int().positive().describe("The site's number, from `commonwatt provision site`."),
  name: z.string().default("Commonwatt").describe("The community's name, as pages show it."),
  timeZone: z
    .string()
    .refine(isTimeZone, 'is no time zone of the IANA database, as "Europe/Berlin" is one')
    .default("UTC")
    .describe(
      "Where the community's days begin and end on the pages: a name of the IANA database, as `Europe/Berlin`.",
    ),
  location: z
    .strictObject({
      latitude: z.number().min(-90).max(90).describe("Degrees, north positive."),
      longitude: z.number().min(-180).max(180).describe("Degrees, east positive."),
    })
    .exactOptional()
    .describe(
      "Where the roofs are, to a tenth of a degree: without it nobody sees generation at night, and no roof is held against a clear sky.",
    ),
  dataDir: file.describe("Where the journal is: on a disk that you trust."),
  logLevel: z
    .enum(logLevels)
    .exactOptional()
    .describe("How much is logged; `info` if left out. `commonwatt run --log LEVEL` goes before it."),
  pace: paceShape.exactOptional().describe("For demonstrations alone: time runs at another pace."),
  timeSync: z
    .enum(["systemd", "trusted"])
    .default("systemd")
    .describe("Who says that this machine's clock is right: systemd-timesyncd, or you (chrony, GPS)."),
  mqtt: mqttShape.describe(
    "How readings come by MQTT: a plain listener, one with TLS, or a broker of your own.",
  ),
  web: webShape.describe("Where the pages are served."),
  relay: relayShape
    .exactOptional()
    .describe(
      "Carries what households sign to the chain, and pays its gas. Left out: they cannot send or retire from here.",
    ),
  chain: chainShape.describe("Where batches are settled."),
  settlement: z
    .strictObject({
      everySeconds: seconds.describe("A batch is made at every multiple of this, Unix seconds."),
      waitSeconds: count
        .default(120)
        .describe("How long a batch waits for meters that have not reported up to its time, real seconds."),
    })
    .describe("When batches are made."),
  holdSeconds: z
    .int()
    .min(0)
    .max(600)
    .exactOptional()
    .describe(
      "From one write of readings to the next at least: spares an SD card. A meter's acknowledgement waits for it, and the page shows what was written. Left out: 60, and 0 at another pace.",
    ),
  rules: z
    .strictObject({
      intervalSeconds: seconds.default(900).describe("How long an interval is."),
      headroomBasisPoints: count
        .default(1000)
        .describe("How far above rated power a meter may be, in 1/10,000: as in the contract."),
      clockToleranceSeconds: count
        .default(120)
        .describe("How far ahead of this machine's clock a reading's time may be."),
    })
    .describe("What readings are judged and shared by. Validators hold the gateway to it."),
  sharingKey: z
    .unknown()
    .transform(lowerCaseAddresses)
    .pipe(sharingKeyShape)
    .optional()
    .describe(
      "How an interval's surplus is divided among the households: docs/sharing.md. Left out: proportional.",
    ),
  accounts: z
    .unknown()
    .transform(lowerCaseAddresses)
    .pipe(accountsShape)
    .optional()
    .describe("What shared energy is worth, and who keeps what of it: docs/sharing.md."),
  sharingPool: hex(20)
    .exactOptional()
    .describe("The SharingPool in which account statements are settled: `commonwatt provision pool`."),
  coefficients: z
    .strictObject({
      file: file.describe("The file of coefficients by supply point."),
      version: z.int().min(1).describe("The community's own number for it; it goes up with each change."),
      year: z.int().min(2000).max(2200).exactOptional().describe("For a file of hourly coefficients."),
      utcOffsetHours: z
        .union([z.literal(0), z.literal(1)])
        .exactOptional()
        .describe("0 in the Canary Islands, 1 on the mainland."),
      supplyPoints: z
        .record(z.string().toUpperCase(), hex(20))
        .describe("The address of the household behind each supply point (CUPS)."),
    })
    .exactOptional()
    .describe("The sharing key as Spain's distributors take it, in place of `sharingKey`."),
  emissionFactors: z
    .strictObject({ file: file.describe("The table, hour by hour: docs/impact.md.") })
    .exactOptional()
    .describe("What the grid emits: batches name the table, and claims count avoided CO2 by it."),
  validators: z
    .array(validatorShape)
    .default([])
    .describe(
      "Who is asked to sign batches: a validator's URL (http:// or https://), or its address (`0x…`) where it is asked over `validatorBroker`.",
    ),
  validatorBroker: z
    .strictObject({
      url: z.url({ protocol: /^mqtts?$/ }).describe("mqtt:// or mqtts://, host and port."),
      username: z.string().exactOptional().describe("As the gateway logs in there."),
      passwordFile: file.exactOptional().describe("The file with its password, plain or sealed."),
      caFile: file.exactOptional().describe("Who issued the broker's certificate (PEM)."),
    })
    .exactOptional()
    .describe("The MQTT broker over which validators are asked that nobody can reach from outside."),
  replicate: replicateShape
    .exactOptional()
    .describe("Who else keeps this community's evidence, and in how many places each batch should be."),
  diskBudgetMB: z
    .int()
    .min(16)
    .exactOptional()
    .describe(
      "What the journal may take of the disk: beyond it, what is settled and kept by others leaves it, the oldest first.",
    ),
  backup: z
    .strictObject({
      directory: file.describe("Where they are put: a stick that stays in, or a disk of another machine."),
      recipients: z
        .array(z.string().startsWith("age1"))
        .min(1)
        .describe("Who may open them, beside whoever has the site's key: `age1…`."),
      to: z
        .array(nodeAddress)
        .refine((all) => new Set(all).size === all.length, "must name each gateway once")
        .default([])
        .describe(
          "Other gateways that keep a copy of the newest one: their pages' addresses. Each must name this site's key in its `keepBackups`.",
        ),
      everyHours: z.int().min(1).max(720).default(24).describe("How often one is made."),
      keep: z
        .int()
        .min(1)
        .max(1000)
        .default(7)
        .describe("So many are kept in the directory; older ones are removed."),
    })
    .exactOptional()
    .describe("Encrypted copies of the journal, this file and the keys that it names."),
  keepBackups: keepBackupsShape
    .exactOptional()
    .describe("Keeps the back-ups of other gateways, which it cannot read."),
  auditors: z
    .array(z.string().startsWith("age1"))
    .min(1)
    .describe("Who may open sealed evidence: `age1…`, from `commonwatt provision key --kind auditor`."),
  households: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe("As pages show it."),
        address: hex(20).describe("Its account; no two alike."),
        recipient: z
          .string()
          .startsWith("age1")
          .optional()
          .describe("Its own key for what is sealed of it: `age1…`."),
      }),
    )
    .describe("Who shares."),
  buses: z.array(busShape).default([]).describe("The lines on which meters are polled."),
  profilesDir: file
    .exactOptional()
    .describe("An operator's own device profiles, beside those that Commonwatt has: docs/profiles.md."),
  meters: z
    .array(meterShape)
    .min(1, "must name a meter at least: commonwatt provision meter add puts one there")
    .describe("The meters that the gateway hears."),
})

/** The file's settings as JSON Schema (draft 2020-12), as they are written. */
export function configSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(configShape, { io: "input", unrepresentable: "any" })
}

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

/** Those of the validators that have an address of the web: they keep evidence, and serve it. */
export function validatorUrls({ validators }: Pick<Config, "validators">): string[] {
  return validators.filter((one) => !isAddress(one))
}

export interface Config
  extends Omit<ConfigFile, "version" | "meters" | "sharingKey" | "coefficients" | "emissionFactors"> {
  meters: Meter[]
  sharingKey: SharingKey
  emissionFactors?: NamedFactors
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
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0)
    throw new PersonError(`The configuration ${file} is not valid YAML.`, {
      context: document.errors.map(({ message }) => message.trimEnd()),
    })
  let value: unknown
  try {
    value = document.toJS()
  } catch (cause) {
    throw new PersonError(`The configuration ${file} is not valid YAML.`, {
      context: [(cause as Error).message],
    })
  }
  const read = readSettings(value, file)
  if ("config" in read) return read.config
  throw new PersonError(`The configuration ${file} has ${counted(read.mistakes.length)}.`, {
    context: read.mistakes.map(({ place, says }) => {
      const { line } = lines.linePos(offsetOf(document.contents as Node | null, place))
      // A name in brackets belongs to the place: `meters.1 (Anna roof): …`.
      const where = `${place.map(String).join(".") || "file"}${says.startsWith("(") ? " " : ": "}`
      return `line ${line}: ${where}${says}`
    }),
    ...nextStep(document),
  })
}

const counted = (n: number) => (n === 1 ? "a mistake" : `${n} mistakes`)

function nextStep(document: Document): { next?: string } {
  const version = isMap(document.contents) ? document.get("version") : undefined
  if (typeof version === "number" && version > currentVersion)
    return {
      next: `It is of version ${version}, for a newer Commonwatt; this one reads version ${currentVersion}.`,
    }
  // Its version alone says little: who writes a file by hand leaves it out.
  if (version === undefined && isMap(document.contents) && migrate(document.clone()).length > 1)
    return { next: "It was made for an earlier Commonwatt: commonwatt config migrate FILE" }
  return {}
}

/** What each setting may be, then what they mean together. @returns all the mistakes there are of either kind. */
function readSettings(value: unknown, file: string): { config: Config } | { mistakes: Remark[] } {
  const result = configShape.safeParse(value)
  if (!result.success) return { mistakes: result.error.issues.flatMap(remarksOf) }
  const settings = result.data
  const at = (path: string) => configPath(file, path)
  const mistakes: Remark[] = []
  const wrong = (place: Remark["place"], says: string) => void mistakes.push({ place, says })

  const { accounts, rules, settlement } = settings
  if (settlement.everySeconds % rules.intervalSeconds !== 0)
    wrong(["settlement", "everySeconds"], "must be a multiple of rules.intervalSeconds")
  if (accounts?.tariffs.some(({ from }) => from % rules.intervalSeconds !== 0))
    wrong(["accounts", "tariffs"], "begin with an interval: from must be a multiple of rules.intervalSeconds")
  if (settings.sharingPool !== undefined && !accounts)
    wrong(["sharingPool"], "settles accounts, and there are no accounts")
  if (settings.diskBudgetMB !== undefined && (settings.replicate?.factor ?? 1) < 2)
    wrong(
      ["diskBudgetMB"],
      "needs replicate, with a factor of 2 or more: what leaves the journal must be kept by somebody else too",
    )
  settings.validators.forEach((validator, i) => {
    if (isAddress(validator) && !settings.validatorBroker)
      wrong(["validators", i], "is an address, and there is no validatorBroker over which it could be asked")
    if (settings.validators.indexOf(validator) < i) wrong(["validators", i], "is there twice")
  })
  const sharingKey = sharingKeyOf(settings, at, wrong)
  const factors = factorsOf(settings, at, wrong)
  const households = new Set<Hex>()
  settings.households.forEach(({ name, address }, i) => {
    if (households.has(address)) wrong(["households", i], `(${name}): another household has the same address`)
    households.add(address)
  })
  for (const household of namedBy(sharingKey))
    if (!households.has(household))
      wrong(["sharingKey"], `the sharing key names ${household}, and no household has this address`)
  const mistakeInLines = mistakeInBuses(settings.buses)
  if (mistakeInLines) wrong(...placed(mistakeInLines))
  const meters = metersOf(settings, households, profilesFor(settings, at, wrong), at, wrong)
  const names = new Set(settings.meters.map(({ name }) => name))
  const mistake = mistakeIn(settings.mqtt, names, households)
  if (mistake) wrong(...placed(mistake))
  if (mistakes.length > 0) return { mistakes }
  const { version: _, coefficients, emissionFactors, ...rest } = settings
  return {
    config: {
      ...rest,
      sharingKey,
      ...(factors && { emissionFactors: factors }),
      meters,
      mqtt: atPaths(settings.mqtt, at),
      ...(settings.validatorBroker && { validatorBroker: filesAt(settings.validatorBroker, at) }),
      dataDir: at(settings.dataDir),
      ...(settings.backup && { backup: { ...settings.backup, directory: at(settings.backup.directory) } }),
      ...(settings.keepBackups && {
        keepBackups: { ...settings.keepBackups, directory: at(settings.keepBackups.directory) },
      }),
      ...(settings.profilesDir !== undefined && { profilesDir: at(settings.profilesDir) }),
      chain: { ...settings.chain, keyFile: at(settings.chain.keyFile) },
      web: { ...settings.web, ...(settings.web.tls && { tls: filesAt(settings.web.tls, at) }) },
      ...(settings.relay && { relay: { ...settings.relay, keyFile: at(settings.relay.keyFile) } }),
    },
  }
}

type Wrong = (place: Remark["place"], says: string) => void

/** Words that begin with their place, as `buses.2 (attic): …`, as place and words. */
function placed(mistake: string): [Remark["place"], string] {
  const [, place, says] = /^([a-zA-Z0-9.]+?):? (.*)$/s.exec(mistake)!
  return [place!.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)), says!]
}

/** @returns the key to go on with, also where there is a mistake. */
function sharingKeyOf(
  { sharingKey, coefficients, rules: { intervalSeconds } }: ConfigFile,
  at: (path: string) => string,
  wrong: Wrong,
): SharingKey {
  if (coefficients && sharingKey)
    wrong(["coefficients"], "sharingKey and coefficients are two keys: keep one of them")
  let key: SharingKey = sharingKey ?? { name: "proportional", version: 1 }
  if (coefficients && !sharingKey)
    try {
      key = readCoefficients(at(coefficients.file), coefficients)
    } catch (error) {
      wrong(["coefficients"], inOneLine(error))
    }
  if (key.name === "minimum" && intervalSeconds !== 3600)
    wrong(["sharingKey"], "minimum is by the hour: rules.intervalSeconds must be 3600")
  if ("seconds" in key && key.seconds % intervalSeconds !== 0)
    wrong(["sharingKey", "seconds"], "must be a multiple of rules.intervalSeconds")
  return key
}

function factorsOf({ emissionFactors }: ConfigFile, at: (path: string) => string, wrong: Wrong) {
  if (!emissionFactors) return undefined
  try {
    return readFactorsFile(at(emissionFactors.file))
  } catch (error) {
    wrong(["emissionFactors"], inOneLine(error))
    return undefined
  }
}

function profilesFor({ profilesDir }: ConfigFile, at: (path: string) => string, wrong: Wrong) {
  if (profilesDir === undefined) return shippedProfiles
  try {
    return readProfiles(at(profilesDir))
  } catch (error) {
    wrong(["profilesDir"], inOneLine(error))
    return shippedProfiles
  }
}

/** @throws what is not for a person. */
function inOneLine(error: unknown): string {
  if (!(error instanceof PersonError)) throw error
  return [error.message, ...error.context, error.next].filter(Boolean).join(" ")
}

/** The meters that are right. */
function metersOf(
  { meters, buses, rules: { intervalSeconds } }: ConfigFile,
  households: ReadonlySet<Hex>,
  profiles: ReadonlyMap<string, Profile>,
  at: (path: string) => string,
  wrong: Wrong,
): Meter[] {
  const taken = new Set<string>()
  const isFirst = (what: string) => !taken.has(what) && taken.add(what).has(what)
  return meters.flatMap((meter, i): Meter[] => {
    const { name, household, ratedW, startTime, startWh, restarts, modbus } = meter
    const wrongHere = (what: string) => wrong(["meters", i], `(${name}): ${what}`)
    if (!isFirst(`name ${name}`)) wrongHere("another meter has the same name")
    if (!households.has(household)) wrongHere(`no household has the address ${household}`)
    let key: MeterKey
    let profile: Profile | undefined
    try {
      key = readMeterKey(Scheme[meter.scheme], meter.publicKey)
      profile = modbus && profileNamed(modbus.profile, profiles)
      if (profile && modbus) deviceFor(profile, modbus)
    } catch (cause) {
      wrongHere([(cause as Error).message, (cause as PersonError).next].filter(Boolean).join(" "))
      return []
    }
    // Under another scheme the same key would be another meter, and the same energy would count twice.
    if (!isFirst(`key ${toHex(key.publicKey)}`)) wrongHere("another meter has the same key")
    const { format, generation } = schemeFacts(key.scheme)
    const signsItself = format !== "cose"
    if (modbus && profile) {
      const { bus, unit, everySeconds } = modbus
      const mistake = mistakeInPlace(modbus, buses, profile, format)
      if (mistake) wrongHere(mistake)
      else if (!signsItself && key.scheme !== Scheme.ed25519)
        wrongHere("a key that the gateway holds must be ed25519")
      else if (signsItself && generation !== (modbus.measures === "generation"))
        wrongHere(
          `modbus.measures is ${modbus.measures}, and the scheme says that it measures ${generation ? "generation" : "a connection"}`,
        )
      // One device under two names would be paid twice.
      if (!isFirst(`device ${bus} unit ${unit}`)) wrongHere("another meter is the same Modbus unit")
      if (everySeconds > intervalSeconds)
        wrongHere("modbus.everySeconds must not be more than rules.intervalSeconds")
    }
    const assurance = modbus && !signsItself ? Assurance.gateway : Assurance.meter
    const keyFile = modbus?.keyFile === undefined ? {} : { keyFile: at(modbus.keyFile) }
    const laterKeyFiles = modbus?.laterKeyFiles ? { laterKeyFiles: modbus.laterKeyFiles.map(at) } : {}
    return [
      {
        ...{ name, household, key, assurance, ratedW, startTime, startWh, restarts },
        ...(modbus && profile && { modbus: { ...modbus, profile, ...keyFile, ...laterKeyFiles } }),
      },
    ]
  })
}
