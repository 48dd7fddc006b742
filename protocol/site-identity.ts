import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { identityToRecipient } from "age-encryption"
import { fromHex, type Hex } from "./hex.ts"
import type { Identity, Recipient } from "./seal.ts"

const purpose = new TextEncoder().encode("commonwatt/site-identity/1")

/**
 * The age identity that belongs to a site's key. A gateway seals evidence to itself too, and its back-ups: so that whoever
 * holds the key, and nothing else, can bring a lost journal back.
 */
export async function siteIdentity(siteKey: Hex): Promise<{ identity: Identity; recipient: Recipient }> {
  const secret = hkdf(sha256, fromHex(siteKey, 32), undefined, purpose, 32)
  const identity = bech32("age-secret-key-", secret).toUpperCase()
  return { identity, recipient: await identityToRecipient(identity) }
}

const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** BIP-173, without its limit of length, as age writes keys (https://age-encryption.org/v1, "X25519 recipient type"). */
function bech32(prefix: string, bytes: Uint8Array): string {
  const data: number[] = []
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) data.push((held >> (bits - 5)) & 31)
    held &= (1 << bits) - 1
  }
  if (bits > 0) data.push((held << (5 - bits)) & 31)
  const codes = [...prefix].map((letter) => letter.charCodeAt(0))
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
  const sum = polymod([...expanded, ...data, 0, 0, 0, 0, 0, 0]) ^ 1
  const check = Array.from({ length: 6 }, (_, i) => (sum >> (5 * (5 - i))) & 31)
  return `${prefix}1${[...data, ...check].map((value) => letters[value]).join("")}`
}

function polymod(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    generators.forEach((generator, i) => {
      if ((top >> i) & 1) sum ^= generator
    })
  }
  return sum
}
