import { dirname, resolve } from "node:path"
import { type Document, isMap, isSeq, type YAMLMap } from "yaml"
import { z } from "zod"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { PersonError } from "../protocol/error.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { Assurance, meterIdOf, Scheme, type SchemeName, schemeFacts, schemeNames } from "../protocol/meter.ts"
import { readMeterKey } from "../protocol/meter-key-text.ts"
import { readCsv } from "./csv.ts"
import type { Deployment } from "./deploy.ts"
import { ed25519PublicKey } from "./keys.ts"
import { type ListedMeter, withPossession } from "./meter-list.ts"
import { registerMeters, status } from "./meters.ts"
import { lower, type Operator } from "./operator.ts"

const whole = z
  .string()
  .regex(/^\d{1,15}$/, "must be a whole number")
  .transform(Number)
const optional = <T extends z.ZodType>(shape: T) =>
  z.union([z.literal("").transform(() => undefined), shape]).optional()

/** A meter as it is enrolled: a line of a table, or one command's options. All is text, as people type it. */
const entryShape = z
  .strictObject({
    name: z.string().min(1, "is missing: what people call the meter"),
    household: z.string().min(1, "is missing: the household's name"),
    address: z
      .string()
      .regex(/^0x[0-9a-fA-F]{40}$/, "must be the household's address: 0x and 40 hexadecimal digits")
      .transform((text) => text.toLowerCase() as Hex),
    ratedW: whole.refine((watts) => watts > 0, "must be more than 0"),
    startTime: whole,
    startWh: optional(
      z
        .string()
        .regex(/^\d{1,19}$/, "must be whole Wh")
        .transform(BigInt),
    ),
    scheme: optional(z.enum(schemeNames)),
    publicKey: optional(z.string()),
    possession: optional(
      z.string().regex(/^0x[0-9a-fA-F]{128}$/, "must be 64 bytes of hexadecimal behind 0x"),
    ),
    keyFile: optional(z.string()),
    bus: optional(z.string()),
    unit: optional(whole),
    profile: optional(z.string()),
    measures: optional(z.enum(["generation", "grid"])),
    everySeconds: optional(whole),
  })
  .superRefine(({ publicKey, keyFile, bus, unit, profile, measures }, context) => {
    if (publicKey === undefined && keyFile === undefined)
      context.addIssue({ code: "custom", path: ["publicKey"], message: "is missing, and keyFile as well" })
    const place = [bus, unit, profile, measures].filter((part) => part !== undefined)
    if (place.length > 0 && place.length < 4)
      context.addIssue({
        code: "custom",
        path: ["bus"],
        message: "bus, unit, profile and measures go together",
      })
  })

export type EntryInput = Partial<Record<keyof z.input<typeof entryShape>, string>>
export const entryFields = Object.keys(entryShape.shape) as (keyof EntryInput)[]

/** A meter to enrol, with its key. */
export interface Entry
  extends Omit<z.output<typeof entryShape>, "startWh" | "scheme" | "publicKey" | "possession"> {
  startWh: bigint
  scheme: keyof typeof Scheme
  publicKey: Hex
  meterId: Hex
  assurance: "meter" | "gateway"
  possession: Hex | undefined
}

/** @throws PersonError naming every line's mistakes. @param file for them, and where its key files are. */
export function readEntries(text: string, file: string): Entry[] {
  let records: ReturnType<typeof readCsv>
  try {
    records = readCsv(text)
  } catch (cause) {
    throw new PersonError(`${file} cannot be read as a table.`, { context: [(cause as Error).message] })
  }
  if (records.length === 0)
    throw new PersonError(`${file} has no meter.`, { next: `Its head: ${entryFields.join(",")}` })
  return checkEntries(
    records.map(({ line, fields }) => ({ place: `line ${line}`, fields })),
    file,
  )
}

