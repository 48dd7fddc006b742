import { readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { isSealed } from "../protocol/sealed-secret.ts"
import { isShared } from "../protocol/shared-folder.ts"
import type { Config } from "./config.ts"
import { keyFilesOf } from "./key-files.ts"

/** A file or folder that a configuration names, and what is wrong with it. */
export interface FileMistake {
  setting: string
  path: string
  says: string
}

/** A file that a configuration names. */
export interface NamedFile {
  setting: string
  path: string
  secret: boolean
}

/** Every file that a configuration names and that must be there when the gateway starts. */
export function filesNamedBy(config: Config): NamedFile[] {
  const { chain, mqtt, web, relay, validatorBroker } = config
  const of = (group: string, part: object | undefined): NamedFile[] =>
    Object.entries(part ?? {}).flatMap(([name, path]) =>
      name.endsWith("File") && typeof path === "string"
        ? [{ setting: `${group}.${name}`, path, secret: name === "keyFile" || name === "passwordFile" }]
        : [],
    )
  return [
    ...of("chain", chain),
    ...config.meters.flatMap(({ name, modbus }, i) =>
      keyFilesOf(modbus).map((path, n) => {
        const setting = n === 0 ? "keyFile" : `laterKeyFiles.${n - 1}`
        return { setting: `meters.${i} (${name}) modbus.${setting}`, path, secret: true }
      }),
    ),
    ...of("mqtt.tls", mqtt.tls),
    ...of("mqtt.broker", mqtt.broker),
    ...of("web.tls", web.tls),
    ...of("relay", relay),
    ...of("validatorBroker", validatorBroker),
  ]
}

/** Looks at every file that a configuration names. What is in a key file is never shown. */
export function mistakesInFiles(config: Config): FileMistake[] {
  const look = (setting: string, path: string, mistakeOf: (path: string) => string | undefined) => {
    const says = mistakeOf(path)
    return says === undefined ? [] : [{ setting, path, says }]
  }
  return [
    ...filesNamedBy(config).flatMap(({ setting, path, secret }) =>
      look(setting, path, secret ? secretMistake : fileMistake),
    ),
    ...look("dataDir", config.dataDir, folderMistake),
  ]
}

function fileMistake(path: string): string | undefined {
  try {
    return readFileSync(path).length === 0 ? "it is empty" : undefined
  } catch (error) {
    return inWords(error)
  }
}

/** A plain secret must be its owner's alone, or its group's in a folder made for that; what is sealed may lie open. */
function secretMistake(path: string): string | undefined {
  try {
    const text = readFileSync(path, "utf8").trim()
    if (text === "") return "it is empty"
    if (isSealed(text)) return undefined
    const mode = statSync(path).mode & 0o777
    return mode & (isShared(dirname(path)) ? 0o037 : 0o077)
      ? `others on this machine can read it (mode ${mode.toString(8)}): chmod 600`
      : undefined
  } catch (error) {
    return inWords(error)
  }
}

/** The gateway makes its data directory itself, if it may. */
function folderMistake(path: string): string | undefined {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there) return there.isDirectory() ? undefined : "it is not a folder"
  return statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()
    ? undefined
    : "neither it nor the folder that it should be in is there"
}

function inWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === "ENOENT") return "it is not there"
  if (code === "EACCES") return "this user may not read it"
  if (code === "EISDIR") return "it is a folder"
  return message
}
