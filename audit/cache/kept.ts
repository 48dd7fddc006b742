import { createHash } from "node:crypto"
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs"
import { CID } from "../../protocol/block.ts"
import { fromHex, toHex } from "../../protocol/hex.ts"

/**
 * Values as text and back, in one form each: JSON, with an object {"$": type, of: …} for what JSON has no form for.
 * An undefined property is left out.
 */
export function write(value: unknown): string {
  return JSON.stringify(plain(value))
}

export function read(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => rich(value))
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return { $: "int", of: value.toString() }
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return { $: "bytes", of: toHex(value) }
  if (value instanceof Map) return { $: "map", of: [...value].map(plain) }
  if (value instanceof Set) return { $: "set", of: [...value].map(plain) }
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : plain(item)))
  const cid = CID.asCID(value)
  if (cid) return { $: "cid", of: cid.toString() }
  if (Object.hasOwn(value, "$")) throw new Error("A value with a property $ cannot be kept.")
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

function rich(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "$")) return value
  const { $: type, of } = value as { $: string; of: never }
  if (type === "int") return BigInt(of)
  if (type === "bytes") return fromHex(of)
  if (type === "map") return new Map(of)
  if (type === "set") return new Set(of)
  if (type === "cid") return CID.parse(of)
  throw new Error(`There is no type ${type}.`)
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

/** Puts a value into a file with its hash before it, whole or not at all. */
export function keep(file: string, value: unknown): void {
  const text = write(value)
  putFile(file, `${sha256(text)}\n${text}\n`)
}

/** Writes a file whole or not at all, also when the power goes. */
export function putFile(file: string, content: string | Uint8Array): void {
  const torn = `${file}.part`
  const handle = openSync(torn, "w", 0o600)
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(torn, file)
}

/** What a file keeps; undefined where there is none. One that does not hash to what it says is removed and is none. */
export function kept(file: string): unknown {
  let content: string
  try {
    content = readFileSync(file, "utf8")
  } catch {
    return undefined
  }
  try {
    const end = content.indexOf("\n")
    const text = content.slice(end + 1, -1)
    if (end === 64 && content.endsWith("\n") && sha256(text) === content.slice(0, end)) return read(text)
  } catch {
    // Not readable: as if it were not there.
  }
  rmSync(file, { force: true })
  return undefined
}
