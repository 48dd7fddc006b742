import { z } from "zod"
import { signerOf } from "./attestation.ts"
import { equalBytes, fromHex, type Hex, toHex } from "./hex.ts"
import { isScheme, type MeterKey, meterIdOf, meterKey, type Scheme } from "./meter.ts"
import { type OracleAddress, type Proposal, proposalDigest } from "./proposal.ts"
import { verifySignature } from "./signature.ts"
import { readSigned } from "./signed-reading.ts"

/** Two different readings that one meter signed with one sequence number. */
export interface TwinReadings {
  kind: "readings"
  meterId: Hex
  scheme: Scheme
  /** The key that both are signed with. */
  publicKey: Hex
  /** The readings' bytes, verbatim. */
  a: Hex
  b: Hex
}

/** Two different batches that one validator signed for one number. */
export interface TwinRoots extends OracleAddress {
  kind: "roots"
  a: SignedProposal
  b: SignedProposal
}

export interface SignedProposal {
  proposal: Proposal
  /** 64 bytes (ERC-2098). */
  signature: Hex
}

/** Somebody's own signatures against him: whoever has the file can judge it, and needs nothing else. */
export type Equivocation = TwinReadings | TwinRoots

export interface Judgement {
  proven: boolean
  /** Why it is not proven; empty when it is. */
  reasons: string[]
  /** What the proof does not say by itself, and the contract will. */
  open: string[]
  /** Whose signatures they are: a meter's id or a validator's address, where that can be said. */
  by: Hex | undefined
  /** What both have in common. */
  sequence?: number
  site?: number
  number?: bigint
}

const format = "commonwatt/equivocation/1"
const anyHex = z.custom<Hex>((v) => typeof v === "string" && /^0x([0-9a-f]{2})*$/.test(v))
const hex = (bytes: number) =>
  z.custom<Hex>((v) => typeof v === "string" && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(v))
const uint64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
const signedShape = z.strictObject({
  proposal: z.strictObject({
    site: z.int().positive(),
    number: uint64,
    root: hex(32),
    evidence: hex(32),
    time: uint64,
    leafCount: z.int().positive(),
    validatorSet: z.int().positive(),
  }),
  signature: hex(64),
})
const shape = z.discriminatedUnion("kind", [
  z.strictObject({
    format: z.literal(format),
    kind: z.literal("readings"),
    meterId: hex(32),
    scheme: z.custom<Scheme>(isScheme, "must be a signature scheme"),
    publicKey: anyHex,
    a: anyHex,
    b: anyHex,
  }),
  z.strictObject({
    format: z.literal(format),
    kind: z.literal("roots"),
    chainId: z.int().positive(),
    oracle: hex(20),
    a: signedShape,
    b: signedShape,
  }),
])

/** The proof as a file: JSON, with numbers of 64 bits as decimal text. */
export function writeEquivocation(proof: Equivocation): string {
  const text = JSON.stringify(
    { format, ...proof },
    (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value),
    2,
  )
  return `${text}\n`
}

/** Whether a text is meant to be such a proof. */
export function isEquivocation(text: string): boolean {
  return text.trimStart().startsWith("{") && text.includes(format)
}

/** @throws Error that says what is not in the format. */
export function readEquivocation(text: string): Equivocation {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error("The proof is not JSON.")
  }
  const result = shape.safeParse(value)
  if (!result.success) {
    const issue = result.error.issues[0]
    throw new Error(`The proof is not in the format: ${issue?.path.join(".") || "file"}: ${issue?.message}.`)
  }
  const { format: _, ...proof } = result.data
  return proof
}

/** Judges a proof by its signatures alone; needs no chain and trusts nobody. */
export async function judgeEquivocation(proof: Equivocation): Promise<Judgement> {
  return proof.kind === "readings" ? judgeReadings(proof) : judgeRoots(proof)
}

/** As `judgeEquivocation`, for readings alone. */
export function judgeReadings({ meterId, scheme, publicKey, a, b }: TwinReadings): Judgement {
  const reasons: string[] = []
  let key: MeterKey | undefined
  try {
    key = meterKey(scheme, fromHex(publicKey))
  } catch (error) {
    reasons.push(`its key is none: ${(error as Error).message}`)
  }
  const signed = [a, b].map((bytes, i) => {
    try {
      const reading = readSigned(scheme, fromHex(bytes))
      if (key && !verifySignature(key, reading)) reasons.push(`reading ${i + 1} is not signed by this key`)
      return reading
    } catch (error) {
      reasons.push(`reading ${i + 1} is malformed: ${(error as Error).message}`)
      return undefined
    }
  })
  const [first, second] = signed
  if (first && second) {
    const [one, other] = [first.reading.sequence, second.reading.sequence]
    if (one !== other) reasons.push(`their sequence numbers are ${one} and ${other}, not one`)
    // Some meters sign anew when they send again: what was signed is what must differ.
    if (equalBytes(first.message, second.message)) reasons.push("both say the same")
  }
  const open =
    key && meterIdOf(key.scheme, key.publicKey) !== meterId
      ? [
          "the key is not the one that the meter was registered with first: the registry says whether it has it",
        ]
      : []
  const proven = reasons.length === 0
  return { proven, reasons, open, by: meterId, ...(first && { sequence: first.reading.sequence }) }
}

async function judgeRoots({ chainId, oracle, a, b }: TwinRoots): Promise<Judgement> {
  const at = { chainId, oracle }
  const reasons: string[] = []
  const [first, second] = await Promise.all([a, b].map((one) => signerOf(at, one.proposal, one.signature)))
  if (!first || first !== second)
    reasons.push(`the first is signed by ${first ?? "nobody"}, the second by ${second ?? "nobody"}`)
  if (a.proposal.site !== b.proposal.site) reasons.push("they are of different sites")
  if (a.proposal.number !== b.proposal.number)
    reasons.push(`their numbers are ${a.proposal.number} and ${b.proposal.number}, not one`)
  // One batch that was signed anew for another validator set is not different.
  const content = (proposal: Proposal) => proposalDigest(at, { ...proposal, validatorSet: 1 })
  if (content(a.proposal) === content(b.proposal)) reasons.push("both are the same batch")
  const { site, number } = a.proposal
  const proven = reasons.length === 0
  return { proven, reasons, open: [], by: first === second ? first : undefined, site, number }
}

/** A proof's file name: whose it is and about what, so that one is never written twice. */
export function nameOfEquivocation(proof: Equivocation, { by, sequence, number }: Judgement): string {
  const about =
    proof.kind === "readings" ? `sequence-${sequence}` : `site-${proof.a.proposal.site}-number-${number}`
  return `equivocation-${(by ?? toHex(new Uint8Array(4))).slice(2, 10)}-${about}.json`
}
