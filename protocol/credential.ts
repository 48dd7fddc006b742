import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto"
import { fromHex, type Hex } from "./hex.ts"

/** A verifiable credential (W3C VC Data Model 2.0), before it is signed. */
export interface Credential {
  "@context": unknown[]
  type: string[]
  issuer: string
  validFrom: string
  credentialSubject: Record<string, unknown>
  [more: string]: unknown
}

const textOf = (part: string) => Buffer.from(part, "base64url").toString("utf8")
const base64url = (text: string) => Buffer.from(text, "utf8").toString("base64url")

/** RFC 8410, 7: what stands before an Ed25519 secret of 32 bytes in PKCS #8. */
const pkcs8Prefix = "302e020100300506032b657004220420"

function secretKey(secret: Hex): KeyObject {
  const der = Buffer.from(pkcs8Prefix + Buffer.from(fromHex(secret, 32)).toString("hex"), "hex")
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
}

/** The did:jwk of an Ed25519 key (https://github.com/quartzjer/did-jwk): its public JWK, members sorted, in base64url. */
export function issuerOf(secret: Hex): string {
  const { x } = createPublicKey(secretKey(secret)).export({ format: "jwk" })
  return `did:jwk:${base64url(JSON.stringify({ crv: "Ed25519", kty: "OKP", x }))}`
}

/**
 * Secures a credential with JOSE (W3C VC-JOSE-COSE, 3.1): a compact JWS whose payload is the credential as it is.
 * @param secret 32 bytes of Ed25519; the credential's issuer must be its `issuerOf`.
 */
export function signCredential(credential: Credential, secret: Hex): string {
  if (credential.issuer !== issuerOf(secret)) throw new RangeError("The credential has another issuer.")
  const header = { alg: "EdDSA", cty: "vc", kid: `${credential.issuer}#0`, typ: "vc+jwt" }
  const message = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(credential))}`
  return `${message}.${sign(null, Buffer.from(message), secretKey(secret)).toString("base64url")}`
}

/** Whether a text is meant to be a secured credential. */
export function isCredential(text: string): boolean {
  const [header = "", payload = "", signature, ...more] = text.trim().split(".")
  return Boolean(header.startsWith("eyJ") && payload.startsWith("eyJ") && signature) && more.length === 0
}

/**
 * Judges a secured credential by the key that its issuer's DID is.
 * @returns the credential, and why it is not valid; no reasons when it is.
 */
export function judgeCredential(text: string): { credential: Credential | undefined; reasons: string[] } {
  const reasons: string[] = []
  const [header = "", payload = "", signature = ""] = text.trim().split(".")
  let head: Record<string, unknown>
  let credential: Credential
  try {
    head = JSON.parse(textOf(header)) as Record<string, unknown>
    credential = JSON.parse(textOf(payload)) as Credential
  } catch {
    return { credential: undefined, reasons: ["it is not a signed JSON document"] }
  }
  if (head.alg !== "EdDSA") reasons.push(`its algorithm is ${head.alg}, not EdDSA`)
  if (head.typ !== "vc+jwt") reasons.push(`its type is ${head.typ}, not vc+jwt`)
  if (head.crit !== undefined) reasons.push("it demands extensions that are not known")
  if (head.kid !== `${credential.issuer}#0`) reasons.push("its key is not its issuer's")
  const contexts = credential["@context"]
  if (!Array.isArray(contexts) || contexts[0] !== "https://www.w3.org/ns/credentials/v2")
    reasons.push("it is not a verifiable credential of version 2")
  const key = keyOf(credential.issuer)
  if (!key) reasons.push("its issuer is not the did:jwk of an Ed25519 key")
  else if (!verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url")))
    reasons.push("it is not signed by its issuer")
  return { credential, reasons }
}

function keyOf(issuer: unknown): KeyObject | undefined {
  if (typeof issuer !== "string" || !issuer.startsWith("did:jwk:")) return undefined
  try {
    const { kty, crv, x } = JSON.parse(textOf(issuer.slice("did:jwk:".length))) as Record<string, string>
    if (kty !== "OKP" || crv !== "Ed25519" || x === undefined) return undefined
    return createPublicKey({ key: { kty, crv, x }, format: "jwk" })
  } catch {
    return undefined
  }
}
