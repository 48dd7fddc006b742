import { randomBytes } from "node:crypto"
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { PersonError } from "../protocol/error.ts"
import { readPassphrase, readSecret } from "../protocol/sealed-secret.ts"
import { type Opener, openBundle, opensWith } from "./bundle.ts"
import { unpack } from "./bundle-files.ts"

/** What a person puts on a card or a stick, and finds there afterwards. */
export const bundleName = "commonwatt.bundle"
export const lockName = "commonwatt.lock"
export const reportName = "commonwatt-first-boot.txt"

/** Keys, certificates and a configuration; a card may hold anything. */
const largestBundle = 16 * 1024 ** 2

/** Where a person may have put a bundle, and what people call it. */
export interface Place {
  folder: string
  called: string
}

export interface FirstBoot {
  places: readonly Place[]
  /** Says what would be taken, and takes nothing. */
  dryRun: boolean
  /** Where the configuration belongs. */
  folder: string
  /** The only data directory that the gateway's unit can write to. */
  dataDir: string
  /** Keeps the passphrase of sealed keys for this machine. */
  keep(passphrase: string): void
  /** Brings all that was written to the disks. */
  sync(): void
}

export type Taken = "nothing" | "taken" | "refused"

/**
 * Takes the bundle that lies in one of the places, without asking anything, and leaves a report beside it. Cut off
 * anywhere, it does the same again and comes to the same end: the bundle is wiped once all that came out of it is on the
 * disk.
 * @param say hears each line of a report as well.
 */
export async function firstBoot(box: FirstBoot, say: (line: string) => void): Promise<Taken> {
  // Without it a stick whose bundle was unpacked and not wiped would not be looked at again.
  const begun = join(box.folder, ".first-boot")
  let refused = false
  for (const place of box.places) {
    if (!existsSync(join(place.folder, bundleName))) continue
    let report: string[]
    let done = false
    try {
      report = await take(box, place, begun)
      done = true
    } catch (error) {
      report = refusal(place, error)
      refused = true
    }
    for (const line of report) say(line)
    if (!box.dryRun) leaveReport(place.folder, report)
    if (done) return "taken"
  }
  if (!refused && !box.dryRun) rmSync(begun, { force: true })
  return refused ? "refused" : "nothing"
}

async function take(box: FirstBoot, place: Place, begun: string): Promise<string[]> {
  const file = join(place.folder, bundleName)
  if (statSync(file).size > largestBundle)
    throw new PersonError("This is no bundle of Commonwatt: it is too large.", { context: [file] })
  const bytes = readFileSync(file)
  const lock =
    opensWith(bytes) === "passphrase"
      ? box.places.map(({ folder }) => join(folder, lockName)).find((path) => existsSync(path))
      : undefined
  const bundle = await openBundle(bytes, openerOf(bytes, lock, box.folder))
  if (box.dryRun)
    return [`${file} would be taken:`, ...bundle.files.map(({ path }) => `  ${join(box.folder, path)}`)]
  let about = ""
  const written = unpack(bundle, box.folder, ({ site, name, dataDir }) => {
    if (dataDir !== box.dataDir)
      throw new PersonError(`dataDir: ${dataDir} is no folder that this machine's gateway can write to.`, {
        next: `Make the bundle again with dataDir: ${box.dataDir}`,
      })
    if (bundle.passphrase !== undefined) box.keep(bundle.passphrase)
    writeFileSync(begun, "", { flush: true })
    about = `site ${site}, ${name}`
  })
  box.sync()
  const left = [file, ...(lock === undefined ? [] : [lock])].flatMap(wipe)
  box.sync()
  if (left.length === 0) rmSync(begun, { force: true })
  return [
    `Commonwatt has taken the bundle on ${place.called}: ${about}. The gateway starts by itself.`,
    written.length > 0
      ? `${written.length} files were put into ${box.folder}.`
      : `All of its files were in ${box.folder} already.`,
    ...(left.length === 0
      ? ["The bundle was overwritten and removed here. Who can read the chips of a card may still find it."]
      : ["It could not be wiped here, so take it away yourself:", ...left.map((line) => `  ${line}`)]),
    "How the gateway is: sudo commonwatt doctor --config /etc/commonwatt/gateway.yaml",
  ]
}

/** @throws PersonError naming what is missing. */
function openerOf(bytes: Uint8Array, lock: string | undefined, folder: string): Opener | undefined {
  switch (opensWith(bytes)) {
    case "passphrase":
      if (lock === undefined)
        throw new PersonError("The bundle is locked with a passphrase, which is not here.", {
          next: `Write it into a text file ${lockName}, on one line, and put it beside the bundle or on another stick.`,
        })
      return { passphrase: readPassphrase(lock) }
    case "key": {
      const key = join(folder, "identity", "box.key")
      if (!existsSync(key))
        throw new PersonError("The bundle is locked with the key of a box, and this box has none.", {
          context: [`${key} is not there`],
          next: "Make the bundle again for this box: with --lock-file, or with --key-inside.",
        })
      return { identity: readSecret(key, "The box's key") }
    }
    default:
      return undefined
  }
}

function refusal({ called }: Place, error: unknown): string[] {
  const { message, context = [], next } = error as Partial<PersonError> & Error
  return [
    `Commonwatt could not take ${bundleName} on ${called}.`,
    message,
    ...context.map((line) => `  ${line}`),
    ...(next === undefined ? [] : [next]),
    "It is tried again at the next start, or when the stick is plugged in again.",
  ]
}

/** A medium that cannot be written to has nothing beside its bundle; console and journal have it all the same. */
function leaveReport(folder: string, lines: readonly string[]): void {
  try {
    writeFileSync(join(folder, reportName), `${lines.join("\n")}\n`, { flush: true })
  } catch {}
}

/** @returns in words what could not be done. */
function wipe(file: string): string[] {
  try {
    const handle = openSync(file, "r+")
    try {
      writeSync(handle, randomBytes(statSync(file).size), 0, undefined, 0)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    rmSync(file)
    return []
  } catch (error) {
    return [`${file}: ${(error as Error).message}`]
  }
}
