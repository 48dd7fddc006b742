import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { type Carried, carry, lookAt, type Wanted } from "../evidence/carry.ts"
import { noteErased, readErased } from "../evidence/erased.ts"
import { type EvidenceFolder, evidenceFolder } from "../evidence/folder.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import { readConfig } from "../gateway/config.ts"
import { evidenceDirectory, keepOwn } from "../gateway/evidence.ts"
import { batchStore } from "../gateway/journal/batches.ts"
import { openDatabase } from "../gateway/journal/database.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Command, optional, readGiven, required, type Values, wholeNumber } from "./command.ts"
import { erase } from "./evidence-erase.ts"
import { readValidatorConfig } from "./validator-config.ts"

export const evidence: Command = {
  name: "evidence",
  summary: "carry evidence on a stick: export, import, check; erase a member",
  help: `
Usage: commonwatt evidence export --config FILE --to DIR [--site N]
       commonwatt evidence import --from DIR (--config FILE | --to DIR) [--site N] [--erased]
       commonwatt evidence check DIR
       commonwatt evidence erase --household ADDRESS (--config FILE | --from DIR) [--dry-run]

  --config FILE        the configuration of a gateway or a validator: its evidence
  --from DIR           a directory of evidence, as a USB stick
  --to DIR             the same; commonwatt audit --evidence DIR reads it
  --site N             this site's alone
  --erased             takes over who was erased, as the directory says: without it a batch that lacks their parts
                       is not taken
  --household ADDRESS  who leaves
  --dry-run            only says what would go

A directory of evidence holds a CAR file for each batch, named by its root. Only what is missing is copied, each block
compared with its hash. Pull the stick at any moment: the next time it goes on where it was. Gateway and validator may
run meanwhile. check reads everything, names gaps in a site's numbers, and exits with 1 if something is wrong.

erase destroys what shows how a household lives, as far as it is settled: its sealed parts with their salts, and from a
gateway's journal its readings, its days and what it gave and received. The gateway must be stopped; a validator may run.
Every root, mint and proof stands; an audit says that the parts are not to be had. It names the copies that it cannot
reach. There is no way back.

Example:
  commonwatt evidence export --config gateway.yaml --to /media/usb/evidence
  commonwatt evidence check /media/usb/evidence
  commonwatt evidence import --from /media/usb/evidence --config validator.yaml
  commonwatt evidence erase --household 0x1111111111111111111111111111111111111111 --config gateway.yaml --dry-run
`,
  options: {
    config: { type: "string" },
    from: { type: "string" },
    to: { type: "string" },
    site: { type: "string" },
    household: { type: "string" },
    erased: { type: "boolean" },
    "dry-run": { type: "boolean" },
  },
  async run(values, [what, ...rest]) {
    if (what === "check" && rest.length === 1) return check(rest[0]!)
    if (what === "erase" && rest.length === 0) return erase(values)
    if (rest.length > 0 || (what !== "export" && what !== "import"))
      throw new PersonError("Say export, import, check or erase.", { next: "See --help for an example." })
    const site = wholeNumber(values, "site", 0, 1, 2 ** 31) || undefined
    return what === "export" ? exportTo(values, site) : importFrom(values, site)
  },
}

async function exportTo(values: Values, site: number | undefined): Promise<number> {
  const place = await placeOf(required(values, "config", "whose evidence"))
  const to = required(values, "to", "the directory on the stick")
  const erased = readErased(place.directory)
  if (erased.length > 0) noteErased(to, erased)
  return report(await carrying(evidenceFolder(place.directory), made(to), { site }), `in ${to}`)
}

async function importFrom(values: Values, site: number | undefined): Promise<number> {
  const from = existing(required(values, "from", "the directory on the stick"))
  const config = optional(values, "config")
  const to = optional(values, "to")
  const erased = readErased(from.directory)
  const takeOver = (directory: string) => {
    if (erased.length > 0 && values.erased) noteErased(directory, erased)
    else if (erased.length > 0)
      process.stderr.write(
        `${from.directory} says that ${erased.map(({ household }) => household).join(", ")} was erased. With --erased that is taken over.\n`,
      )
  }
  if ((config === undefined) === (to === undefined))
    throw new PersonError("Say either --config FILE or --to DIR.", { next: "See --help for an example." })
  if (to !== undefined) {
    takeOver(to)
    return report(await carrying(from, made(to), { site }), `in ${to}`)
  }
  const { directory, wanted } = await placeOf(config!)
  takeOver(directory)
  const store = openEvidenceStore(directory)
  try {
    const carried = await carrying(from, store.folder, { ...wanted, site })
    store.sync()
    return report(carried, `in ${directory}`)
  } finally {
    store.close()
  }
}

