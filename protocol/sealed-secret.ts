import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { PersonError } from "./error.ts"
import { machinePassphrase, machinePassphraseFile } from "./machine-passphrase.ts"

/**
 * What a passphrase costs to try: 32 MB, three times over. OWASP's Password Storage Cheat Sheet has it beside 128 MB
 * once, which a box with 512 MB cannot spare.
 */
const usual = { ln: 15, r: 8, p: 3 } as const
const cipher = "aes-256-gcm"
const tagBytes = 16

const base64 = z.base64().transform((text) => Buffer.from(text, "base64"))
const shape = z.strictObject({
  format: z.literal("commonwatt sealed secret 1"),
  kdf: z.literal("scrypt"),
  // No file may make the box do more than is usual.
  ln: z.int().min(1).max(usual.ln),
  r: z.literal(usual.r),
  p: z.int().min(1).max(usual.p),
  salt: base64.refine((bytes) => bytes.length === 16),
  nonce: base64.refine((bytes) => bytes.length === 12),
  box: base64.refine((bytes) => bytes.length > tagBytes),
})

/** Many secrets of one box share a salt, so that starting it costs one derivation. */
export const newSalt = () => randomBytes(16)

/** A secret behind a passphrase: scrypt (RFC 7914), AES-256-GCM; one line of JSON. */
export function sealSecret(
  secret: string,
  passphrase: string,
  salt: Uint8Array = newSalt(),
  nonce: Uint8Array = randomBytes(12),
): string {
  const sealing = createCipheriv(cipher, derive(passphrase, salt, usual), nonce)
  sealing.setAAD(Buffer.from("commonwatt sealed secret 1"))
  const box = Buffer.concat([sealing.update(secret, "utf8"), sealing.final(), sealing.getAuthTag()])
  const encoded = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
  return JSON.stringify({
    format: "commonwatt sealed secret 1",
    kdf: "scrypt",
    ...usual,
    salt: encoded(salt),
    nonce: encoded(nonce),
    box: encoded(box),
  })
}

export function isSealed(text: string): boolean {
  return parsed(text) !== undefined
}

/** @returns undefined with another passphrase, or where a byte was changed. @throws RangeError where nothing is sealed. */
export function openSecret(text: string, passphrase: string): string | undefined {
  const sealed = parsed(text)
  if (!sealed) throw new RangeError("This is no sealed secret.")
  const { salt, nonce, box, ...cost } = sealed
  const opening = createDecipheriv(cipher, derive(passphrase, salt, cost), nonce)
  opening.setAAD(Buffer.from(sealed.format))
  opening.setAuthTag(box.subarray(-tagBytes))
  try {
    return opening.update(box.subarray(0, -tagBytes), undefined, "utf8") + opening.final("utf8")
  } catch {
    return undefined
  }
}

function parsed(text: string) {
  if (!text.startsWith("{")) return undefined
  try {
    return shape.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

const derived = new Map<string, Buffer>()

function derive(passphrase: string, salt: Uint8Array, { ln, r, p }: { ln: number; r: number; p: number }) {
  const known = JSON.stringify([passphrase, Buffer.from(salt).toString("hex"), ln, p])
  let key = derived.get(known)
  if (!key) {
    key = scryptSync(passphrase, salt, 32, { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r })
    derived.set(known, key)
  }
  return key
}

/**
 * Where this process has its passphrase from: the file that COMMONWATT_PASSPHRASE_FILE names, or systemd's credential
 * `passphrase`. Never an argument or a variable: others on the machine could see it.
 */
export function passphraseFile(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { COMMONWATT_PASSPHRASE_FILE: named, CREDENTIALS_DIRECTORY: credentials } = environment
  return named ?? (credentials && join(credentials, "passphrase"))
}

/** @throws PersonError */
export function readPassphrase(file: string): string {
  let text: string
  try {
    text = readFileSync(file, "utf8").replace(/\r?\n$/, "")
  } catch (cause) {
    throw new PersonError("The passphrase cannot be read.", {
      context: [(cause as Error).message],
      next: `A service is given this machine's, ${machinePassphraseFile}: commonwatt provision init, restore or unbundle puts it there.`,
    })
  }
  if (text === "") throw new PersonError("The passphrase is empty.", { context: [file] })
  return text
}

/**
 * A secret from its file, opened where it is sealed; without the line's end.
 * @param whose for the message, as "The site's key". What the file holds is never shown.
 * @throws PersonError
 */
export function readSecret(file: string, whose: string): string {
  let text: string
  try {
    text = readFileSync(file, "utf8").trim()
  } catch (cause) {
    throw new PersonError(`${whose} cannot be read.`, { context: [`${file}: ${(cause as Error).message}`] })
  }
  if (!isSealed(text)) return text
  const from = passphraseFile()
  const passphrase = from === undefined ? machinePassphrase() : readPassphrase(from)
  if (passphrase === undefined)
    throw new PersonError(`${whose} is sealed, and there is no passphrase to open it.`, {
      context: [file],
      next: "On the gateway that it was sealed for run this as root; elsewhere name the file that holds the passphrase: COMMONWATT_PASSPHRASE_FILE=FILE.",
    })
  const secret = openSecret(text, passphrase)
  if (secret === undefined)
    throw new PersonError(
      `${whose} cannot be opened: the passphrase is another one, or the file is damaged.`,
      {
        context: [file, `passphrase from ${from ?? machinePassphraseFile}`],
        next: "Use the passphrase that it was sealed with, or restore the identity from its shares: commonwatt provision restore --help",
      },
    )
  return secret.trim()
}
