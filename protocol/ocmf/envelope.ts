import { MalformedOcmf } from "./malformed.ts"

/** One record of an envelope, or why there is none, and the key that stands beside it. */
export interface EnvelopeEntry {
  readonly record: Uint8Array | MalformedOcmf
  /** As written. Nobody signed it: it says whose record this is meant to be, and proves nothing. */
  readonly publicKey: string | undefined
}

const comment = /<!--[\s\S]*?-->/g
const entryForm = /<value(?:\s[^>]*)?>([\s\S]*?)<\/value\s*>/g
const dataForm = /<(signedData|encodedData)((?:\s[^>]*)?)>([\s\S]*?)<\/\1\s*>/
const keyForm = /<publicKey(?:\s[^>]*)?>([\s\S]*?)<\/publicKey\s*>/
const cdata = /<!\[CDATA\[([\s\S]*?)\]\]>/g
const reference = /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));/g
const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }

/**
 * Reads the XML in which the transparency software of SAFE e.V. keeps signed records: `values`, of `value`s with
 * `signedData` and mostly `publicKey` (transparenzsoftware, XML_Format.md). White space around a record is not its
 * own. What the elements and their attributes say beside that is signed by nobody, and passed over.
 */
export function readEnvelope(bytes: Uint8Array): EnvelopeEntry[] {
  const text = decode(bytes).replace(comment, "")
  return [...text.matchAll(entryForm)].map(([, contents]) => {
    const key = keyForm.exec(contents!)?.[1]
    return { record: recordOf(contents!), publicKey: key === undefined ? undefined : plain(key).trim() }
  })
}

function recordOf(contents: string): EnvelopeEntry["record"] {
  const data = dataForm.exec(contents)
  if (!data) return new MalformedOcmf("A value of the file has no signed data.")
  const format = attribute(data[2]!, "format")
  if (format !== undefined && format.toUpperCase() !== "OCMF")
    return new MalformedOcmf(`The file says that this record is ${format.slice(0, 40)}, which is not read.`)
  const written = plain(data[3]!).trim()
  const encoding = attribute(data[2]!, "encoding")?.toLowerCase() ?? "plain"
  const digits = written.replace(/\s/g, "")
  if (encoding === "plain" || encoding === "") return Uint8Array.from(Buffer.from(written, "utf8"))
  if (encoding === "hex" && /^([0-9a-fA-F]{2})+$/.test(digits))
    return Uint8Array.from(Buffer.from(digits, "hex"))
  if (encoding === "base64") return Uint8Array.from(Buffer.from(digits, "base64"))
  return new MalformedOcmf(`The record cannot be read as ${encoding.slice(0, 40)}.`)
}

function attribute(attributes: string, name: string): string | undefined {
  const parts = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes)
  return parts ? (parts[1] ?? parts[2]) : undefined
}

/** What an element's text stands for: references resolved, and CDATA sections as they are (XML 1.0, 4.6 and 2.7). */
function plain(text: string): string {
  let out = ""
  let end = 0
  for (const section of text.matchAll(cdata)) {
    out += resolve(text.slice(end, section.index)) + section[1]
    end = section.index + section[0].length
  }
  return out + resolve(text.slice(end))
}

function resolve(text: string): string {
  return text.replace(reference, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name) return entities[name]!
    const point = hex ? Number.parseInt(hex, 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

/** XML is UTF-8 unless it says otherwise; of the others only Latin-1 is in use. */
function decode(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 200)).toString("latin1")
  const latin = /^\s*<\?xml[^>]*encoding\s*=\s*["']ISO-8859-1["']/i.test(head)
  return latin ? Buffer.from(bytes).toString("latin1") : new TextDecoder().decode(bytes)
}
