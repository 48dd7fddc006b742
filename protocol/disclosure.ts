import { z } from "zod"
import { type BlockSource, BrokenBlock, blocksInMemory, CID, fetchBlock } from "./block.ts"
import { commitmentBy, proveRecord } from "./commitment.ts"
import { type Evidence, readEvidence, readRoot } from "./evidence.ts"
import { fromHex, type Hex, toHex } from "./hex.ts"
import type { HouseholdRecord } from "./household-record.ts"
import type { Identity } from "./seal.ts"

/**
 * Some interval records of one household, shown to somebody: with each its salt and the way to what the batch's root
 * block commits to. It proves these records and shows no other.
 */
export interface Disclosure {
  format: typeof format
  household: Hex
  batches: {
    /** The batch's root block: its address, and its bytes in base64. */
    evidence: string
    rootBlock: string
    records: {
      start: number
      /** Decimal Wh; null for a gap. */
      energy: Record<EnergyName, string> | null
      salt: Hex
      proof: Hex[]
    }[]
  }[]
}

const format = "commonwatt/disclosure/1"
const energyNames = ["generatedWh", "importedWh", "exportedWh", "givenWh", "receivedWh"] as const
type EnergyName = (typeof energyNames)[number]

/** A disclosure that does not hold, and why. */
export class FalseDisclosure extends Error {
  override name = "FalseDisclosure"
}

/**
 * Shows a household's records with from <= start < to out of one batch.
 * @param identities one that opens the household's part.
 * @throws FalseDisclosure when there is nothing that could be shown. @throws BrokenBlock
 */
export async function discloseFrom(
  cid: CID,
  source: BlockSource,
  identities: readonly Identity[],
  household: Hex,
  from: number,
  to: number,
): Promise<Disclosure["batches"][number]> {
  const opened = await readEvidence(cid, source, identities)
  const commitment = opened.commitments.find((each) => each.household === household)
  const part = opened.households.find((each) => each.household === household)
  if (!commitment && opened.rules.version === 1)
    throw new FalseDisclosure(`the evidence of batch ${opened.number} is of form 1, which commits to nothing`)
  if (!commitment?.seed || !part)
    throw new FalseDisclosure(
      opened.erased.includes(household)
        ? `the part of ${household} in batch ${opened.number} is not to be had`
        : `the key does not open a part of ${household} in batch ${opened.number}`,
    )
  const { seed } = commitment
  return {
    evidence: cid.toString(),
    rootBlock: Buffer.from(await fetchBlock(source, cid)).toString("base64"),
    records: part.records
      .filter(({ start }) => start >= from && start < to)
      .map(({ start, energy }) => ({
        start,
        energy: energy
          ? (Object.fromEntries(energyNames.map((name) => [name, energy[name].toString()])) as Record<
              EnergyName,
              string
            >)
          : null,
        ...proveRecord(household, part.records, seed, start),
      })),
  }
}

export const disclosed = (household: Hex, batches: Disclosure["batches"]): Disclosure => ({
  format,
  household,
  batches,
})

/** What a disclosure proves: records, and the batch that commits to them. Whether that batch stands the chain says. */
export interface Disclosed {
  household: Hex
  batches: ({ evidence: CID; records: HouseholdRecord[] } & Pick<
    Evidence,
    "chainId" | "oracle" | "site" | "number" | "time"
  >)[]
}

/** Checks each record against its batch's root block. @throws FalseDisclosure naming what does not hold. */
export async function checkDisclosure(text: string): Promise<Disclosed> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new FalseDisclosure("it is not JSON")
  }
  const parsed = shape.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new FalseDisclosure(
      `it is not in the format: ${issue?.path.join(".") || "file"}: ${issue?.message}`,
    )
  }
  const { household, batches } = parsed.data
  const checked: Disclosed["batches"] = []
  for (const { evidence, rootBlock, records } of batches) {
    const cid = cidFrom(evidence)
    const head = await headOf(cid, Buffer.from(rootBlock, "base64"))
    const parts: readonly { household: Uint8Array; commitment?: Uint8Array }[] = head.sealed
    const commitment = parts.find((each) => toHex(each.household) === household)?.commitment
    if (!commitment) throw new FalseDisclosure(`batch ${head.number} commits to no records of ${household}`)
    const proven = records.map(({ start, energy, salt, proof }): HouseholdRecord => {
      const record = { start, energy: energy ?? undefined }
      const led = commitmentBy(
        household,
        record,
        fromHex(salt, 32),
        proof.map((node) => fromHex(node, 32)),
      )
      if (led !== toHex(commitment))
        throw new FalseDisclosure(
          `the record of ${iso(start)} is not what batch ${head.number} commits to for ${household}`,
        )
      return record
    })
    const { chain: chainId, site, number, time } = head
    checked.push({ evidence: cid, chainId, oracle: toHex(head.oracle), site, number, time, records: proven })
  }
  return { household, batches: checked }
}

async function headOf(cid: CID, bytes: Uint8Array) {
  try {
    return await readRoot(cid, blocksInMemory([{ cid, bytes }]))
  } catch (error) {
    if (error instanceof BrokenBlock) throw new FalseDisclosure(error.message)
    throw error
  }
}

function cidFrom(text: string): CID {
  try {
    return CID.parse(text)
  } catch {
    throw new FalseDisclosure(`"${text.slice(0, 80)}" is not the address of a batch's evidence`)
  }
}

const iso = (time: number) => new Date(time * 1000).toISOString().replace(".000", "")

/** Time in seconds that a date can hold. */
const second = z.int().min(0).max(8_640_000_000_000)
const hex = (bytes: number) =>
  z
    .string()
    .regex(
      new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`),
      `must be 0x and ${bytes} bytes of lower-case hexadecimal`,
    )
    .transform((text) => text as Hex)
const wh = z
  .string()
  .regex(/^(0|[1-9]\d{0,19})$/, "must be whole Wh as text")
  .transform(BigInt)
const shape = z.strictObject({
  format: z.literal(format),
  household: hex(20),
  batches: z
    .array(
      z.strictObject({
        evidence: z.string(),
        rootBlock: z.base64(),
        records: z
          .array(
            z.strictObject({
              start: second,
              energy: z
                .strictObject({
                  generatedWh: wh,
                  importedWh: wh,
                  exportedWh: wh,
                  givenWh: wh,
                  receivedWh: wh,
                })
                .nullable(),
              salt: hex(32),
              proof: z.array(hex(32)).max(64),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
})