/** @param given each with its place for the mistakes. @throws PersonError naming all of them. */
export function checkEntries(
  given: readonly { place: string; fields: EntryInput | Record<string, string> }[],
  file: string,
): Entry[] {
  const mistakes: string[] = []
  const taken = new Map<string, string>()
  const entries = given.flatMap(({ place, fields }): Entry[] => {
    const result = entryShape.safeParse(fields)
    if (!result.success) {
      for (const { path, message } of result.error.issues)
        mistakes.push(`${place}: ${path.join(".") || "column"}: ${message}`)
      return []
    }
    try {
      const entry = withKey(result.data, dirname(file))
      for (const what of [`name ${entry.name}`, `key ${entry.publicKey}`]) {
        const before = taken.get(what)
        if (before) mistakes.push(`${place}: ${before} has the same ${what}`)
        taken.set(what, place)
      }
      return [entry]
    } catch (error) {
      if (!(error instanceof Error)) throw error
      mistakes.push(
        `${place}: ${[error.message, ...(error instanceof PersonError ? error.context : [])].join(" ")}`,
      )
      return []
    }
  })
  if (mistakes.length > 0)
    throw new PersonError(`${file} has ${mistakes.length} mistake(s).`, { context: mistakes })
  return entries
}

function withKey(read: z.output<typeof entryShape>, folder: string): Entry {
  const keyFile = read.keyFile === undefined ? undefined : resolve(folder, read.keyFile)
  const scheme = read.scheme ?? "ed25519"
  const own =
    keyFile === undefined ? undefined : ed25519PublicKey(readAccountKey(keyFile, `The key of ${read.name}`))
  const publicKey =
    read.publicKey === undefined ? own! : readMeterKey(Scheme[scheme], read.publicKey).publicKey
  if (own && toHex(own) !== toHex(publicKey))
    throw new RangeError(`${read.keyFile} holds another key than publicKey says`)
  const isPlain = read.bus !== undefined && schemeFacts(Scheme[scheme]).format === "cose"
  return {
    ...read,
    startWh: read.startWh ?? 0n,
    scheme,
    publicKey: toHex(publicKey),
    meterId: meterIdOf(Scheme[scheme], publicKey),
    assurance: isPlain ? "gateway" : "meter",
    possession: read.possession?.toLowerCase() as Hex | undefined,
    keyFile,
  }
}

/** What is about to be done, for a person to compare with the meter's display and label. */
export function describeEntry(entry: Entry, site: number): string {
  const { name, household, address, ratedW, startWh, startTime, assurance, bus, unit, profile, measures } =
    entry
  const since = new Date(startTime * 1000).toISOString().replace(".000Z", "Z")
  const kWh = `${startWh / 1000n}.${String(startWh % 1000n).padStart(3, "0")}`
  const place = bus === undefined ? "sends by MQTT" : `${bus} unit ${unit}, ${profile}, measures ${measures}`
  return [
    `${name}: household ${household} ${address}`,
    `  site ${site}, ${ratedW} W at most, its display showed ${kWh} kWh on ${since}`,
    `  ${place}; ${assurance === "gateway" ? "the gateway signs for it" : "it signs itself"}`,
    `  meterId ${entry.meterId}`,
  ].join("\n")
}

/**
 * Registers the meters that are not yet.
 * @returns the names of those that were. @throws PersonError when one is registered with something else.
 */
export async function registerEntries(
  operator: Operator,
  deployment: Deployment,
  entries: readonly Entry[],
  site: number,
): Promise<string[]> {
  const missing: Entry[] = []
  for (const entry of entries) {
    const registered = await operator.readContract({
      address: deployment.registry,
      abi: meterRegistryAbi,
      functionName: "meter",
      args: [entry.meterId],
    })
    if (registered.status === status.none) missing.push(entry)
    else if (registered.site !== site || lower(registered.household) !== entry.address)
      throw new PersonError(
        `${entry.name} is registered already, for household ${lower(registered.household)} at site ${registered.site}.`,
        {
          context: [`meterId ${entry.meterId}`],
          next: "What became of a meter: commonwatt provision meter hand-over, move.",
        },
      )
  }
  if (missing.length === 0) return []
  await registerMeters(
    operator,
    deployment,
    withPossession(
      missing.map((entry) => listed(entry, site)),
      deployment,
    ),
  )
  return missing.map(({ name }) => name)
}

