import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto"
import { decode, decodeFirst } from "cborg"
import { PersonError } from "../../../protocol/error.ts"
import type { Hex } from "../../../protocol/hex.ts"

/** A passkey (WebAuthn credential) of a household. */
export interface Passkey {
  /** The credential's id, base64url. */
  id: string
  household: Hex
  /** The name of the site that it is bound to. */
  rp: string
  key: JsonWebKey & { alg: string }
  counter: number
  device: string
  created: number
}

/** What a ceremony must have been about. */
export interface Expected {
  /** base64url. */
  challenge: string
  origin: string
}

/** Algorithms that are offered, best first: Ed25519, ES256, RS256 (COSE). */
export const algorithms = [-8, -7, -257] as const

const refused = (why: string) => new PersonError("This passkey was not taken.", { context: [why] })

/** The name that a passkey is bound to: the host of the page. Browsers take no addresses of numbers. */
export function rpOf(origin: string): string {
  return new URL(origin).hostname
}

/**
 * Checks a new credential by the rules of Web Authentication Level 3, 7.1. No attestation is asked for: whoever is
 * logged in may use any device.
 * @throws PersonError
 */
export function checkRegistration(
  { clientDataJSON, attestationObject }: { clientDataJSON: string; attestationObject: string },
  expected: Expected,
): Pick<Passkey, "id" | "rp" | "key" | "counter"> {
  checkClientData(clientDataJSON, "webauthn.create", expected)
  const authData = mapFrom(attestationObject).get("authData")
  if (!(authData instanceof Uint8Array)) throw refused("There is no authenticator data.")
  const { counter, attested } = checkAuthData(authData, rpOf(expected.origin))
  if (!attested || attested.length < 18) throw refused("There is no credential in it.")
  // AAGUID of 16 bytes, the length of the id, the id, the key.
  const length = (attested[16]! << 8) | attested[17]!
  const id = attested.subarray(18, 18 + length)
  if (length === 0 || length > 1023 || id.length !== length) throw refused("The credential's id is cut off.")
  return {
    id: Buffer.from(id).toString("base64url"),
    rp: rpOf(expected.origin),
    key: keyFrom(attested.subarray(18 + length)),
    counter,
  }
}

/**
 * Checks a log-in by Web Authentication Level 3, 7.2.
 * @returns the authenticator's counter, to be kept.
 * @throws PersonError
 */
export function checkAssertion(
  answer: { clientDataJSON: string; authenticatorData: string; signature: string },
  passkey: Passkey,
  expected: Expected,
): number {
  checkClientData(answer.clientDataJSON, "webauthn.get", expected)
  if (passkey.rp !== rpOf(expected.origin)) throw refused("It belongs to another site.")
  const authData = Buffer.from(answer.authenticatorData, "base64url")
  const { counter } = checkAuthData(authData, passkey.rp)
  const signed = Buffer.concat([authData, sha256(Buffer.from(answer.clientDataJSON, "base64url"))])
  const key = createPublicKey({ key: passkey.key, format: "jwk" })
  const digest = passkey.key.alg === "EdDSA" ? null : "sha256"
  if (!verify(digest, signed, key, Buffer.from(answer.signature, "base64url")))
    throw refused("The signature is wrong.")
  // Authenticators that do not count say 0 for ever.
  if ((counter !== 0 || passkey.counter !== 0) && counter <= passkey.counter)
    throw refused("Its counter went backwards: there may be a copy of it.")
  return counter
}

function checkClientData(encoded: string, type: string, { challenge, origin }: Expected): void {
  let data: Record<string, unknown>
  try {
    data = JSON.parse(Buffer.from(encoded, "base64url").toString("utf8"))
  } catch {
    throw refused("Its client data is not JSON.")
  }
  if (data.type !== type) throw refused("It answers another question.")
  if (data.challenge !== challenge) throw refused("It answers another challenge.")
  if (data.origin !== origin) throw refused(`It was made for ${String(data.origin).slice(0, 100)}.`)
  if (data.crossOrigin === true) throw refused("It was made inside another site's page.")
}

const present = 0x01
const verified = 0x04
const hasCredential = 0x40

function checkAuthData(bytes: Uint8Array, rp: string): { counter: number; attested: Uint8Array | undefined } {
  if (bytes.length < 37) throw refused("Its authenticator data is cut off.")
  if (!sha256(Buffer.from(rp)).equals(Buffer.from(bytes.subarray(0, 32))))
    throw refused("It belongs to another site.")
  const flags = bytes[32]!
  if (!(flags & present) || !(flags & verified)) throw refused("The device did not check who uses it.")
  const counter = new DataView(bytes.buffer, bytes.byteOffset).getUint32(33)
  return { counter, attested: flags & hasCredential ? bytes.subarray(37) : undefined }
}

function mapFrom(encoded: string): Map<unknown, unknown> {
  try {
    const value: unknown = decode(Buffer.from(encoded, "base64url"), { useMaps: true })
    if (value instanceof Map) return value
  } catch {}
  throw refused("It is not CBOR.")
}

/** A COSE key (RFC 9053) as JWK: what node:crypto takes. What follows it is extensions. */
function keyFrom(bytes: Uint8Array): Passkey["key"] {
  let cose: unknown
  try {
    ;[cose] = decodeFirst(bytes, { useMaps: true })
  } catch {}
  if (!(cose instanceof Map)) throw refused("Its key is not CBOR.")
  const map = cose
  const text = (label: number) => {
    const value: unknown = map.get(label)
    if (!(value instanceof Uint8Array)) throw refused("Its key lacks a part.")
    return Buffer.from(value).toString("base64url")
  }
  const [type, algorithm, curve] = [map.get(1), map.get(3), map.get(-1)]
  let key: Passkey["key"] | undefined
  if (type === 2 && algorithm === -7 && curve === 1)
    key = { kty: "EC", crv: "P-256", x: text(-2), y: text(-3), alg: "ES256" }
  if (type === 1 && algorithm === -8 && curve === 6)
    key = { kty: "OKP", crv: "Ed25519", x: text(-2), alg: "EdDSA" }
  if (type === 3 && algorithm === -257) key = { kty: "RSA", n: text(-1), e: text(-2), alg: "RS256" }
  if (!key) throw refused("Its key is of a kind that was not asked for.")
  try {
    createPublicKey({ key, format: "jwk" })
  } catch {
    throw refused("Its key is no point of its curve.")
  }
  return key
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest()
}
