import { createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto"
import { closeSync, fchmodSync, fsyncSync, openSync, writeSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { privateKeyToAccount } from "viem/accounts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { meterIdOf, Scheme } from "../protocol/meter.ts"
import { newIdentity } from "../protocol/seal.ts"
import { modesIn } from "../protocol/shared-folder.ts"

/** What a key is for. */
export const keyKinds = {
  account: "signs transactions and proposals: an operator's, a gateway's or a validator's",
  meter: "signs for a plain meter that a gateway polls (Ed25519)",
  auditor: "opens sealed evidence (age, X25519)",
} as const
export type KeyKind = keyof typeof keyKinds

/** The public side of a new key. */
export type PublicPart =
  | { kind: "account"; address: Hex }
  | { kind: "meter"; publicKey: Hex; meterId: Hex }
  | { kind: "auditor"; recipient: string }

/**
 * Makes a key and writes its secret to a new file that only its owner can read, and in a shared folder its group.
 * @throws PersonError when the file is there already: no key is ever written over.
 */
export async function createKey(kind: KeyKind, file: string): Promise<PublicPart> {
  const { secret, publicPart } = await generate(kind)
  let handle: number
  try {
    handle = openSync(file, "wx", 0o600)
  } catch (cause) {
    throw new PersonError(`The key cannot be written to ${file}.`, {
      context: [(cause as Error).message],
      next: "A key that is there is never written over. Choose another name.",
    })
  }
  try {
    fchmodSync(handle, modesIn(dirname(resolve(file))).secret)
    writeSync(handle, `${secret}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return publicPart
}

async function generate(kind: KeyKind): Promise<{ secret: string; publicPart: PublicPart }> {
  if (kind === "auditor") {
    const { identity, recipient } = await newIdentity()
    return { secret: identity, publicPart: { kind, recipient } }
  }
  const secret = toHex(randomBytes(32))
  if (kind === "account") {
    const address = privateKeyToAccount(secret).address.toLowerCase() as Hex
    return { secret, publicPart: { kind, address } }
  }
  const publicKey = ed25519PublicKey(secret)
  return {
    secret,
    publicPart: { kind, publicKey: toHex(publicKey), meterId: meterIdOf(Scheme.ed25519, publicKey) },
  }
}

const pkcs8Prefix = "302e020100300506032b657004220420"

function ed25519Secret(secret: Hex) {
  const der = Buffer.from(pkcs8Prefix + secret.slice(2), "hex")
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
}

export function ed25519PublicKey(secret: Hex): Uint8Array {
  const { x = "" } = createPublicKey(ed25519Secret(secret)).export({ format: "jwk" })
  return Uint8Array.from(Buffer.from(x, "base64url"))
}

/** An Ed25519 signature (RFC 8032, 5.1.6) under bytes as they are. */
export function signEd25519(secret: Hex, message: Hex): Hex {
  return toHex(sign(null, fromHex(message), ed25519Secret(secret)))
}
