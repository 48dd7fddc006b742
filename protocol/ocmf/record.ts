import { type Curve, curveOfAlgorithm, defaultAlgorithm } from "./curves.ts"
import { readSignature, verifyEcdsa } from "./ecdsa.ts"
import { type Json, type JsonObject, parseJson } from "./json.ts"
import type { CurveKey } from "./key.ts"
import { MalformedOcmf } from "./malformed.ts"

/** A record as it came, with everything that verifying and reading it needs. Nothing of it is ever written anew. */
export interface OcmfRecord {
  /** The whole record, verbatim. */
  readonly bytes: Uint8Array
  /** The payload section exactly as written, white space and order of names included: what the signature covers. */
  readonly message: Uint8Array
  readonly payload: JsonObject
  /** The entries of RD; at least one. */
  readonly entries: readonly JsonObject[]
  /** SA as written, or the default. */
  readonly algorithm: string
  readonly curve: Curve
  /** r ‖ s. */
  readonly signature: Uint8Array
}

/** A record that is longer is turned away unread; the longest that meters write have some thousand bytes. */
export const maxOcmfBytes = 65_536

const pipe = 0x7c

/**
 * Parses one record: `OCMF|payload|signature` (OCMF 1.2, "Sections"). There must be exactly three sections: the
 * specification forbids the pipe inside them, and a parser that guesses which pipe divides could be led to read
 * another payload than the one signed.
 * @throws MalformedOcmf
 */
export function parseOcmf(bytes: Uint8Array): OcmfRecord {
  if (bytes.length > maxOcmfBytes)
    throw new MalformedOcmf(`A record has at most ${maxOcmfBytes} bytes, this has ${bytes.length}.`)
  const first = bytes.indexOf(pipe)
  const second = bytes.indexOf(pipe, first + 1)
  if (first < 0 || decodeText(bytes.subarray(0, first)) !== "OCMF")
    throw new MalformedOcmf("The record does not begin with OCMF and a pipe.")
  if (second < 0) throw new MalformedOcmf("The record has no signature section.")
  if (bytes.indexOf(pipe, second + 1) >= 0)
    throw new MalformedOcmf("The record has more than three sections: a pipe may not stand inside one.")
  const message = bytes.slice(first + 1, second)
  const payload = asObject(parseJson(decodeText(message), "The payload"), "The payload")
  const section = asObject(
    parseJson(decodeText(bytes.subarray(second + 1)), "The signature section"),
    "The signature section",
  )
  const { algorithm, curve, signature } = readSignatureSection(section)
  return {
    bytes: bytes.slice(),
    message,
    payload,
    entries: readEntries(payload),
    algorithm,
    curve,
    signature,
  }
}

/** Whether this key signed the payload's bytes as they stand. */
export function verifyOcmf(record: OcmfRecord, key: CurveKey): boolean {
  return key.curve === record.curve && verifyEcdsa(key, record.message, record.signature)
}

/** OCMF 1.2, table 8. Names that it does not know are passed over: it lets others add unsigned ones. */
function readSignatureSection(section: JsonObject): {
  algorithm: string
  curve: Curve
  signature: Uint8Array
} {
  const text = (name: string): string | undefined => {
    const value = section.get(name)
    if (value !== undefined && typeof value !== "string")
      throw new MalformedOcmf(`${name} in the signature section is not a string.`)
    return value
  }
  const algorithm = text("SA") ?? defaultAlgorithm
  const curve = curveOfAlgorithm(algorithm)
  if (!curve) throw new MalformedOcmf(`The signature algorithm "${algorithm}" is not one of OCMF's.`)
  const type = text("SM")
  if (type !== undefined && type !== "application/x-der")
    throw new MalformedOcmf(`The signature type "${type}" is not application/x-der.`)
  const data = text("SD")
  if (data === undefined) throw new MalformedOcmf("The signature section has no signature (SD).")
  const bytes = decodeSignature(data, text("SE") ?? "hex")
  return { algorithm, curve, signature: readSignature(bytes, curve, type === undefined) }
}

function decodeSignature(data: string, writtenEncoding: string): Uint8Array {
  const encoding = writtenEncoding.toLowerCase()
  if (encoding === "hex") {
    if (!/^([0-9a-fA-F]{2})+$/.test(data)) throw new MalformedOcmf("The signature (SD) is not hexadecimal.")
    return Uint8Array.from(Buffer.from(data, "hex"))
  }
  if (encoding === "base64") {
    const bytes = Buffer.from(data, "base64")
    // Node's decoder passes over what is not base64; written back it must be the same (RFC 4648, 3.5).
    if (bytes.length === 0 || bytes.toString("base64") !== data.padEnd(4 * Math.ceil(data.length / 4), "="))
      throw new MalformedOcmf("The signature (SD) is not canonical base64.")
    return Uint8Array.from(bytes)
  }
  throw new MalformedOcmf(`The signature encoding "${encoding}" is neither hex nor base64.`)
}

function readEntries(payload: JsonObject): JsonObject[] {
  const list = payload.get("RD")
  if (!Array.isArray(list) || list.length === 0) throw new MalformedOcmf("The payload has no readings (RD).")
  return list.map((entry) => asObject(entry, "A reading in RD"))
}

function asObject(value: Json, what: string): JsonObject {
  if (!(value instanceof Map)) throw new MalformedOcmf(`${what} is not a JSON object.`)
  return value
}

/** JSON is UTF-8 without a byte order mark (RFC 8259, 8.1). */
function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MalformedOcmf("The record is not valid UTF-8.", { cause })
  }
}
