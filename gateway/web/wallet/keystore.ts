import { scryptAsync } from "@noble/hashes/scrypt.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { fromHex, type Hex, toHex } from "../../../protocol/hex.ts"

/** A key as it lies on a device: nobody opens it without the passphrase. */
export interface SealedKey {
  version: 1
  /** In the clear, so that pages show it; it is bound to the sealed key. */
  address: Hex
  /** scrypt: 2^logN, r = 8. */
  logN: number
  p: number
  salt: Hex
  /** AES-256-GCM. */
  iv: Hex
  sealed: Hex
}

/**
 * What a guess costs: one of the choices of OWASP's password storage cheat sheet (32 MB each), for it must also run on
 * a cheap phone.
 */
const usualCost = { logN: 15, p: 3 }

/** Locks the entropy of a key behind a passphrase. */
export async function sealKey(
  entropy: Uint8Array,
  address: Hex,
  passphrase: string,
  { logN, p }: { logN: number; p: number } = usualCost,
): Promise<SealedKey> {
  const salt = crypto.getRandomValues(new Uint8Array(16))
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const key = await keyOf(passphrase, { salt, logN, p })
  const sealed = await crypto.subtle.encrypt(terms(iv, address), key, Uint8Array.from(entropy))
  return {
    version: 1,
    address,
    logN,
    p,
    salt: toHex(salt),
    iv: toHex(iv),
    sealed: toHex(new Uint8Array(sealed)),
  }
}

/** @returns undefined when it is not the passphrase, or the sealed key was changed. */
export async function openKey(
  { address, logN, p, salt, iv, sealed }: SealedKey,
  passphrase: string,
): Promise<Uint8Array | undefined> {
  const key = await keyOf(passphrase, { salt: fromHex(salt, 16), logN, p })
  try {
    return new Uint8Array(
      await crypto.subtle.decrypt(terms(fromHex(iv, 12), address), key, Uint8Array.from(fromHex(sealed))),
    )
  } catch {
    return undefined
  }
}

function terms(iv: Uint8Array, address: Hex) {
  return { name: "AES-GCM", iv: Uint8Array.from(iv), additionalData: Uint8Array.from(utf8ToBytes(address)) }
}

async function keyOf(passphrase: string, { salt, logN, p }: { salt: Uint8Array; logN: number; p: number }) {
  // One passphrase has one spelling, whatever the keyboard sends.
  const bytes = utf8ToBytes(passphrase.normalize("NFKC"))
  const derived = await scryptAsync(bytes, salt, { N: 2 ** logN, r: 8, p, dkLen: 32, asyncTick: 10 })
  return crypto.subtle.importKey("raw", Uint8Array.from(derived), "AES-GCM", false, ["encrypt", "decrypt"])
}
