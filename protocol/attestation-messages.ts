import { z } from "zod"
import type { Verdict } from "./attestation.ts"
import type { Hex } from "./hex.ts"
import { type OracleAddress, type Proposal, proposalDigest } from "./proposal.ts"

/** What is asked and answered over HTTP and MQTT alike (SPEC.md, 7.2 and 7.3). */

export const mostRequestBytes = 16 * 1024
export const mostAnswerBytes = 64 * 1024

const hex = (bytes: number) =>
  z.custom<Hex>((v) => typeof v === "string" && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(v))
const uint64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
const requestShape = z.strictObject({
  chainId: z.int().positive(),
  oracle: hex(20),
  proposal: z.strictObject({
    site: z.int().positive(),
    number: uint64,
    root: hex(32),
    evidence: hex(32),
    time: uint64,
    leafCount: z.int().positive(),
    validatorSet: z.int().positive(),
  }),
})
const answerShape = z.union([
  z.strictObject({ refused: z.array(z.string()).min(1).exactOptional(), signature: hex(64) }),
  z.strictObject({ error: z.string() }),
])

/** "Sign this." */
export interface AttestationRequest extends OracleAddress {
  proposal: Proposal
}

/** A verdict, or it cannot judge now: ask again later. */
export type AttestationAnswer = Verdict | { error: string }

export function writeRequest({ chainId, oracle, proposal }: AttestationRequest): string {
  const { site, number, root, evidence, time, leafCount, validatorSet } = proposal
  const texts = { number: number.toString(), time: time.toString() }
  return JSON.stringify({
    chainId,
    oracle,
    proposal: { site, number: texts.number, root, evidence, time: texts.time, leafCount, validatorSet },
  })
}

/** @throws Error that says what is not in the format. */
export function readRequest(text: string): AttestationRequest {
  return parse(requestShape, text, "the request")
}

/** @throws Error that says what is not in the format. */
export function readAnswer(text: string): AttestationAnswer {
  return parse(answerShape, text, "the answer")
}

/** Where a site's gateway asks its validators. */
export function requestTopic({ chainId, oracle }: OracleAddress, site: number): string {
  return `commonwatt/${chainId}/${oracle}/${site}/attestations/request`
}

/**
 * Where a validator answers. The proposal's digest is in it: an answer to one proposal is never taken for one to
 * another. Without a validator, the filter for the answers of all.
 */
export function answerTopic(request: AttestationRequest, validator: Hex | "+"): string {
  const { chainId, oracle, proposal } = request
  return `commonwatt/${chainId}/${oracle}/${proposal.site}/attestations/${proposalDigest(request, proposal)}/${validator}`
}

function parse<T extends z.ZodType>(shape: T, text: string, what: string): z.output<T> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error(`${what} is not JSON`)
  }
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new Error(`${what} is not in the format: ${issue?.path.join(".")}: ${issue?.message}`)
}
