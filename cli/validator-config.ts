import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { z } from "zod"
import { replicateShape } from "../evidence/settings.ts"
import { paceShape } from "../protocol/clock.ts"
import { configPath } from "../protocol/config-path.ts"
import { PersonError } from "../protocol/error.ts"

const configShape = z.strictObject({
  dataDir: z.string(),
  listen: z.strictObject({ host: z.string(), port: z.int().min(0).max(65535) }),
  rpc: z.url(),
  oracle: z.string().regex(/^0x[0-9a-f]{40}$/, "must be an address in lower case"),
  /** File with the validator's signing key: 32 bytes of hexadecimal behind 0x. */
  keyFile: z.string(),
  /** File with the age identity that opens sealed evidence. */
  identityFile: z.string(),
  /** The sites that this validator watches, and where the evidence of each is. */
  sites: z.array(z.strictObject({ site: z.int().positive(), evidence: z.string() })).min(1),
  /** A broker over which it is asked as well: for a validator that nobody can reach from outside. */
  mqtt: z
    .strictObject({
      url: z.string().regex(/^(mqtts?|wss?):\/\//, "must begin with mqtt:// or mqtts://"),
      username: z.string().exactOptional(),
      passwordFile: z.string().exactOptional(),
      caFile: z.string().exactOptional(),
    })
    .exactOptional(),
  /** Who else keeps this community's evidence, and in how many places each batch should be. */
  replicate: replicateShape.exactOptional(),
  /** Demonstrations run time at another pace. */
  pace: paceShape.exactOptional(),
})

export type ValidatorConfig = z.output<typeof configShape>

/**
 * Reads a validator's configuration; paths in it are relative to the file, or `$CREDENTIALS_DIRECTORY/…`.
 * @throws PersonError naming the file, the place in it and the reason.
 */
export function readValidatorConfig(file: string): ValidatorConfig {
  let value: unknown
  try {
    value = parse(readFileSync(file, "utf8"))
  } catch (cause) {
    throw new PersonError(`The configuration ${file} cannot be read.`, {
      context: [(cause as Error).message],
    })
  }
  const result = configShape.safeParse(value)
  if (!result.success)
    throw new PersonError(`The configuration ${file} has ${result.error.issues.length} mistake(s).`, {
      context: result.error.issues.map((issue) => `${issue.path.join(".") || "file"}: ${issue.message}`),
    })
  const at = (path: string) => configPath(file, path)
  const { dataDir, keyFile, identityFile, mqtt } = result.data
  const files = { dataDir: at(dataDir), keyFile: at(keyFile), identityFile: at(identityFile) }
  if (!mqtt) return { ...result.data, ...files }
  const { passwordFile, caFile } = mqtt
  const broker = {
    ...mqtt,
    ...(passwordFile !== undefined && { passwordFile: at(passwordFile) }),
    ...(caFile !== undefined && { caFile: at(caFile) }),
  }
  return { ...result.data, ...files, mqtt: broker }
}
