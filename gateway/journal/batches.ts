import { type Block, CID } from "../../protocol/block.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { MeterStatement, Statement } from "../../protocol/statement.ts"
import { accountStore, type BatchAccounts } from "./accounts.ts"
import type { Db } from "./database.ts"

/**
 * Where a batch is on its way to the chain. Each step is written before the next is tried, and each can be found
 * again from the chain: built → attested → proposed → settled. A batch whose number another proposal took on chain
 * is `superseded`: what it held goes into a later one.
 */
export type BatchState = "built" | "attested" | "proposed" | "settled" | "superseded"

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
  /** Compact signature (EIP-2098), or undefined when the validator refused. */
  signature: Hex | undefined
  refusal: string | undefined
}

export interface Transaction {
  hash: Hex
  number: bigint
  kind: "propose" | "answer" | "settle"
  raw: Hex
  sent: number
  gasUsed: bigint | undefined
}

export interface NewBatch {
  number: bigint
  time: number
  root: Hex
  evidence: CID
  statements: readonly MeterStatement[]
  /** Undefined where the community keeps no accounts. */
  accounts?: BatchAccounts | undefined
  blocks: readonly Block[]
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
  const remove = db.prepare("DELETE FROM batches WHERE number = ?")
  const lastReading = db
    .prepare(
      `SELECT m.last_reading FROM batch_meters m JOIN batches b USING (number)
       WHERE m.meter = ? AND m.number < ? AND b.state <> 'superseded' ORDER BY m.number DESC LIMIT 1`,
    )
    .pluck()
  const standing = db.prepare(
    `${selectBatches} WHERE number < ? AND state <> 'superseded' ORDER BY number DESC LIMIT 1`,
  )
  const statements = db.prepare("SELECT * FROM statements WHERE number = ? ORDER BY position")
  const block = db.prepare("SELECT bytes FROM blocks WHERE cid = ?").pluck()
  const blockCids = db.prepare("SELECT cid FROM blocks WHERE number = ? ORDER BY position").pluck()
  const numberOfRoot = db.prepare("SELECT number FROM batches WHERE evidence = ?").pluck()
  const putAttestation = db.prepare(
    `INSERT INTO attestations (number, validator, validator_set, signature, refusal) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET validator_set = excluded.validator_set, signature = excluded.signature,
     refusal = excluded.refusal`,
  )
  const attestations = db.prepare("SELECT * FROM attestations WHERE number = ? ORDER BY validator")
  const putTransaction = db.prepare(
    "INSERT INTO transactions (hash, number, kind, raw, sent) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  )
  const transactions = db.prepare("SELECT * FROM transactions WHERE number = ? ORDER BY sent")
  const setGas = db.prepare("UPDATE transactions SET gas_used = ? WHERE hash = ?")
  const countStates = db.prepare("SELECT state, count(*) AS n FROM batches GROUP BY state")

  const statementsOf = (number: bigint): MeterStatement[] =>
    (statements.all(number) as Record<string, unknown>[]).map((row) => ({
      kind: 1,
      meterId: row.meter_id as Hex,
      generatedWh: row.generated as bigint,
      time: Number(row.time),
      reading: row.reading as Hex,
    }))

  return {
    /** Stores a batch with all its evidence in one commit, before anyone is asked to sign it. */
    add: db.transaction((batch: NewBatch) => {
      insertBatch.run(batch.number, batch.time, batch.root, batch.evidence.toString())
      for (const { meter, reading } of batch.lastReadings) insertMeter.run(batch.number, meter, reading)
      batch.statements.forEach((s, position) => {
        insertStatement.run(batch.number, position, s.meterId, s.generatedWh, s.time, s.reading)
      })
      if (batch.accounts) accounts.add(batch.number, batch.accounts)
      batch.blocks.forEach(({ cid, bytes }, position) => {
        insertBlock.run(batch.number, position, cid.toString(), bytes)
      })
    }),

    newest(limit: number): Batch[] {
      return (newest.all(limit) as BatchRow[]).map(batchFromRow)
    },

    get(number: bigint): Batch | undefined {
      const row = byNumber.get(number) as BatchRow | undefined
      return row && batchFromRow(row)
    },

    setState(number: bigint, state: BatchState, note?: string): void {
      setState.run(state, note ?? null, number)
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

    putAttestation(number: bigint, { validator, validatorSet, signature, refusal }: Attestation): void {
      putAttestation.run(number, validator, validatorSet, signature ?? null, refusal ?? null)
    },

    attestations(number: bigint): Attestation[] {
      return (attestations.all(number) as Record<string, unknown>[]).map((row) => ({
        validator: row.validator as string,
        validatorSet: Number(row.validator_set),
        signature: (row.signature as Hex | null) ?? undefined,
        refusal: (row.refusal as string | null) ?? undefined,
      }))
    },

    /** Written before a transaction is sent, so that it can be sent again after a crash. */
    putTransaction({ hash, number, kind, raw, sent }: Omit<Transaction, "gasUsed">): void {
      putTransaction.run(hash, number, kind, raw, sent)
    },

    transactions(number: bigint): Transaction[] {
      return (transactions.all(number) as Record<string, unknown>[]).map((row) => ({
        hash: row.hash as Hex,
        number: row.number as bigint,
        kind: row.kind as Transaction["kind"],
        raw: row.raw as Hex,
        sent: Number(row.sent),
        gasUsed: (row.gas_used as bigint | null) ?? undefined,
      }))
    },

    setGasUsed(hash: Hex, gasUsed: bigint): void {
      setGas.run(gasUsed, hash)
    },

    countsByState(): Map<BatchState, number> {
      const rows = countStates.all() as { state: BatchState; n: bigint }[]
      return new Map(rows.map(({ state, n }) => [state, Number(n)]))
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
