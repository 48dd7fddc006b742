import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path"
import { parseDocument } from "yaml"
import { type Config, readConfig } from "../gateway/config.ts"
import { mistakesInFiles } from "../gateway/config-files.ts"
import { keyFilesOf } from "../gateway/key-files.ts"
import { PersonError } from "../protocol/error.ts"
import { modesIn } from "../protocol/shared-folder.ts"
import { type Bundle, type BundledFile, bundledConfig, type Reader, staysInside } from "./bundle.ts"
import { readerOf } from "./identity-files.ts"

/**
 * A configuration with every file that it names, and an identity.
 * @throws PersonError naming every file that is missing or lies elsewhere, and where its data would lie among them.
 */
export function gather(configFile: string, identity: string | undefined): Omit<Bundle, "passphrase"> {
  const config = readConfig(configFile)
  const mistakes = mistakesInFiles(config).filter(({ setting }) => setting !== "dataDir")
  if (mistakes.length > 0)
    throw new PersonError("Not every file that the configuration names can be bundled.", {
      context: mistakes.map(({ setting, path, says }) => `${setting}: ${path}: ${says}`),
    })
  const folder = dirname(resolve(configFile))
  const written = parseDocument(readFileSync(configFile, "utf8"))
  const dataDir: unknown = written.get("dataDir")
  if (typeof dataDir === "string" && !isAbsolute(dataDir))
    throw new PersonError(
      `dataDir: ${dataDir} would lie beside the configuration, where a gateway writes nothing.`,
      {
        next: "Of a gateway that runs from the package it is /var/lib/commonwatt.",
      },
    )
  const coefficients: unknown = written.getIn(["coefficients", "file"])
  const { tls, broker } = config.mqtt
  const forGateway = [
    config.chain.keyFile,
    ...config.meters.flatMap(({ modbus }) => keyFilesOf(modbus)),
    tls?.keyFile,
    broker?.keyFile,
    broker?.passwordFile,
    config.validatorBroker?.passwordFile,
  ]
  const forAnyone = [
    tls?.certFile,
    tls?.caFile,
    broker?.certFile,
    broker?.caFile,
    config.validatorBroker?.caFile,
    typeof coefficients === "string" ? resolve(folder, coefficients) : undefined,
    ...(config.profilesDir === undefined ? [] : filesIn(config.profilesDir)),
  ]
  const files = new Map<string, BundledFile>()
  files.set(bundledConfig, { path: bundledConfig, for: "gateway", content: readFileSync(configFile) })
  const add = (file: string, reader: Reader) => {
    const path = relative(folder, resolve(file))
    if (!staysInside(path))
      throw new PersonError(`${file} does not lie beside the configuration.`, {
        next: "On the new gateway everything lies in one folder: put it there, and name it relative to the configuration.",
      })
    if (!files.has(path)) files.set(path, { path, for: reader, content: readFileSync(file) })
  }
  if (identity !== undefined) for (const file of filesIn(identity)) add(file, readerOf(basename(file)))
  for (const file of forGateway) if (file !== undefined) add(file, "gateway")
  for (const file of forAnyone) if (file !== undefined) add(file, "anyone")
  return { config: bundledConfig, files: [...files.values()] }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
}

/**
 * Puts a bundle's files where they belong: what is there already must be the same. The configuration is the last, so
 * that who finds it finds all.
 * @param ready is given the configuration when all is checked and nothing is in its place yet.
 * @returns the files that were written.
 * @throws PersonError before anything is written, when another file is in the way or the gateway would not take it.
 */
export function unpack(
  { config, files }: Bundle,
  folder: string,
  ready: (config: Config) => void = () => {},
): string[] {
  const missing = files.filter(({ path, content }) => {
    const target = join(folder, path)
    if (!existsSync(target)) return true
    if (!statSync(target).isFile() || !readFileSync(target).equals(content))
      throw new PersonError(`There is another ${target} already.`, {
        next: "Nothing was written. Move it away, or give another --dir.",
      })
    return false
  })
  const isNew = !existsSync(folder)
  const modes = modesIn(folder)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  // In the folder itself, so that all has its group and a move is one step; what a power cut left of it goes.
  const staging = join(folder, ".unpacking")
  rmSync(staging, { recursive: true, force: true })
  let placed = false
  try {
    makeFolder(staging, modes.folder)
    for (const { path, for: reader, content } of files) {
      const file = join(staging, path)
      makeFolder(dirname(file), modes.folder)
      writeFileSync(file, content, { mode: 0o600, flush: true })
      chmodSync(file, { superuser: 0o600, gateway: modes.secret, anyone: modes.open }[reader])
    }
    ready(readConfig(join(staging, config)))
    const inOrder = [...missing].sort((a, b) => Number(a.path === config) - Number(b.path === config))
    for (const { path } of inOrder) {
      makeFolder(dirname(join(folder, path)), modes.folder)
      renameSync(join(staging, path), join(folder, path))
    }
    placed = true
    return inOrder.map(({ path }) => path)
  } finally {
    rmSync(isNew && !placed ? folder : staging, { recursive: true, force: true })
  }
}

/** With this mode whatever the umask, where it is not there yet. */
function makeFolder(folder: string, mode: number): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder), mode)
  mkdirSync(folder)
  chmodSync(folder, mode)
}
