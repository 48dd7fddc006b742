import { mkdirSync, renameSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { type Document, parseDocument } from "yaml"
import { checkConfig, readConfig } from "../gateway/config.ts"
import { invitationsFile, keepInvitation, newInvitation } from "../gateway/web/invitations.ts"
import { PersonError } from "../protocol/error.ts"
import {
  checkEntries,
  describeEntry,
  type Entry,
  type EntryInput,
  putHousehold,
  putMeter,
  readEntries,
  registerEntries,
} from "../provisioning/enrol.ts"
import { invitationPage, type Label, labelSheet, labelSvg } from "../provisioning/labels.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { optional, readGiven, required, type Values, wholeNumber } from "./command.ts"
import { connect, deploymentFrom } from "./provision-contracts.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)
const now = () => Math.floor(Date.now() / 1000)

/** Puts a household into the gateway's configuration. */
export async function household(values: Values, [action = ""]: readonly string[]): Promise<number> {
  if (action !== "add")
    throw new PersonError("What about the household?", { next: "commonwatt provision household add …" })
  const name = required(values, "name", "what people call the household")
  const address = parseAddress(required(values, "address", "the household's account"))
  const recipient = optional(values, "recipient")
  say(`household ${name}: paid at ${address}${recipient ? `, its records also sealed to ${recipient}` : ""}`)
  changeConfiguration(values, (document) => putHousehold(document, name, address, recipient))
  return 0
}

/** Registers one meter, and puts it into the gateway's configuration. */
export async function addMeter(values: Values): Promise<number> {
  const option = (name: string) => optional(values, name) ?? ""
  const fields: EntryInput = {
    name: option("name"),
    household: option("household"),
    address: option("address"),
    ratedW: option("rated-w"),
    startTime: option("time"),
    startWh: option("start-wh"),
    scheme: option("scheme"),
    publicKey: option("public-key"),
    possession: option("possession"),
    keyFile: option("meter-key"),
    bus: option("bus"),
    unit: option("unit"),
    profile: option("profile"),
    measures: option("measures"),
    everySeconds: option("every"),
  }
  return enrol(values, checkEntries([{ place: "this meter", fields }], resolve("the command line")))
}

/** The same for every line of a table. */
export async function importTable(values: Values, [file]: readonly string[]): Promise<number> {
  if (file === undefined)
    throw new PersonError("Which table?", { next: "commonwatt provision import FILE.csv …" })
  return enrol(values, readEntries(readGiven(file, "table"), resolve(file)))
}

/** Of a configuration that may not have a meter yet. @throws PersonError */
function siteIn(file: string): number {
  const site: unknown = parseDocument(readGiven(file, "configuration")).get("site")
  if (typeof site === "number" && Number.isInteger(site) && site > 0) return site
  throw new PersonError(`The configuration ${file} does not say which site it is.`)
}

async function enrol(values: Values, entries: readonly Entry[]): Promise<number> {
  const file = required(values, "config", "the gateway's configuration")
  const site = siteIn(file)
  for (const entry of entries) say(describeEntry(entry, site))
  const put = (document: Document) =>
    entries.flatMap((entry) => {
      const keyFile =
        entry.keyFile === undefined ? undefined : relative(dirname(resolve(file)), entry.keyFile)
      return [
        ...putHousehold(document, entry.household, entry.address),
        ...putMeter(document, entry, keyFile),
      ]
    })
  if (values["dry-run"]) {
    changeConfiguration(values, put)
    return 0
  }
  // What the chain refuses must not stand in the configuration; what stands there twice is refused before the chain is asked.
  changeConfiguration({ ...values, "dry-run": true }, put)
  const registered = await registerEntries(await connect(values), deploymentFrom(values), entries, site)
  say(`${registered.length} registered, ${entries.length - registered.length} were`)
  changeConfiguration(values, put)
  for (const { name, meterId } of entries) process.stdout.write(`${JSON.stringify({ name, meterId })}\n`)
  return 0
}

/** Whole or not at all, and only to what the gateway would take. Comments stay. */
export function changeConfiguration(values: Values, change: (document: Document) => string[]): void {
  const file = required(values, "config", "the gateway's configuration")
  const document = parseDocument(readGiven(file, "configuration"))
  const done = change(document)
  if (done.length === 0) {
    say("the configuration has it already")
    return
  }
  const text = document.toString({ lineWidth: 0 })
  checkConfig(text, file)
  if (values["dry-run"]) return
  writeFileSync(`${file}.new`, text, { mode: statSync(file).mode, flush: true })
  renameSync(`${file}.new`, file)
  for (const line of done) say(line)
  say("The gateway takes it when it is started anew.")
}

/** Prints a household's invitation, which opens its page once. */
export async function invite(values: Values): Promise<number> {
  const config = readConfig(required(values, "config", "the gateway's configuration"))
  const wanted = required(values, "household", "the household's name or address")
  const found = config.households.find(
    ({ name, address }) => name === wanted || address === wanted.toLowerCase(),
  )
  if (!found)
    throw new PersonError(`The configuration has no household "${wanted}".`, {
      next: `Use one of: ${config.households.map(({ name }) => name).join(", ")}.`,
    })
  const page = pageFrom(values)
  const days = wholeNumber(values, "days", 14, 1, 365)
  const out = required(values, "out", "the file for the page to print")
  const expires = now() + days * 86_400
  const until = new Date(expires * 1000).toISOString().slice(0, 10)
  say(`an invitation for ${found.name} (${found.address}) to ${page}, until ${until}, in ${out}`)
  if (values["dry-run"]) return 0
  const { token, entry } = newInvitation(found.address, expires)
  // The page first: an invitation that nobody has is harmless, one that the gateway does not know is a riddle.
  writeFileSync(out, invitationPage(found.name, `${page}/join#${token}`, until), { mode: 0o600, flag: "wx" })
  mkdirSync(config.dataDir, { recursive: true })
  keepInvitation(invitationsFile(config.dataDir), entry)
  return 0
}

function pageFrom(values: Values): string {
  const text = required(values, "page", "the community's page, https://HOST")
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new PersonError(`"${text}" is not an address of a page.`, { next: "It begins with https://." })
  }
  if (url.protocol !== "https:" && url.hostname !== "localhost" && url.hostname !== "127.0.0.1")
    throw new PersonError("The page must be https://: what opens a household's page must not be overheard.")
  return url.href.replace(/\/+$/, "")
}

/** Prints a label for each meter. */
export async function labels(values: Values): Promise<number> {
  const config = readConfig(required(values, "config", "the gateway's configuration"))
  const page = pageFrom(values)
  const wanted = optional(values, "name")
  const all = config.meters
    .filter(({ name }) => wanted === undefined || name === wanted)
    .map(({ name, household, key }): Label => {
      const of = config.households.find(({ address }) => address === household)
      return { name, household: of?.name ?? household, meterId: key.meterId, page }
    })
  if (all.length === 0) throw new PersonError(`The configuration has no meter "${wanted}".`)
  const out = required(values, "out", "the sheet to print; beside it an SVG of each label")
  const folder = `${out.replace(/\.html$/, "")}-svg`
  say(`${all.length} labels in ${out}, and one by one in ${folder}`)
  if (values["dry-run"]) return 0
  writeFileSync(out, labelSheet(all))
  mkdirSync(folder, { recursive: true })
  for (const label of all) writeFileSync(join(folder, `${label.meterId.slice(2, 18)}.svg`), labelSvg(label))
  return 0
}