function listed(
  { address, scheme, assurance, ratedW, startTime, startWh, publicKey, keyFile, possession }: Entry,
  site: number,
): ListedMeter {
  return {
    statement: {
      household: address,
      scheme: Scheme[scheme],
      assurance: Assurance[assurance],
      ...{ site, ratedW, startTime, startWh, publicKey },
    },
    keyFile,
    possession,
  }
}

/**
 * Puts a household into a configuration, if it is not there.
 * @returns what was done, for people; nothing where it is there already.
 * @throws PersonError where the address has another name.
 */
export function putHousehold(document: Document, name: string, address: Hex, recipient?: string): string[] {
  const there = entriesOf(document, "households").find((one) => String(one.address).toLowerCase() === address)
  if (there && there.name !== name)
    throw new PersonError(
      `The configuration has the address ${address} as ${String(there.name)}, not ${name}.`,
    )
  if (there) return []
  append(document, "households", { name, address, ...(recipient !== undefined && { recipient }) })
  return [`household ${name} is in the configuration`]
}

/** The same for a meter, by its key. @param keyFile as it is to stand there. @throws PersonError where its name is another's. */
export function putMeter(document: Document, entry: Entry, keyFile: string | undefined): string[] {
  const meters = entriesOf(document, "meters")
  const key = (text: unknown) => String(text).toLowerCase().replace(/^0x/, "")
  const there = meters.find((one) => key(one.publicKey) === key(entry.publicKey))
  if (there && there.name !== entry.name)
    throw new PersonError(`The configuration has this meter as ${String(there.name)}, not ${entry.name}.`)
  if (there) return []
  const { name, address, scheme, publicKey, ratedW, startTime, startWh, bus, unit, profile, measures } = entry
  append(document, "meters", {
    ...{ name, household: address, scheme, publicKey, ratedW, startTime, startWh: startWh.toString() },
    ...(bus !== undefined && {
      modbus: {
        ...{ bus, unit, profile, measures, everySeconds: entry.everySeconds ?? 60 },
        ...(keyFile !== undefined && { keyFile }),
      },
    }),
  })
  return [`meter ${name} is in the configuration`]
}

/**
 * Puts a key with which the gateway is to sign for a plain meter after those that it has into a configuration.
 * @returns what was done, for people; nothing where it is there already.
 * @throws PersonError where the meter is not there, or signs by itself.
 */
export function putLaterKey(document: Document, meterId: Hex, keyFile: string): string[] {
  const list = document.get("meters")
  const meters = isSeq(list) ? list.items.filter(isMap) : []
  const meter = meters.find((one) => meterIdIn(one) === meterId)
  if (!meter) throw new PersonError(`The configuration has no meter ${meterId}.`)
  if (!meter.hasIn(["modbus", "keyFile"]))
    throw new PersonError(`${String(meter.get("name"))} signs by itself: the gateway holds no key for it.`, {
      next: "Leave --config out: the gateway learns the meter's next key from the registry.",
    })
  const place = ["modbus", "laterKeyFiles"]
  const files = meter.getIn(place)
  const there = isSeq(files) ? (files.toJSON() as string[]) : []
  if (there.includes(keyFile)) return []
  meter.setIn(place, document.createNode([...there, keyFile]))
  return [`${String(meter.get("name"))} has ${keyFile} in the configuration`]
}

function meterIdIn(meter: YAMLMap<unknown, unknown>): Hex | undefined {
  try {
    return readMeterKey(Scheme[meter.get("scheme") as SchemeName], String(meter.get("publicKey"))).meterId
  } catch {
    return undefined
  }
}

function entriesOf(document: Document, name: string): Record<string, unknown>[] {
  const list = document.get(name)
  return isSeq(list)
    ? list.items.flatMap((one) => (isMap(one) ? [one.toJSON() as Record<string, unknown>] : []))
    : []
}

function append(document: Document, name: string, value: object): void {
  const list = document.get(name)
  const node = document.createNode(value)
  if (!isSeq(list)) {
    document.set(name, document.createNode([value]))
    return
  }
  // A list that stood in brackets on one line would become a long one.
  if (list.items.length === 0) list.flow = false
  list.add(node)
}
