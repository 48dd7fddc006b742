import { privateKeyToAccount } from "viem/accounts"
import { signProposal, signRefusal, type Verdict } from "../protocol/attestation.ts"
import { BrokenBlock, type CID, evidenceCid } from "../protocol/block.ts"
import type { Clock } from "../protocol/clock.ts"
import { type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { type OracleAddress, type Proposal, proposalDigest } from "../protocol/proposal.ts"
import type { Identity } from "../protocol/seal.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import { headerFaults } from "./header.ts"
import { connect } from "./history.ts"
import { sharingKeyOf } from "./policies.ts"
import { emptySite, recompute, type SiteMemory } from "./recompute.ts"
import { type History, metersAt } from "./record.ts"
import { openChain } from "./validator-chain.ts"
import { openMemories } from "./validator-memory.ts"
import { openRefusals, reasonOf } from "./validator-refusals.ts"
import { openSigned } from "./validator-signed.ts"

/** It cannot judge at the moment: ask again later. Not a refusal. */
export class CannotJudge extends Error {
  override name = "CannotJudge"
}

export interface ValidatorOptions {
  rpc: string
  oracle: Hex
  privateKey: Hex
  identities: readonly Identity[]
  /** Where each site's evidence is. A validator goes there and nowhere else. */
  evidence: ReadonlyMap<number, EvidenceSource>
  dataDir: string
  clock: Clock
  log: (what: string, details: Record<string, unknown>) => void
}

/** A proposal's time may be ahead of a validator's clock by this, seconds. */
const clockToleranceSeconds = 120
/** The contract counts its sets from 1: a digest under this one is the batch's own, and nobody signs it. */
const noSet = 0
/** Anyone may ask, and recomputing costs: more than this many at once are sent away. */
const mostWaiting = 8

/**
 * Someone who recomputes a batch from its evidence and signs the root, or refuses and says why. It takes nothing
 * from the gateway on trust: meters and rules come from the chain, readings from the evidence, and the chain of
 * evidence is followed back until a batch that it has recomputed itself.
 */
export function createValidator(options: ValidatorOptions) {
  const { rpc, oracle, privateKey, identities, evidence, dataDir, clock, log } = options
  const address = privateKeyToAccount(privateKey).address.toLowerCase() as Hex
  const signed = openSigned(dataDir)
  const chain = openChain(dataDir, connect(rpc), oracle, log)
  const memories = openMemories(dataDir)
  const refusals = openRefusals(dataDir)
  let turn: Promise<unknown> = Promise.resolve()
  let waiting = 0

  async function answer(at: OracleAddress, proposal: Proposal): Promise<Verdict> {
    const refused = async (...because: string[]): Promise<Verdict> => {
      const { site, number, root, evidence } = proposal
      const what = { site, number: number.toString(), root, evidence, reasons: because }
      const { reasons } = refusals.add({ time: clock.now(), ...what })
      log("refused", { site, number: Number(number), reasons })
      return { refused: reasons, signature: await signRefusal(at, proposal, reasons, privateKey) }
    }
    if (at.oracle !== oracle) return refused(`this validator serves the oracle ${oracle}, not ${at.oracle}`)
    const source = evidence.get(proposal.site)
    if (!source) return refused(`site ${proposal.site} is not one of those that this validator watches`)
    const digestUnder = (validatorSet: number) => proposalDigest(at, { ...proposal, validatorSet })
    const digest = digestUnder(proposal.validatorSet)
    const key = `${at.chainId}/${at.oracle}/${proposal.site}/${proposal.number}`
    const earlier = signed.get(key)
    if (earlier?.digest !== digest) {
      const history = await chain.read()
      if (history.chainId !== at.chainId)
        return refused(`the oracle is on chain ${history.chainId}, not ${at.chainId}`)
      const batch = digestUnder(noSet)
      const sets = history.validators.filter((change) => change.oracle === oracle)
      const signedBefore = earlier && (earlier.batch ?? earlier.digest)
      const same = earlier?.batch === undefined ? sets.map(({ version }) => digestUnder(version)) : [batch]
      if (signedBefore !== undefined && !same.includes(signedBefore))
        return refused(
          `number ${proposal.number} was signed before with other content: two roots for one number are never signed`,
        )
      const faults = await faultsOf(proposal, history, source)
      if (faults.length > 0) return refused(...faults.slice(0, 10))
      signed.put(key, { digest, batch })
    }
    log("signed", { site: proposal.site, number: Number(proposal.number) })
    return { signature: await signProposal(at, proposal, privateKey) }
  }

  async function faultsOf(proposal: Proposal, history: History, source: EvidenceSource): Promise<string[]> {
    const faults: string[] = []
    const set = history.validators.filter((change) => change.oracle === oracle).at(-1)
    if (set?.version !== proposal.validatorSet)
      faults.push(`validator set ${proposal.validatorSet} is not the one in force`)
    if (!set?.validators.includes(address))
      faults.push(`this validator (${address}) is not in the set in force`)
    const last = history.proposals.filter((p) => p.site === proposal.site).at(-1)
    if (proposal.number > (last?.number ?? 0n) + 1n)
      throw new CannotJudge(
        `number ${proposal.number} is ahead of ${last?.number ?? 0n}, the last that this node knows`,
      )
    if (proposal.number !== (last?.number ?? 0n) + 1n)
      faults.push(`number ${proposal.number} does not follow ${last?.number ?? 0n}, the last on chain`)
    if (last && proposal.time <= last.time) faults.push(`time ${proposal.time} is not after ${last.time}`)
    if (Number(proposal.time) > clock.now() + clockToleranceSeconds)
      faults.push(`time ${proposal.time} is in the future`)
    if (faults.length > 0) return faults

    const cid = evidenceCid(proposal.evidence)
    const read = async (root: CID) => readEvidence(root, await source(root), identities)
    let opened: OpenedEvidence
    let memory: SiteMemory
    try {
      opened = await read(cid)
      memory = await memoryBefore(proposal, history, read)
    } catch (error) {
      if (error instanceof BrokenBlock) return [error.message]
      throw new CannotJudge(`the evidence cannot be had: ${(error as Error).message}`)
    }
    if (opened.sealed.length > 0) return [`${opened.sealed.length} household(s) are sealed to others`]
    const rules = history.rules.filter((change) => change.oracle === oracle).at(-1)
    const { findings, skipped, memory: after } = recompute(opened, memory, metersAt(history))
    const latest = { block: history.toBlock + 1n, log: 0, transaction: proposal.root }
    const expected = {
      chainId: history.chainId,
      oracle,
      headroomBasisPoints: rules?.rules.headroom,
      sharingKey: sharingKeyOf(history, { oracle, at: latest }),
    }
    faults.push(...headerFaults(opened, proposal, expected))
    faults.push(...findings.map(reasonOf))
    faults.push(...skipped.map(({ check, why }) => `its ${check} cannot be checked: ${why}`))
    if (faults.length === 0) memories.set(proposal.site, [memory, after])
    return faults
  }

  /** What the batches before leave, recomputed by this validator from the first one or the last it remembers. */
  async function memoryBefore(
    proposal: Proposal,
    history: History,
    read: (root: CID) => Promise<OpenedEvidence>,
  ): Promise<SiteMemory> {
    const standing = history.proposals.filter((p) => p.site === proposal.site && p.cancelled === undefined)
    const memoryOf = ({ site, evidence }: Proposal) => memories.get(site, evidenceCid(evidence))
    const known = standing.findLastIndex((p) => memoryOf(p) !== undefined)
    let memory = known < 0 ? emptySite : memoryOf(standing[known]!)!
    for (const { evidence: digest, number, at } of standing.slice(known + 1)) {
      log("following", { site: proposal.site, number: Number(number) })
      const result = recompute(await read(evidenceCid(digest)), memory, metersAt(history, at))
      if (result.findings.length > 0)
        throw new CannotJudge(`batch ${number} before it does not hold: ${reasonOf(result.findings[0]!)}`)
      memory = result.memory
    }
    // One is enough: the next proposal follows this one.
    memories.set(proposal.site, [memory])
    return memory
  }

  return {
    address,
    /** The sites that it watches. */
    sites: [...evidence.keys()],
    oracle,
    /** What it did not sign and why, newest first. */
    refusals: refusals.newest,
    /** Answers one request at a time, and lets a few wait. @throws CannotJudge */
    attest(at: OracleAddress, proposal: Proposal): Promise<Verdict> {
      if (waiting >= mostWaiting) throw new CannotJudge("too many others are waiting for an answer")
      waiting++
      const mine = turn.then(() => answer(at, proposal))
      turn = mine.catch(() => {}).finally(() => waiting--)
      return mine
    },
  }
}

export type Validator = ReturnType<typeof createValidator>
