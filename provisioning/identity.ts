import { createECDH, createPrivateKey, createPublicKey, hkdfSync, randomBytes } from "node:crypto"
import { entropyToMnemonic, mnemonicToSeedSync } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { HDKey } from "viem/accounts"
import { toHex } from "../protocol/hex.ts"
import { bech32 } from "./bech32.ts"

/** 128 bits: twelve words of BIP-39, and as strong as the curves of the keys that are made from them. */
export const rootBytes = 16

export const newRoot = () => Uint8Array.from(randomBytes(rootBytes))

/** The twelve words that hold a root: BIP-39, English. */
export function wordsOf(root: Uint8Array): string {
  return entropyToMnemonic(root, wordlist)
}

/** What a derived key is for, and by which path. */
export const sitePath = "m/44'/60'/0'/0/0"
export const meterPath = (number: number) => `meter/${number}`
export const tlsPath = "tls"
export const boxPath = "box"

/**
 * The keys of a gateway, all from one root. The site's key goes by BIP-32 and BIP-44, so that any wallet restores it
 * from the words; the others by HKDF-SHA256 (RFC 5869) from BIP-39's seed, with the salt `commonwatt identity 1` and the
 * path as info.
 */
export function keysFrom(root: Uint8Array) {
  const seed = mnemonicToSeedSync(wordsOf(root))
  const bytes = (path: string, length: number) =>
    new Uint8Array(hkdfSync("sha256", seed, "commonwatt identity 1", path, length))
  return {
    /** secp256k1, as a key file holds it. */
    site: () => toHex(HDKey.fromMasterSeed(seed).derive(sitePath).privateKey!),
    /** Ed25519 (RFC 8032), as a key file holds it. @param number from 1 on. */
    meter: (number: number) => toHex(bytes(meterPath(number), 32)),
    /** P-256, PKCS #8 in PEM. */
    tls: () => p256Pem(bytes(tlsPath, 48)),
    /** X25519, an age identity: opens what is sent to this box. */
    box: () => bech32("age-secret-key-", bytes(boxPath, 32)).toUpperCase(),
  }
}

/** SEC 2, secp256r1. */
const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** FIPS 186-5, A.2.1: 64 bits more than the order has, so that no key is likelier than another. */
function p256Pem(random: Uint8Array): string {
  const number = (BigInt(toHex(random)) % (p256Order - 1n)) + 1n
  const ecdh = createECDH("prime256v1")
  ecdh.setPrivateKey(Buffer.from(number.toString(16).padStart(64, "0"), "hex"))
  const point = ecdh.getPublicKey()
  const part = (bytes: Buffer) => bytes.toString("base64url")
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: part(ecdh.getPrivateKey()),
    x: part(point.subarray(1, 33)),
    y: part(point.subarray(33)),
  }
  return createPrivateKey({ key: jwk, format: "jwk" }).export({ type: "pkcs8", format: "pem" }).toString()
}

/** The public side of a private key in PEM, in PEM. */
export function publicPem(pem: string): string {
  return createPublicKey(pem).export({ type: "spki", format: "pem" }).toString()
}
