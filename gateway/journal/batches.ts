import { type Block, CID } from "../../protocol/block.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import type { MeterStatement, Statement } from "../../protocol/statement.ts"
import { accountStore, type BatchAccounts } from "./accounts.ts"
import type { Db } from "./database.ts"

/**
 * Where a batch is on its way to the chain. Each step is written before the next is tried, and each can be found again
 * from the chain:
 *
 *     built → attested → submitted → mined → accepted → settled
 *
 * Built: it has its evidence. Attested: enough validators signed. Submitted: a transaction with it was sent. Mined: the
 * proposal is on chain. Accepted: so deep that it counts as there to stay. Settled: all are paid, as deep. A branch that
 * the chain leaves takes a batch back to where the chain then is. A batch whose number another proposal took on chain,
 * or whose proposal was cancelled, is `superseded`: what it held goes into a later one.
 */
export const batchStates = [
  "built",
  "attested",
  "submitted",
  "mined",
  "accepted",
  "settled",
  "superseded",
] as const
export type BatchState = (typeof batchStates)[number]

export interface Batch {
  number: bigint
  time: number
  state: BatchState
  root: Hex
  evidence: CID
  /** What it is waiting for, for people. */
  note: string | undefined
}

export interface Attestation {
  validator: string
  validatorSet: number
  /** Who signed, be it the proposal or the refusal; undefined in what was kept before refusals were signed. */
  signer: Hex | undefined
  /** Compact signature (EIP-2098), or undefined when the validator refused. */
  signature: Hex | undefined
  refusal: string | undefined
}

export interface Transaction {
  hash: Hex
  number: bigint
  kind: "propose" | "answer" | "settle" | "accounts"
  raw: Hex
  sent: number
  gasUsed: bigint | undefined
  /** What was paid for its gas. */
  paidWei: bigint | undefined
  /** Undefined while it may still be mined. */
  outcome: TransactionOutcome | undefined
}

/** Lost: another transaction was mined with its nonce. */
export type TransactionOutcome = "mined" | "reverted" | "lost"

/** A batch came into a state. */
export interface HistoryEntry {
  /** Unix seconds. */
  time: number
  state: BatchState
  note: string | undefined
}

/** What of a batch is looked for on chain: its proposal, or that all are paid. */
export type Sight = "proposed" | "paid"

/** The block in which something was seen first. */
export interface Sighting {
  block: bigint
  hash: Hex
}

/** A proposal that a validator signed, and who passed the signature on. */
export interface SignedProposal {
  signer: Hex
  proposal: Proposal
  signature: Hex
  source: string
  /** When this gateway saw it, Unix seconds. */
  seen: number
}

/** One validator, one number, two batches: either half is worthless, both are a proof. */
export interface DoubleSignature {
  number: bigint
  signer: Hex
  signed: readonly [SignedProposal, SignedProposal]
}

export interface NewBatch {
  number: bigint
  /** When it was built, Unix seconds; its own time where left out. */
  builtAt?: number
  time: number
  root: Hex
  evidence: CID
  statements: readonly MeterStatement[]
  /** Undefined where the community keeps no accounts. */
  accounts?: BatchAccounts | undefined
  /** Its evidence where it is at hand; left out where `keepBlocks` has it already. */
  blocks?: readonly Block[]
  /** For each meter's row the last reading that is in this batch. */
  lastReadings: readonly { meter: bigint; reading: bigint }[]
}

export type BatchStore = ReturnType<typeof batchStore>

