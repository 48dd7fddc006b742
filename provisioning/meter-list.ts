import { parse } from "yaml"
import { z } from "zod"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, meterKey, Scheme, schemeNames } from "../protocol/meter.ts"
import type { MeterRegistration } from "./deploy.ts"

const shape = z
  .array(
    z.strictObject({
      household: z.string().regex(/^0x[0-9a-fA-F]{40}$/, "must be an address"),
      site: z.int().positive(),
      scheme: z.enum(schemeNames),
      publicKey: z.string(),
      assurance: z.enum(["meter", "gateway"]),
      ratedW: z.int().positive(),
      /** When the meter was commissioned, Unix seconds, and its generation register at that moment. */
      startTime: z.int().positive(),
      startWh: z.int().nonnegative().default(0),
    }),
  )
  .min(1)

/** Reads a list of meters to register. @throws PersonError naming the file, the meter and the reason. */
export function readMeterList(text: string, file: string): MeterRegistration[] {
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
  return result.data.map((meter, i) => {
    try {
      const key = meterKey(Scheme[meter.scheme], fromHex(meter.publicKey))
      return {
        ...meter,
        household: meter.household.toLowerCase() as Hex,
        scheme: key.scheme,
        assurance: Assurance[meter.assurance],
        startWh: BigInt(meter.startWh),
        publicKey: toHex(key.publicKey),
      }
    } catch (cause) {
      throw new PersonError(`${file} has a mistake.`, {
        context: [`${i}.publicKey: ${(cause as Error).message}`],
      })
    }
  })
}
