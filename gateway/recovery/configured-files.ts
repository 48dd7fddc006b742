import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { basename, isAbsolute, join, normalize } from "node:path"
import { isMap, isScalar, isSeq, parseDocument } from "yaml"
import { configPath } from "../../protocol/config-path.ts"

/** A configuration as it goes into a back-up, with the files that it names. */
export interface PackedConfig {
  /** The text, with paths that hold wherever it is unpacked. */
  text: string
  /** By the name in the back-up. */
  files: Map<string, string>
  /** Files that it names and that are not there. */
  absent: string[]
}

/** Where a back-up has the journal, as the configuration in it says. */
export const packedDataDir = "data"

/**
 * Settings that hold a path and whose files are not in a back-up: the journal is, as a copy; back-ups hold no back-ups;
 * a serial port is no file.
 */
export const leftOut: readonly string[] = [
  "dataDir",
  "backup.directory",
  "keepBackups.directory",
  "buses.serial.path",
]

const namesFile = /(^f|F)ile$/
const namesFiles = /(^f|F)iles$/

/**
 * Reads a configuration and finds the files that it names: each setting whose name ends in `file` or `files`, and the
 * directory of profiles. A path that leads out of the configuration's directory gets a place inside.
 */
export function packConfig(file: string): PackedConfig {
  const document = parseDocument(readFileSync(file, "utf8"))
  const files = new Map<string, string>()
  const absent: string[] = []

  function place(path: string): string {
    const clean = normalize(path)
    const isInside = !isAbsolute(clean) && !clean.startsWith("..") && !clean.startsWith("$")
    if (isInside && Buffer.byteLength(clean) <= 100) return clean
    const used = [...files].find(([, source]) => source === configPath(file, path))
    return used ? used[0] : join("files", `${files.size + 1}-${basename(path)}`.slice(0, 90))
  }

  function pack(path: string): string {
    const source = configPath(file, path)
    if (!existsSync(source)) {
      absent.push(path)
      return path
    }
    const name = place(path)
    if (statSync(source).isDirectory())
      for (const one of readdirSync(source)) files.set(join(name, one), join(source, one))
    else files.set(name, source)
    return name
  }

  function visit(node: unknown): void {
    if (isSeq(node)) for (const item of node.items) visit(item)
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ""
      if (isScalar(value) && typeof value.value === "string") {
        if (namesFile.test(name) || name === "profilesDir") value.value = pack(value.value)
      } else if (namesFiles.test(name) && isSeq(value)) {
        for (const item of value.items)
          if (isScalar(item) && typeof item.value === "string") item.value = pack(item.value)
      } else visit(value)
    }
  }

  visit(document.contents)
  document.set("dataDir", packedDataDir)
  return { text: document.toString(), files, absent }
}
