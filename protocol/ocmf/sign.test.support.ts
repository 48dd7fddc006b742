import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { fromHex } from "../hex.ts"
import { type CurveName, curves } from "./curves.ts"
import { type CurveKey, keyOnCurve, parseKey } from "./key.ts"

/** OpenSSL's names, where they are others. */
const opensslNames: Partial<Record<CurveName, string>> = { secp192r1: "prime192v1", secp256r1: "prime256v1" }

export const curveNames = Object.keys(curves) as CurveName[]

export interface Signer {
  readonly key: CurveKey
  /** SubjectPublicKeyInfo in hexadecimal. */
  readonly spki: string
  readonly privateKey: KeyObject
  /** A signature in DER. */
  der(message: Uint8Array): Uint8Array
  /** A signature as r ‖ s. */
  raw(message: Uint8Array): Uint8Array
}

/** A new meter on the curve. */
export function newSigner(name: CurveName): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: opensslNames[name] ?? name })
  return signerOf(name, publicKey.export({ format: "der", type: "spki" }), privateKey)
}

/** A P-256 meter that is the same in every run; its key is a digest of words that anyone can compute. */
export function fixedSigner(words: string): Signer {
  const d = createHash("sha256").update(words).digest()
  // ECPrivateKey without its public part (RFC 5915, 3) in PKCS #8; OpenSSL computes the point.
  const pkcs8 = Buffer.concat([
    fromHex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"),
    d,
  ])
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })
  const { x, y } = privateKey.export({ format: "jwk" })
  const spki = Buffer.concat([
    curves.secp256r1.spkiPrefix,
    Buffer.from(x!, "base64url"),
    Buffer.from(y!, "base64url"),
  ])
  return signerOf("secp256r1", spki, privateKey)
}

function signerOf(name: CurveName, der: Buffer, privateKey: KeyObject): Signer {
  const spki = der.toString("hex")
  return {
    key: keyOnCurve(parseKey(spki), curves[name]),
    spki,
    privateKey,
    der: (message) => Uint8Array.from(sign("sha256", message, privateKey)),
    raw: (message) =>
      Uint8Array.from(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })),
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex")
}

/** One good entry of RD, with what a test wants otherwise. */
export function entry(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    TM: "2026-06-01T12:00:00,000+0200 S",
    TX: "E",
    RV: 1234.56,
    RI: "1-0:1.8.0",
    RU: "kWh",
    RT: "AC",
    EF: "",
    ST: "G",
    ...over,
  }
}

/** A good payload, with what a test wants otherwise. */
export function payload(entries: unknown[] = [entry()], over: Record<string, unknown> = {}): string {
  return JSON.stringify({ FV: "1.0", GS: "G1", PG: "T7", MS: "M1", ...over, RD: entries })
}

/** A record whose signature section the test writes. */
export function record(payloadText: string, section: string | Record<string, unknown>): Uint8Array {
  return utf8(`OCMF|${payloadText}|${typeof section === "string" ? section : JSON.stringify(section)}`)
}

/** A good record by the signer. */
export function signed(signer: Signer, payloadText = payload()): Uint8Array {
  const SD = hex(signer.der(utf8(payloadText)))
  return record(payloadText, { SA: `ECDSA-${signer.key.curve.name}-SHA256`, SD })
}

/** A file of the real meters' records; they are not part of the repository. */
export function sharedVectors(name: string): { file: string } | { missing: string } {
  const file = resolve(process.env.COMMONWATT_SHARED ?? "../shared", "vectors", name)
  return existsSync(file)
    ? { file }
    : { missing: `vectors/${name} is not there; COMMONWATT_SHARED names its folder` }
}

export function readShared<Content>(name: string): Content | undefined {
  const found = sharedVectors(name)
  return "file" in found ? (JSON.parse(readFileSync(found.file, "utf8")) as Content) : undefined
}

/** For tap: why the test is skipped, or false. */
export function skipWithout(name: string): string | false {
  const found = sharedVectors(name)
  return "missing" in found ? found.missing : false
}
