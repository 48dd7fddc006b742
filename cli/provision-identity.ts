import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { text } from "node:stream/consumers"
import { PersonError } from "../protocol/error.ts"
import {
  keepMachinePassphrase,
  machinePassphrase,
  machinePassphraseFile,
} from "../protocol/machine-passphrase.ts"
import { passphraseFile, readPassphrase } from "../protocol/sealed-secret.ts"
import { newRoot } from "../provisioning/identity.ts"
import {
  differences,
  hasIdentity,
  openRoot,
  publicIdentity,
  readPublicIdentity,
  writeIdentity,
} from "../provisioning/identity-files.ts"
import { sharePage } from "../provisioning/share-page.ts"
import { joinShares, splitRoot } from "../provisioning/shares.ts"
import { optional, required, type Values, wholeNumber } from "./command.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)
const mostMeters = 250

/** Makes a gateway's identity, or completes one that is there. */
export async function init(values: Values): Promise<number> {
  const directory = identityFolder(values)
  const there = hasIdentity(directory)
  const sharesTo = optional(values, "shares-to")
  const [threshold, count] = sharesFrom(values)
  if (sharesTo === undefined && !there)
    throw new PersonError(
      "--shares-to is missing: a folder, best on a stick, for the recovery shares to print.",
      {
        next: "Without them this identity is lost with its card.",
      },
    )
  if (sharesTo !== undefined && !relative(directory, resolve(sharesTo)).startsWith(".."))
    throw new PersonError("The recovery shares must not lie beside what they recover.", {
      next: "Give --shares-to a folder on a stick; print them, and take it away.",
    })
  const meters = metersFrom(values, readPublicIdentity(directory)?.meters.length ?? 0)
  say(
    `${there ? "the identity" : "a new identity"} in ${directory}: site key, TLS key, box key, ${meters} meter keys`,
  )
  if (sharesTo !== undefined)
    say(`${count} recovery shares in ${sharesTo}, any ${threshold} of which bring it back`)
  if (values["dry-run"]) return 0
  const passphrase = passphraseOf(values)
  const root = there ? openRoot(directory, passphrase) : newRoot()
  await write(directory, root, meters, passphrase)
  if (sharesTo !== undefined) await printShares(root, sharesTo, threshold, count)
  return 0
}

/** Brings an identity back from its shares. */
export async function restore(values: Values): Promise<number> {
  const directory = identityFolder(values)
  const known = readPublicIdentity(directory)
  const meters = metersFrom(values, known?.meters.length ?? 0)
  const root = await joinShares(await sharesGiven())
  const { site } = await publicIdentity(root, 0)
  say(`the shares give the identity of site key ${site.address}, which stands on each sheet`)
  if (values["dry-run"]) return 0
  await write(directory, root, meters, passphraseOf(values))
  return 0
}

/** Proves that the shares give the identity that is there. Opens and writes nothing. */
export async function drill(values: Values): Promise<number> {
  const directory = identityFolder(values)
  const identity = readPublicIdentity(directory)
  if (!identity) throw new PersonError(`There is no identity in ${directory}.`)
  const wrong = await differences(await joinShares(await sharesGiven()), identity)
  if (wrong.length > 0)
    throw new PersonError("The shares are good, but of another identity.", { context: wrong })
  process.stdout.write(
    `The shares give this identity: site key ${identity.site.address}, TLS key, box key, ${identity.meters.length} meter keys.\n`,
  )
  return 0
}

function identityFolder(values: Values): string {
  return resolve(required(values, "dir", "the folder of the identity"))
}

function metersFrom(values: Values, known: number): number {
  const meters = wholeNumber(values, "meters", known, 0, mostMeters)
  if (meters < known) throw new PersonError(`There are ${known} meter keys already; none is taken away.`)
  return meters
}

function sharesFrom(values: Values): [threshold: number, count: number] {
  const [, threshold, count] = /^(\d{1,2})\/(\d{1,2})$/.exec(optional(values, "shares") ?? "2/3") ?? []
  if (threshold === undefined) throw new PersonError("--shares must say how many of how many, as 2/3.")
  return [Number(threshold), Number(count)]
}

async function write(directory: string, root: Uint8Array, meters: number, passphrase: string): Promise<void> {
  const written = await writeIdentity(directory, root, meters, passphrase)
  say(written.length > 0 ? `written and sealed: ${written.join(", ")}` : "nothing was missing")
  process.stdout.write(`${JSON.stringify(readPublicIdentity(directory))}\n`)
}

async function printShares(
  root: Uint8Array,
  folder: string,
  threshold: number,
  count: number,
): Promise<void> {
  const { site } = await publicIdentity(root, 0)
  const shares = await splitRoot(root, threshold, count)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [i, words] of shares.entries()) {
    const page = sharePage(words, { number: i + 1, count, threshold, site: site.address })
    const file = join(folder, `share-${i + 1}-of-${count}.html`)
    if (existsSync(file))
      throw new PersonError(`There is a share in ${file} already.`, { next: "Give another --shares-to." })
    writeFileSync(file, page, { mode: 0o600, flush: true })
    say(`share ${i + 1}: ${file}`)
  }
  say("Print each, give them to different keepers, and destroy the files.")
}

export async function sharesGiven(): Promise<string[]> {
  if (process.stdin.isTTY) say("The shares' words, a line for each share; end with Ctrl-D:")
  return (await text(process.stdin)).split("\n").filter((line) => line.trim() !== "")
}

/**
 * The passphrase that seals the keys: from a file that is named; otherwise this machine's own, which is made on the first
 * time and never written in the clear.
 */
export function passphraseOf(values: Values): string {
  const file = optional(values, "passphrase-file") ?? passphraseFile()
  if (file !== undefined) return strong(readPassphrase(file))
  const kept = machinePassphrase()
  if (kept !== undefined) return kept
  const passphrase = randomBytes(24).toString("base64url")
  keepMachinePassphrase(passphrase)
  say(`this machine keeps the passphrase of the keys, encrypted for itself: ${machinePassphraseFile}`)
  return passphrase
}

const leastCharacters = 12

function strong(passphrase: string): string {
  if (passphrase.length < leastCharacters)
    throw new PersonError(
      `The passphrase has ${passphrase.length} characters, it must have at least ${leastCharacters}.`,
      {
        next: "A good one: openssl rand -base64 18 > passphrase.txt",
      },
    )
  return passphrase
}
