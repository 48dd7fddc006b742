import type { Logger } from "pino"
import { signerOf, speakerOf, type Verdict } from "../../protocol/attestation.ts"
import type { AttestationRequest } from "../../protocol/attestation-messages.ts"
import type { Clock } from "../../protocol/clock.ts"
import type { Hex } from "../../protocol/hex.ts"
import { type OracleAddress, type Proposal, proposalDigest } from "../../protocol/proposal.ts"
import type { Config } from "../config.ts"
import type { Journal } from "../journal/journal.ts"
import { createMqttAsking } from "./ask-mqtt.ts"
import { askValidator, collectSignatures, type Signatures } from "./attest.ts"
import { reasonOf } from "./reason.ts"

export interface ValidatorsInForce {
  version: number
  addresses: readonly Hex[]
  threshold: number
}

export interface Gathered {
  /** Enough of them, or undefined. */
  signatures: Signatures | undefined
  /** Who did not sign, and why, in words. */
  problems: string[]
  /** Too many refuse for this batch ever to be signed, and enough are free to sign another with its number. */
  hopeless: boolean
}

export interface GatheringOptions {
  config: Pick<Config, "validators" | "validatorBroker" | "site">
  at: OracleAddress
  journal: Journal
  clock: Clock
  /** How long the others may still take when enough have signed, milliseconds. */
  graceMs: number
  log: Logger
  ask?: (validator: string, request: AttestationRequest) => Promise<Verdict>
}

/**
 * Collects the validators' signatures. All are asked at once, and m that agree are enough: nobody waits for one that is
 * away, slow or lying. What a slow one says later is kept for the next time. Every signature is kept for ever, so that
 * a validator that signs two batches with one number convicts itself. A validator is asked at its URL, or by its address
 * over the broker.
 */
export function createGathering(options: GatheringOptions) {
  const { config, at, journal, clock, graceMs, log } = options
  const askOverMqtt = createMqttAsking(config)
  const usualAsk: typeof askValidator = (validator, request) =>
    validator.startsWith("0x") ? askOverMqtt(validator as Hex, request) : askValidator(validator, request)
  const { ask = usualAsk } = options
  const { batches } = journal
  /** Who was asked for what and has not answered yet. */
  const asked = new Map<string, Promise<string | undefined>>()

  async function gather(number: bigint, proposal: Proposal, set: ValidatorsInForce): Promise<Gathered> {
    const standing = () => batches.attestations(number).filter((a) => a.validatorSet === set.version)
    const collected = () => collectSignatures(at, proposal, standing(), set)
    const before = await collected()
    if (before) return { signatures: before, problems: [], hopeless: false }

    const signed = new Set(standing().flatMap((a) => (a.signature ? [a.validator] : [])))
    const problems: string[] = []
    const asking = config.validators
      .filter((url) => !signed.has(url))
      .map(async (url) => {
        const problem = await question(url, number, proposal, set)
        if (problem) problems.push(problem)
        return collected()
      })
    const all = Promise.allSettled(asking)
    if (await firstFound(asking)) await withinMs(graceMs, all)
    const signatures = await collected()
    const refusing = new Set(standing().flatMap((a) => (a.refusal === undefined ? [] : [a.signer])))
    const refusals = set.addresses.filter((address) => refusing.has(address)).length
    // Who signed anything for this number signs nothing else for it.
    const bound = new Set(batches.signedFor(number, config.site).map(({ signer }) => signer))
    const free = set.addresses.filter((address) => !bound.has(address)).length
    const hopeless = !signatures && refusals > set.addresses.length - set.threshold && free >= set.threshold
    return { signatures, problems, hopeless }
  }

  /** Asks one validator and keeps what it says; one that is still thinking is not asked again. @returns what is wrong. */
  function question(
    url: string,
    number: bigint,
    proposal: Proposal,
    set: ValidatorsInForce,
  ): Promise<string | undefined> {
    const key = `${url} ${proposalDigest(at, proposal)}`
    const waiting = asked.get(key)
    if (waiting) return waiting
    const answer = put(url, number, proposal, set)
      .catch((error: unknown) => `${url} does not answer: ${reasonOf(error)}`)
      .finally(() => asked.delete(key))
    asked.set(key, answer)
    return answer
  }

  async function put(
    url: string,
    number: bigint,
    proposal: Proposal,
    set: ValidatorsInForce,
  ): Promise<string | undefined> {
    const answer = await ask(url, { ...at, proposal })
    const refusal = answer.refused?.join("; ")
    const signer = await speakerOf(at, proposal, answer)
    if (!signer || !set.addresses.includes(signer)) {
      log.warn({ validator: url, signer, refusal }, "a signature that is no validator's")
      const [what, why] = refusal === undefined ? ["a signature", ""] : ["a refusal", `: ${refusal}`]
      return `${url} answers with ${what} that is no validator's (${signer ?? "nobody's"})${why}`
    }
    const { validatorSet } = proposal
    const attestation = { validator: url, validatorSet, signer }
    if (refusal !== undefined) {
      // One that comes when the proposal is on its way already may be about that alone.
      if (isStillAsked(number))
        batches.putAttestation(number, { ...attestation, signature: undefined, refusal })
      return `${url} refuses: ${refusal}`
    }
    keep(signer, proposal, answer.signature, url)
    batches.putAttestation(number, { ...attestation, signature: answer.signature, refusal })
    return undefined
  }

  const isStillAsked = (number: bigint) => ["built", "attested"].includes(batches.get(number)?.state ?? "")

  function keep(signer: Hex, proposal: Proposal, signature: Hex, source: string): void {
    batches.putSigned({ signer, proposal, signature, source, seen: clock.now() })
  }

  return {
    gather,
    /** Keeps the signatures under a proposal that somebody else carried to the chain. */
    async keepCarried(proposal: Proposal, signatures: readonly Hex[]): Promise<void> {
      for (const signature of signatures) {
        const signer = await signerOf(at, proposal, signature)
        if (signer) keep(signer, proposal, signature, "the chain")
      }
    },
  }
}

/** The first result that is there, while others are still waited for; undefined when none of them is. */
function firstFound<T>(all: readonly Promise<T | undefined>[]): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let waiting = all.length
    if (waiting === 0) resolve(undefined)
    for (const one of all)
      one.then((result) => {
        waiting--
        if (result !== undefined || waiting === 0) resolve(result)
      }, reject)
  })
}

async function withinMs(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, enough]).finally(() => clearTimeout(timer))
}
