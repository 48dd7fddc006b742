import { closeSync, fsyncSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

/** A file of an archive, by where it is now or by its content. */
export type ArchiveEntry = { name: string } & ({ file: string } | { content: Uint8Array })

const blockBytes = 512
const chunkBytes = 64 * 1024
/** Eleven octal digits: 8 GiB. */
const largestFile = 8 * 1024 ** 3 - 1

/** Files as a tar archive (POSIX ustar), so that it can be opened without Commonwatt. Each is for its owner alone. */
export async function* tarOf(entries: Iterable<ArchiveEntry>): AsyncIterable<Uint8Array> {
  for (const entry of entries) {
    const size = "file" in entry ? statSync(entry.file).size : entry.content.length
    if (size > largestFile) throw new RangeError(`${entry.name} is larger than 8 GiB.`)
    yield header(entry.name, size)
    if ("content" in entry) yield entry.content
    else yield* bytesOf(entry.file, size)
    const over = size % blockBytes
    if (over > 0) yield new Uint8Array(blockBytes - over)
  }
  yield new Uint8Array(2 * blockBytes)
}

/** Unpacks into a directory. @returns the names of the files. @throws Error in words when it is no whole archive. */
export async function untar(stream: AsyncIterable<Uint8Array>, directory: string): Promise<string[]> {
  const names: string[] = []
  let held: Buffer = Buffer.alloc(0)
  let out: { handle: number; left: number; padding: number } | undefined
  let ended = false
  const finish = () => {
    if (!out) return
    fsyncSync(out.handle)
    closeSync(out.handle)
  }
  try {
    for await (const chunk of stream) {
      held = Buffer.concat([held, chunk])
      for (;;) {
        if (out && out.left > 0) {
          const part = held.subarray(0, out.left)
          for (let at = 0; at < part.length; ) at += writeSync(out.handle, part, at)
          out.left -= part.length
          held = held.subarray(part.length)
          if (out.left > 0) break
        }
        if (out) {
          if (held.length < out.padding) break
          held = held.subarray(out.padding)
          finish()
          out = undefined
        }
        if (held.length < blockBytes) break
        const head = held.subarray(0, blockBytes)
        held = held.subarray(blockBytes)
        if (ended || head.every((byte) => byte === 0)) {
          ended = true
          continue
        }
        const { name, size } = readHeader(head)
        const file = within(directory, name)
        mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
        out = {
          handle: openSync(file, "wx", 0o600),
          left: size,
          padding: (blockBytes - (size % blockBytes)) % blockBytes,
        }
        names.push(name)
      }
    }
  } finally {
    finish()
  }
  if (!ended || out) throw new Error("it ends before its end")
  return names
}

function header(name: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(blockBytes)
  if (Buffer.byteLength(name) > 100) throw new RangeError(`The name ${name} is longer than 100 bytes.`)
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`
  bytes.write(name, 0)
  bytes.write(octal(0o600, 8), 100)
  bytes.write(octal(0, 8), 108)
  bytes.write(octal(0, 8), 116)
  bytes.write(octal(size, 12), 124)
  bytes.write(octal(0, 12), 136)
  bytes.fill(" ", 148, 156)
  bytes.write("0", 156)
  bytes.write("ustar\x0000", 257, "latin1")
  bytes.write(`${sumOf(bytes).toString(8).padStart(6, "0")}\0 `, 148)
  return bytes
}

function readHeader(bytes: Buffer): { name: string; size: number } {
  const text = (from: number, to: number) => bytes.toString("utf8", from, to).replace(/\0.*$/s, "")
  const sum = Number.parseInt(text(148, 156), 8)
  const blank = Buffer.from(bytes).fill(" ", 148, 156)
  if (sum !== sumOf(blank) || text(257, 262) !== "ustar" || text(156, 157) !== "0")
    throw new Error("it is no archive of ours")
  return { name: text(0, 100), size: Number.parseInt(text(124, 136), 8) }
}

function sumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum + byte, 0)
}

/** A name in an archive leads nowhere else. */
function within(directory: string, name: string): string {
  const clean = normalize(name)
  if (name === "" || name.startsWith("/") || clean === ".." || clean.startsWith("../"))
    throw new Error(`it holds a file with the name ${name}`)
  return join(directory, clean)
}

function* bytesOf(file: string, size: number): Generator<Uint8Array> {
  const handle = openSync(file, "r")
  try {
    for (let left = size; left > 0; ) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, left))
      const read = readSync(handle, chunk, 0, chunk.length, null)
      if (read === 0) throw new Error(`${file} became shorter while it was read.`)
      left -= read
      yield chunk.subarray(0, read)
    }
  } finally {
    closeSync(handle)
  }
}
