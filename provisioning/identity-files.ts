import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { privateKeyToAccount } from "viem/accounts"
import { z } from "zod"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { meterIdOf, Scheme } from "../protocol/meter.ts"
import { identityToRecipient } from "../protocol/seal.ts"
import { newSalt, openSecret, sealSecret } from "../protocol/sealed-secret.ts"
import { modesIn } from "../protocol/shared-folder.ts"
import { boxPath, keysFrom, meterPath, publicPem, rootBytes, sitePath, tlsPath } from "./identity.ts"
import { ed25519PublicKey } from "./keys.ts"

const hex = z.string().regex(/^0x[0-9a-f]+$/) as unknown as z.ZodType<Hex>
const shape = z.strictObject({
  version: z.literal(1),
  site: z.strictObject({ file: z.string(), path: z.string(), address: hex }),
  meters: z.array(z.strictObject({ file: z.string(), path: z.string(), publicKey: hex, meterId: hex })),
  tls: z.strictObject({ file: z.string(), path: z.string(), publicKey: z.string() }),
  box: z.strictObject({ file: z.string(), path: z.string(), recipient: z.string() }),
})

/** What anyone may know of a gateway's identity: `identity.json`. */
export type PublicIdentity = z.output<typeof shape>

const rootFile = "root.key"
const publicFile = "identity.json"

/** Who needs a file of an identity. The root and the box key are for provisioning alone: no service holds them. */
export function readerOf(file: string): "anyone" | "gateway" | "superuser" {
  if (file === publicFile) return "anyone"
  return file === rootFile || file === "box.key" ? "superuser" : "gateway"
}

/** The public side of everything that a root gives for so many plain meters. */
export async function publicIdentity(root: Uint8Array, meters: number): Promise<PublicIdentity> {
  const keys = keysFrom(root)
  return {
    version: 1,
    site: {
      file: "site.key",
      path: sitePath,
      address: privateKeyToAccount(keys.site()).address.toLowerCase() as Hex,
    },
    meters: Array.from({ length: meters }, (_, i) => {
      const publicKey = ed25519PublicKey(keys.meter(i + 1))
      const path = meterPath(i + 1)
      return {
        file: `meter-${i + 1}.key`,
        path,
        publicKey: toHex(publicKey),
        meterId: meterIdOf(Scheme.ed25519, publicKey),
      }
    }),
    tls: { file: "tls.key", path: tlsPath, publicKey: publicPem(keys.tls()) },
    box: { file: "box.key", path: boxPath, recipient: await identityToRecipient(keys.box()) },
  }
}

/** @returns undefined where there is none. @throws PersonError when it is damaged. */
export function readPublicIdentity(directory: string): PublicIdentity | undefined {
  const file = join(directory, publicFile)
  if (!existsSync(file)) return undefined
  try {
    return shape.parse(JSON.parse(readFileSync(file, "utf8")))
  } catch (cause) {
    throw new PersonError(`${file} does not describe an identity.`, { cause })
  }
}

/**
 * Writes an identity's keys, each sealed, and what anyone may know of it. What is there already stays; a run that was
 * broken off is brought to its end by another.
 * @returns the files that were written.
 * @throws PersonError when there is another identity, or the passphrase does not open what is there.
 */
export async function writeIdentity(
  directory: string,
  root: Uint8Array,
  meters: number,
  passphrase: string,
): Promise<string[]> {
  const identity = await publicIdentity(root, meters)
  const known = readPublicIdentity(directory)
  if (known && known.site.address !== identity.site.address)
    throw new PersonError(`In ${directory} is another identity, of site key ${known.site.address}.`, {
      next: "Choose another folder. No identity is ever written over.",
    })
  const keys = keysFrom(root)
  const secrets: [file: string, secret: string][] = [
    [rootFile, toHex(root)],
    [identity.site.file, keys.site()],
    ...identity.meters.map(({ file }, i): [string, string] => [file, keys.meter(i + 1)]),
    [identity.tls.file, keys.tls()],
    [identity.box.file, keys.box()],
  ]
  const modes = modesIn(directory)
  if (!existsSync(directory)) {
    mkdirSync(directory, { recursive: true })
    chmodSync(directory, modes.folder)
  }
  const missing = secrets.filter(([file, secret]) => {
    const path = join(directory, file)
    if (!existsSync(path)) return true
    if (openSecret(readFileSync(path, "utf8").trim(), passphrase) !== secret)
      throw new PersonError(`${path} is not opened by this passphrase, or is another identity's.`)
    return false
  })
  const salt = saltOf(join(directory, rootFile)) ?? newSalt()
  for (const [file, secret] of missing)
    writeNew(
      join(directory, file),
      `${sealSecret(secret, passphrase, salt)}\n`,
      readerOf(file) === "gateway" ? modes.secret : 0o600,
    )
  // The last: who finds it finds all that it names.
  if (!known || known.meters.length < meters)
    writeNew(join(directory, publicFile), `${JSON.stringify(identity, null, 2)}\n`, modes.open)
  return missing.map(([file]) => file)
}

/** One for all keys of a box, so that starting it costs one derivation. */
function saltOf(file: string): Uint8Array | undefined {
  if (!existsSync(file)) return undefined
  return Buffer.from((JSON.parse(readFileSync(file, "utf8")) as { salt: string }).salt, "base64")
}

/** Whole or not at all, and on the disk. */
function writeNew(path: string, text: string, mode: number): void {
  const handle = openSync(`${path}.new`, "w", 0o600)
  try {
    fchmodSync(handle, mode)
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(`${path}.new`, path)
}

/** The root of an identity that is there. @throws PersonError */
export function openRoot(directory: string, passphrase: string): Uint8Array {
  const path = join(directory, rootFile)
  const secret = openSecret(readFileSync(path, "utf8").trim(), passphrase)
  if (secret === undefined) throw new PersonError(`${path} is not opened by this passphrase.`)
  return fromHex(secret, rootBytes)
}

export function hasIdentity(directory: string): boolean {
  return existsSync(join(directory, rootFile))
}

/** How a root's keys differ from an identity, in words; nothing where they are the same. */
export async function differences(root: Uint8Array, identity: PublicIdentity): Promise<string[]> {
  const given = await publicIdentity(root, identity.meters.length)
  const differs = (what: string, one: string, other: string) =>
    one === other ? [] : [`${what}: ${one}, not ${other}`]
  return [
    ...differs("site key", given.site.address, identity.site.address),
    ...given.meters.flatMap(({ publicKey, path }, i) =>
      differs(path, publicKey, identity.meters[i]!.publicKey),
    ),
    ...differs("TLS key", given.tls.publicKey, identity.tls.publicKey),
    ...differs("box key", given.box.recipient, identity.box.recipient),
  ]
}