/** The part of the journal that settlement lives in. */
export function batchStore(db: Db) {
  const accounts = accountStore(db)
  const insertBatch = db.prepare(
    "INSERT INTO batches (number, time, state, root, evidence) VALUES (?, ?, 'built', ?, ?)",
  )
  const insertMeter = db.prepare("INSERT INTO batch_meters (number, meter, last_reading) VALUES (?, ?, ?)")
  const insertStatement = db.prepare(
    "INSERT INTO statements (number, position, meter_id, generated, time, reading) VALUES (?, ?, ?, ?, ?, ?)",
  )
  const insertBlock = db.prepare("INSERT INTO blocks (number, position, cid, bytes) VALUES (?, ?, ?, ?)")
  const selectBatches = "SELECT number, time, state, root, evidence, note FROM batches"
  const newest = db.prepare(`${selectBatches} ORDER BY number DESC LIMIT ?`)
  const byNumber = db.prepare(`${selectBatches} WHERE number = ?`)
  const setState = db.prepare("UPDATE batches SET state = ?, note = ? WHERE number = ?")
  const insertHistory = db.prepare(
    "INSERT INTO batch_history (number, time, state, note) VALUES (?, ?, ?, ?)",
  )
  const history = db.prepare("SELECT time, state, note FROM batch_history WHERE number = ? ORDER BY id")
  const sighting = db.prepare("SELECT block, hash FROM sightings WHERE number = ? AND what = ?")
  const putSighting = db.prepare(
    `INSERT INTO sightings (number, what, block, hash) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET block = excluded.block, hash = excluded.hash`,
  )
  const putSigned = db.prepare(
    `INSERT INTO signed_proposals
     (number, signer, root, evidence, time, leaf_count, validator_set, signature, source, seen)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const signedFor = db.prepare("SELECT * FROM signed_proposals WHERE number = ? ORDER BY seen, signer")
  const signedTwice = db.prepare(
    `SELECT s.* FROM signed_proposals s JOIN
       (SELECT number, signer FROM signed_proposals GROUP BY number, signer HAVING count(*) > 1) USING (number, signer)
     ORDER BY number, signer, seen, root`,
  )
  const remove = db.prepare("DELETE FROM batches WHERE number = ?")
  const lastReading = db
    .prepare(
      `SELECT m.last_reading FROM batch_meters m JOIN batches b USING (number)
       WHERE m.meter = ? AND m.number < ? AND b.state <> 'superseded' ORDER BY m.number DESC LIMIT 1`,
    )
    .pluck()
  const setLastReading = db.prepare(
    "INSERT INTO batch_meters (number, meter, last_reading) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  )
  const standing = db.prepare(
    `${selectBatches} WHERE number < ? AND state <> 'superseded' ORDER BY number DESC LIMIT 1`,
  )
  const statements = db.prepare("SELECT * FROM statements WHERE number = ? ORDER BY position")
  const lastBlock = db
    .prepare("SELECT cid FROM blocks WHERE number = ? ORDER BY position DESC LIMIT 1")
    .pluck()
  const nextPosition = db
    .prepare("SELECT coalesce(max(position) + 1, 0) FROM blocks WHERE number = ?")
    .pluck()
  const dropBlocks = db.prepare("DELETE FROM blocks WHERE number = ?")
  const block = db
    .prepare("SELECT bytes FROM blocks WHERE cid = ? AND number IN (SELECT number FROM batches) LIMIT 1")
    .pluck()
  const blockCids = db.prepare("SELECT cid FROM blocks WHERE number = ? ORDER BY position").pluck()
  const numberOfRoot = db.prepare("SELECT number FROM batches WHERE evidence = ?").pluck()
  const putAttestation = db.prepare(
    `INSERT INTO attestations (number, validator, validator_set, signer, signature, refusal)
     VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET validator_set = excluded.validator_set, signer = excluded.signer,
     signature = excluded.signature, refusal = excluded.refusal`,
  )
  const attestations = db.prepare("SELECT * FROM attestations WHERE number = ? ORDER BY validator")
  const putTransaction = db.prepare(
    `INSERT INTO transactions (hash, number, kind, raw, sent) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET outcome = NULL`,
  )
  const transactions = db.prepare("SELECT * FROM transactions WHERE number = ? ORDER BY sent, rowid")
  const openTransactions = db.prepare("SELECT * FROM transactions WHERE outcome IS NULL ORDER BY sent, rowid")
  const setOutcome = db.prepare(
    "UPDATE transactions SET outcome = ?, gas_used = ?, paid_wei = ? WHERE hash = ?",
  )
  const paidFor = db.prepare(
    `SELECT number, paid_wei FROM transactions WHERE paid_wei IS NOT NULL AND number IN
       (SELECT number FROM batches WHERE state = 'settled' ORDER BY number DESC LIMIT ?)`,
  )
  const withEvidence = db.prepare(
    "SELECT number, evidence FROM batches WHERE number > ? AND state <> 'built' ORDER BY number",
  )
  const countStates = db.prepare("SELECT state, count(*) AS n FROM batches GROUP BY state")

  const statementsOf = (number: bigint): MeterStatement[] =>
    (statements.all(number) as Record<string, unknown>[]).map((row) => ({
      kind: 1,
      meterId: row.meter_id as Hex,
      generatedWh: row.generated as bigint,
      time: Number(row.time),
      reading: row.reading as Hex,
    }))

  const refuseKnown = (number: bigint) => {
    if (byNumber.get(number)) throw new Error(`Batch ${number} is in the journal already.`)
  }
  const insertBlocks = (number: bigint, blocks: readonly Block[]) => {
    let position = nextPosition.get(number) as bigint
    for (const { cid, bytes } of blocks) insertBlock.run(number, position++, cid.toString(), bytes)
  }

  return {
    /** Begins the evidence of a batch that is being made: what an earlier try left of it goes. */
    beginBlocks: db.transaction((number: bigint) => {
      refuseKnown(number)
      dropBlocks.run(number)
    }),

    /** Keeps blocks of a batch that is being made, in one commit; nobody sees them before the batch is added. */
    keepBlocks: db.transaction((number: bigint, blocks: readonly Block[]) => {
      refuseKnown(number)
      insertBlocks(number, blocks)
    }),

    /**
     * Stores a batch in one commit, with all its evidence, before anyone is asked to sign it.
     * @throws Error where its evidence was to be here already and is not.
     */
    add: db.transaction((batch: NewBatch) => {
      refuseKnown(batch.number)
      if (batch.blocks) dropBlocks.run(batch.number)
      else if (lastBlock.get(batch.number) !== batch.evidence.toString())
        throw new Error(`The evidence of batch ${batch.number} is not in the journal.`)
      insertBatch.run(batch.number, batch.time, batch.root, batch.evidence.toString())
      insertHistory.run(batch.number, batch.builtAt ?? batch.time, "built", null)
      for (const { meter, reading } of batch.lastReadings) insertMeter.run(batch.number, meter, reading)
      batch.statements.forEach((s, position) => {
        insertStatement.run(batch.number, position, s.meterId, s.generatedWh, s.time, s.reading)
      })
      if (batch.accounts) accounts.add(batch.number, batch.accounts)
      if (batch.blocks) insertBlocks(batch.number, batch.blocks)
    }),

    newest(limit: number): Batch[] {
      return (newest.all(limit) as BatchRow[]).map(batchFromRow)
    },

    get(number: bigint): Batch | undefined {
      const row = byNumber.get(number) as BatchRow | undefined
      return row && batchFromRow(row)
    },

    /** @param at when it came into this state, Unix seconds. */
    setState: db.transaction((number: bigint, state: BatchState, at: number, note?: string) => {
      setState.run(state, note ?? null, number)
      insertHistory.run(number, at, state, note ?? null)
    }),

    /** A batch's way through its states, oldest first. */
    history(number: bigint): HistoryEntry[] {
      return (history.all(number) as { time: bigint; state: BatchState; note: string | null }[]).map(
        ({ time, state, note }) => ({ time: Number(time), state, note: note ?? undefined }),
      )
    },

    sighting(number: bigint, what: Sight): Sighting | undefined {
      return sighting.get(number, what) as Sighting | undefined
    },

    putSighting(number: bigint, what: Sight, { block, hash }: Sighting): void {
      putSighting.run(number, what, block, hash)
    },

    /** Keeps what a validator signed; a second signature under the same is not kept. */
    putSigned({ signer, proposal, signature, source, seen }: SignedProposal): void {
      const { number, root, evidence, time, leafCount, validatorSet } = proposal
      putSigned.run(number, signer, root, evidence, time, leafCount, validatorSet, signature, source, seen)
    },

    /** Everything that was signed for a number. @param site of this gateway. */
    signedFor(number: bigint, site: number): SignedProposal[] {
      return (signedFor.all(number) as SignedRow[]).map((row) => signedFromRow(row, site))
    },

    /** Validators that signed two different batches with one number. @param site of this gateway. */
    doubleSignatures(site: number): DoubleSignature[] {
      const bySigner = new Map<string, SignedProposal[]>()
      for (const row of signedTwice.all() as SignedRow[]) {
        const key = `${row.number} ${row.signer}`
        bySigner.set(key, [...(bySigner.get(key) ?? []), signedFromRow(row, site)])
      }
      return [...bySigner.values()].map(([first, second]) => ({
        number: first!.proposal.number,
        signer: first!.signer,
        signed: [first!, second!],
      }))
    },

    /** Forgets a batch that never got onto the chain; its readings are free for the next. */
    remove(number: bigint): void {
      remove.run(number)
    },

    /** The last batch before `number` that was not superseded: the one that a new batch follows. */
    standingBefore(number: bigint): Batch | undefined {
      const row = standing.get(number) as BatchRow | undefined
      return row && batchFromRow(row)
    },

    /** The last reading of a meter's row that a standing batch before `number` holds; 0 if none does. */
    lastReading(meter: bigint, number: bigint): bigint {
      return (lastReading.get(meter, number) as bigint | undefined) ?? 0n
    },

    /** What a batch that was taken over from its evidence held of a meter. */
    setLastReading(number: bigint, meter: bigint, reading: bigint): void {
      setLastReading.run(number, meter, reading)
    },

    accounts,

    /** All that a batch states, in the order of its tree's leaves: its meters, and behind them the accounts. */
    leaves(number: bigint): Statement[] {
      return [...statementsOf(number), ...accounts.statements(number)]
    },

    statements: statementsOf,

    block(cid: CID): Uint8Array | undefined {
      return block.get(cid.toString()) as Uint8Array | undefined
    },

    /** The blocks behind an evidence root, one at a time; undefined when it is none of ours. */
    blocksOf(root: CID): Iterable<Block> | undefined {
      const number = numberOfRoot.get(root.toString()) as bigint | undefined
      if (number === undefined) return undefined
      const cids = blockCids.all(number) as string[]
      return (function* () {
        for (const text of cids) yield { cid: CID.parse(text), bytes: block.get(text) as Uint8Array }
      })()
    },

    putAttestation(number: bigint, attestation: Attestation): void {
      const { validator, validatorSet, signer, signature, refusal } = attestation
      putAttestation.run(number, validator, validatorSet, signer ?? null, signature ?? null, refusal ?? null)
    },

    attestations(number: bigint): Attestation[] {
      return (attestations.all(number) as Record<string, unknown>[]).map((row) => ({
        validator: row.validator as string,
        validatorSet: Number(row.validator_set),
        signer: (row.signer as Hex | null) ?? undefined,
        signature: (row.signature as Hex | null) ?? undefined,
        refusal: (row.refusal as string | null) ?? undefined,
      }))
    },

    /** Written before a transaction is sent, so that it can be sent again after a crash. One that was lost is open again. */
    putTransaction({
      hash,
      number,
      kind,
      raw,
      sent,
    }: Pick<Transaction, "hash" | "number" | "kind" | "raw" | "sent">): void {
      putTransaction.run(hash, number, kind, raw, sent)
    },

    /** In the order in which they were sent, also those that were lost. */
    transactions(number: bigint): Transaction[] {
      return (transactions.all(number) as TransactionRow[]).map(transactionFromRow)
    },

    /** Those of all batches that may still be mined. */
    openTransactions(): Transaction[] {
      return (openTransactions.all() as TransactionRow[]).map(transactionFromRow)
    },

    setOutcome(
      hash: Hex,
      outcome: TransactionOutcome | undefined,
      used?: { gasUsed: bigint; paidWei: bigint },
    ): void {
      setOutcome.run(outcome ?? null, used?.gasUsed ?? null, used?.paidWei.toString() ?? null, hash)
    },

    /** What the last settled batches cost in gas, wei by number. */
    paidForLast(batches: number): Map<bigint, bigint> {
      const paid = new Map<bigint, bigint>()
      for (const row of paidFor.all(batches) as { number: bigint; paid_wei: string }[])
        paid.set(row.number, (paid.get(row.number) ?? 0n) + BigInt(row.paid_wei))
      return paid
    },

    /** Evidence roots of the batches above a number that validators have signed. */
    signedRoots(above: bigint): { number: bigint; root: CID }[] {
      const rows = withEvidence.all(above) as { number: bigint; evidence: string }[]
      return rows.map(({ number, evidence }) => ({ number, root: CID.parse(evidence) }))
    },

    countsByState(): Map<BatchState, number> {
      const rows = countStates.all() as { state: BatchState; n: bigint }[]
      return new Map(rows.map(({ state, n }) => [state, Number(n)]))
    },
  }
}

interface TransactionRow {
  hash: Hex
  number: bigint
  kind: Transaction["kind"]
  raw: Hex
  sent: bigint
  gas_used: bigint | null
  paid_wei: string | null
  outcome: TransactionOutcome | null
}

function transactionFromRow({ hash, number, kind, raw, ...row }: TransactionRow): Transaction {
  return {
    hash,
    number,
    kind,
    raw,
    sent: Number(row.sent),
    gasUsed: row.gas_used ?? undefined,
    paidWei: row.paid_wei === null ? undefined : BigInt(row.paid_wei),
    outcome: row.outcome ?? undefined,
  }
}

interface SignedRow {
  number: bigint
  signer: Hex
  root: Hex
  evidence: Hex
  time: bigint
  leaf_count: bigint
  validator_set: bigint
  signature: Hex
  source: string
  seen: bigint
}

function signedFromRow(row: SignedRow, site: number): SignedProposal {
  const { number, signer, root, evidence, time, signature, source } = row
  return {
    signer,
    signature,
    source,
    seen: Number(row.seen),
    proposal: {
      site,
      number,
      root,
      evidence,
      time,
      leafCount: Number(row.leaf_count),
      validatorSet: Number(row.validator_set),
    },
  }
}

interface BatchRow {
  number: bigint
  time: bigint
  state: BatchState
  root: Hex
  evidence: string
  note: string | null
}

function batchFromRow(row: BatchRow): Batch {
  return {
    number: row.number,
    time: Number(row.time),
    state: row.state,
    root: row.root,
    evidence: CID.parse(row.evidence),
    note: row.note ?? undefined,
  }
}