async function carrying(
  from: EvidenceFolder,
  to: EvidenceFolder,
  wanted: { [name in keyof Wanted]: Wanted[name] | undefined },
) {
  const given = Object.fromEntries(
    Object.entries(wanted).filter(([, value]) => value !== undefined),
  ) as Wanted
  try {
    return await carry(from, to, given, ({ site, number }, blocks) => {
      if (blocks > 0) process.stderr.write(`site ${site} batch ${number}: ${blocks} blocks\n`)
    })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === undefined || code === "ENOSPC") throw cause
    throw new PersonError("The directory cannot be used any more.", {
      context: [message],
      next: "Is the stick still in? Give the same command again: it goes on where it was.",
      cause,
    })
  }
}

function report({ failed, ...carried }: Carried, where: string): number {
  for (const { root, why } of failed) process.stderr.write(`not copied: ${root}: ${why}\n`)
  process.stderr.write(
    `${carried.batches} batches copied, ${carried.there} were there already, ${failed.length} could not be: ${where}\n`,
  )
  process.stdout.write(`${JSON.stringify({ ...carried, failed })}\n`)
  return failed.length === 0 ? 0 : 1
}

/** Reads every file, a JSON line for each, and looks for gaps. */
function check(directory: string): number {
  const folder = existing(directory)
  const looked = folder.roots().map((root) => lookAt(folder, root))
  const bySite = new Map<string, { number: bigint; root: string; previous: string | undefined }[]>()
  const order = (site: number | undefined, number: bigint | undefined) =>
    BigInt(site ?? 0) * 2n ** 64n + (number ?? 0n)
  looked.sort((a, b) =>
    order(a.place?.site, a.place?.number) < order(b.place?.site, b.place?.number) ? -1 : 1,
  )
  let faults = 0
  for (const { root, place, faults: found } of looked) {
    faults += found.length
    const { chainId, oracle, site, number, previous } = place ?? {}
    process.stdout.write(
      `${JSON.stringify({ root: root.toString(), chainId, oracle, site, number: number && Number(number), valid: found.length === 0, faults: found })}\n`,
    )
    if (!place) continue
    const of = `site ${site} of ${oracle} on chain ${chainId}`
    bySite.set(of, [
      ...(bySite.get(of) ?? []),
      { number: place.number, root: root.toString(), previous: previous?.toString() },
    ])
  }
  const roots = new Set(looked.map(({ root }) => root.toString()))
  let gaps = 0
  for (const [of, batches] of bySite) {
    const lacking = batches.filter(({ previous }) => previous !== undefined && !roots.has(previous))
    for (const { number, previous } of lacking)
      process.stderr.write(`${of}: batch ${number} follows ${previous}, which is not here\n`)
    gaps += lacking.length
    process.stderr.write(
      `${of}: ${batches.length} batches, ${batches[0]!.number} to ${batches.at(-1)!.number}\n`,
    )
  }
  for (const root of folder.unfinished())
    process.stderr.write(`half here: ${root}; copy again to complete it\n`)
  process.stderr.write(`${looked.length} files read, ${faults} faults, ${gaps} gaps\n`)
  return faults + gaps === 0 && looked.length > 0 ? 0 : 1
}

/** Where the evidence of whoever has this configuration is, and which it wants. */
async function placeOf(file: string): Promise<{ directory: string; wanted: Wanted }> {
  const value = parse(readGiven(file, "configuration")) as Record<string, unknown> | null
  if (value && "sites" in value) {
    const { dataDir, oracle } = readValidatorConfig(file)
    return { directory: evidenceDirectory(dataDir), wanted: { oracle: oracle as Hex } }
  }
  const { dataDir, chain } = readConfig(file)
  const directory = evidenceDirectory(dataDir)
  if (existsSync(join(dataDir, "journal.sqlite"))) await writeFromJournal(dataDir, directory)
  return { directory, wanted: { chainId: chain.chainId, oracle: chain.oracle } }
}

function existing(directory: string): EvidenceFolder {
  if (!existsSync(directory))
    throw new PersonError(`There is no directory ${directory}.`, {
      next: "Is the stick mounted? Try: lsblk -f",
    })
  return evidenceFolder(directory)
}

function made(directory: string): EvidenceFolder {
  mkdirSync(directory, { recursive: true })
  return evidenceFolder(directory)
}

/** What the gateway has not written yet. A journal that cannot be opened is no reason to leave the files where they are. */
async function writeFromJournal(dataDir: string, directory: string): Promise<void> {
  const store = openEvidenceStore(directory)
  try {
    const db = openDatabase(dataDir)
    try {
      await keepOwn(batchStore(db), store)
    } finally {
      db.close()
    }
  } catch (error) {
    if (!(error instanceof PersonError)) throw error
    process.stderr.write(`${error.message} Only what was written before is taken.\n`)
  } finally {
    store.close()
  }
}
