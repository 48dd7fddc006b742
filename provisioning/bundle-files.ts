import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { basename, dirname, join, relative, resolve } from "node:path"
import { parseDocument } from "yaml"
import { readConfig } from "../gateway/config.ts"
import { mistakesInFiles } from "../gateway/config-files.ts"
import { keyFilesOf } from "../gateway/key-files.ts"
import { PersonError } from "../protocol/error.ts"
import { type Bundle, type BundledFile, staysInside } from "./bundle.ts"

/**
 * A configuration with every file that it names, and an identity.
 * @throws PersonError naming every file that is missing or lies elsewhere.
 */
export function gather(configFile: string, identity: string | undefined): Omit<Bundle, "passphrase"> {
  const config = readConfig(configFile)
  const mistakes = mistakesInFiles(config).filter(({ setting }) => setting !== "dataDir")
  if (mistakes.length > 0)
    throw new PersonError("Not every file that the configuration names can be bundled.", {
      context: mistakes.map(({ setting, path, says }) => `${setting}: ${path}: ${says}`),
    })
  const folder = dirname(resolve(configFile))
  const coefficients: unknown = parseDocument(readFileSync(configFile, "utf8")).getIn([
    "coefficients",
    "file",
  ])
  const { tls, broker } = config.mqtt
  const secret = [
    config.chain.keyFile,
    ...config.meters.flatMap(({ modbus }) => keyFilesOf(modbus)),
    tls?.keyFile,
    broker?.keyFile,
    broker?.passwordFile,
    config.validatorBroker?.passwordFile,
    ...(identity === undefined
      ? []
      : filesIn(identity).filter((file) => basename(file) !== "passphrase.cred")),
  ]
  const open = [
    configFile,
    tls?.certFile,
    tls?.caFile,
    broker?.certFile,
    broker?.caFile,
    config.validatorBroker?.caFile,
    typeof coefficients === "string" ? resolve(folder, coefficients) : undefined,
    ...(config.profilesDir === undefined ? [] : filesIn(config.profilesDir)),
  ]
  const files = new Map<string, BundledFile>()
  for (const [list, isSecret] of [
    [secret, true],
    [open, false],
  ] as const)
    for (const file of list) {
      if (file === undefined) continue
      const path = relative(folder, resolve(file))
      if (!staysInside(path))
        throw new PersonError(`${file} does not lie beside the configuration.`, {
          next: "On the new gateway everything lies in one folder: put it there, and name it relative to the configuration.",
        })
      if (!files.has(path)) files.set(path, { path, secret: isSecret, content: readFileSync(file) })
    }
  return { config: basename(configFile), files: [...files.values()] }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
}

/**
 * Puts a bundle's files where they belong: what is there already must be the same. The configuration is the last, so
 * that who finds it finds all.
 * @returns the files that were written.
 * @throws PersonError before anything is written, when another file is in the way or the gateway would not take it.
 */
export function unpack({ config, files }: Bundle, folder: string): string[] {
  const missing = files.filter(({ path, content }) => {
    const target = join(folder, path)
    if (!existsSync(target)) return true
    if (!statSync(target).isFile() || !readFileSync(target).equals(content))
      throw new PersonError(`There is another ${target} already.`, {
        next: "Nothing was written. Move it away, or give another --dir.",
      })
    return false
  })
  mkdirSync(dirname(folder), { recursive: true })
  const staging = mkdtempSync(`${folder}.new-`)
  try {
    for (const { path, secret, content } of files) {
      const file = join(staging, path)
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      writeFileSync(file, content, { mode: 0o600, flush: true })
      if (!secret) chmodSync(file, 0o644)
    }
    readConfig(join(staging, config))
    const inOrder = [...missing].sort((a, b) => Number(a.path === config) - Number(b.path === config))
    for (const { path } of inOrder) {
      mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o755 })
      renameSync(join(staging, path), join(folder, path))
    }
    return inOrder.map(({ path }) => path)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}
