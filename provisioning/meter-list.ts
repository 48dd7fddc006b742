import { dirname, resolve } from "node:path"
import { parse } from "yaml"
import { z } from "zod"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { Assurance, meterKey, Scheme, schemeFacts, schemeNames } from "../protocol/meter.ts"
import type { Deployment } from "./deploy.ts"
import { ed25519PublicKey, signEd25519 } from "./keys.ts"
import { type MeterRegistration, registrationDigest, type Statement } from "./meters.ts"

const shape = z
  .array(
    z.strictObject({
      household: z.string().regex(/^0x[0-9a-fA-F]{40}$/, "must be an address"),
      site: z.int().positive(),
      scheme: z.enum(schemeNames),
      publicKey: z.string(),
      assurance: z.enum(["meter", "gateway"]),
      /** Where its energy comes from: 1 is solar, 2 to 15 as the community names them. */
      source: z.int().min(1).max(15).default(1),
      ratedW: z.int().positive(),
      /** When the meter was commissioned, Unix seconds, and its generation register at that moment. */
      startTime: z.int().positive(),
      startWh: z.int().nonnegative().default(0),
      /** The file with the secret of a key that the gateway keeps for the meter, beside the list. */
      keyFile: z.string().optional(),
      /** The signature by a meter's own key under its registration's digest. */
      possession: z
        .string()
        .regex(/^0x[0-9a-fA-F]{128}$/, "must be 64 bytes of hexadecimal behind 0x")
        .optional(),
    }),
  )
  .min(1)

/** A meter as it is listed: with the file of its key, a signature, or nothing that shows possession. */
export interface ListedMeter {
  statement: Statement
  keyFile: string | undefined
  possession: Hex | undefined
}

/** Reads a list of meters to register. @throws PersonError naming the file, the meter and the reason. */
export function readMeterList(text: string, file: string): ListedMeter[] {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new PersonError(`${file} is not valid YAML.`, { context: [(cause as Error).message] })
  }
  const result = shape.safeParse(value)
  if (!result.success)
    throw new PersonError(`${file} has ${result.error.issues.length} mistake(s).`, {
      context: result.error.issues.map((issue) => `${issue.path.join(".") || "file"}: ${issue.message}`),
    })
  return result.data.map(({ keyFile, possession, ...meter }, i) => {
    try {
      const key = meterKey(Scheme[meter.scheme], fromHex(meter.publicKey))
      return {
        statement: {
          ...meter,
          household: meter.household.toLowerCase() as Hex,
          scheme: key.scheme,
          assurance: Assurance[meter.assurance],
          startWh: BigInt(meter.startWh),
          publicKey: toHex(key.publicKey),
        },
        keyFile: keyFile === undefined ? undefined : resolve(dirname(file), keyFile),
        possession: possession?.toLowerCase() as Hex | undefined,
      }
    } catch (cause) {
      throw new PersonError(`${file} has a mistake.`, {
        context: [`${i}.publicKey: ${(cause as Error).message}`],
      })
    }
  })
}

/** Whether a contract can verify what the meter signs, so that its key must have signed its registration. */
export function mustShowPossession({ scheme }: Pick<Statement, "scheme">): boolean {
  return schemeFacts(scheme).format === "cose"
}

/**
 * Signs with the keys that are in files, and takes the signatures that are in the list.
 * @throws PersonError naming each meter that has neither and needs one, or whose file holds another key.
 */
export function withPossession(
  meters: readonly ListedMeter[],
  deployment: Pick<Deployment, "chainId" | "registry">,
): MeterRegistration[] {
  const mistakes: string[] = []
  const signed = meters.map(({ statement, keyFile, possession }): MeterRegistration => {
    const { publicKey, scheme } = statement
    if (!mustShowPossession(statement)) return { ...statement, possession: "0x" }
    if (possession !== undefined) return { ...statement, possession }
    if (keyFile === undefined) {
      mistakes.push(`${publicKey}: it has neither keyFile nor possession`)
      return { ...statement, possession: "0x" }
    }
    const secret = readAccountKey(keyFile, "The meter's key")
    if (scheme !== Scheme.ed25519 || toHex(ed25519PublicKey(secret)) !== publicKey)
      mistakes.push(`${publicKey}: ${keyFile} holds another key`)
    return { ...statement, possession: signEd25519(secret, registrationDigest(deployment, statement)) }
  })
  if (mistakes.length > 0)
    throw new PersonError("Not every key in the list is shown to be the meter's.", {
      context: mistakes,
      next: "For a key that the gateway keeps, name its keyFile. What a meter must sign itself: commonwatt provision possession --help",
    })
  return signed
}
