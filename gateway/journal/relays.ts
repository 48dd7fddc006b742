import type { Hex } from "../../protocol/hex.ts"
import type { Intent } from "../../protocol/intent.ts"
import type { Db } from "./database.ts"

/** Where an intent is on its way: queued → sent → done, or failed. A done one whose block the chain drops is sent again. */
export type RelayState = "queued" | "sent" | "done" | "failed"

/** Why an intent failed, or why it waits. */
export type RelayReason =
  | "balance"
  | "expired"
  | "used"
  | "signature"
  | "refused"
  | "chain away"
  | "chain wrong"
  | "gas price"
  | "gas money"

/** A household's signed intent, which the gateway carries to the chain. */
export interface Relay {
  id: bigint
  intent: Intent
  digest: Hex
  signature: Hex
  /** The text of a retirement's claim. */
  claim: string | undefined
  /** Unix seconds of the wall clock. */
  created: number
  state: RelayState
  reason: RelayReason | undefined
  detail: string | undefined
  /** Where it was mined. */
  transaction: Hex | undefined
  block: bigint | undefined
  /** Deep enough below the chain's head not to be looked at again. */
  final: boolean
  /** The retirement's number, and its picture (SVG) as the contract drew it. */
  number: bigint | undefined
  picture: string | undefined
}

/** A transaction that carries an intent. One with the same nonce and a higher fee replaces it. */
export interface RelayTransaction {
  hash: Hex
  relay: bigint
  nonce: number
  raw: Hex
  /** Unix seconds of the wall clock. */
  sent: number
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
}

export type RelayStore = ReturnType<typeof relayStore>

/** The part of the journal that holds households' intents. */
export function relayStore(db: Db) {
  const insert = db.prepare(
    `INSERT INTO relays (kind, holder, recipient, wh, until, nonce, statement, claim, digest, signature, created)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
  )
  const get = db.prepare("SELECT * FROM relays WHERE id = ?")
  const byDigest = db.prepare("SELECT * FROM relays WHERE digest = ?")
  const byNonce = db.prepare("SELECT * FROM relays WHERE holder = ? AND nonce = ?")
  const byNumber = db.prepare("SELECT * FROM relays WHERE number = ? AND state = 'done'")
  const ofHolder = db.prepare("SELECT * FROM relays WHERE holder = ? AND id < ? ORDER BY id DESC LIMIT ?")
  const toHolder = db.prepare(
    "SELECT * FROM relays WHERE recipient = ? AND holder <> recipient AND kind = 'send' AND state = 'done' ORDER BY id DESC LIMIT ?",
  )
  const certificates = db.prepare(
    "SELECT * FROM relays WHERE holder = ? AND kind = 'retire' AND state = 'done' ORDER BY id DESC",
  )
  const nextQueued = db.prepare("SELECT * FROM relays WHERE state = 'queued' ORDER BY id LIMIT 1")
  const expired = db.prepare("SELECT * FROM relays WHERE state = 'queued' AND until <= ? ORDER BY id")
  const sent = db.prepare("SELECT * FROM relays WHERE state = 'sent' ORDER BY id")
  const unsettled = db.prepare(
    "SELECT * FROM relays WHERE state = 'done' AND (final = 0 OR (kind = 'retire' AND picture IS NULL)) ORDER BY id LIMIT 100",
  )
  const countSince = db.prepare("SELECT count(*) FROM relays WHERE created > ?").pluck()
  const countOf = db.prepare("SELECT count(*) FROM relays WHERE holder = ? AND created > ?").pluck()
  const pendingWh = db
    .prepare("SELECT coalesce(sum(wh), 0) FROM relays WHERE holder = ? AND state IN ('queued', 'sent')")
    .pluck()
  const setState = db.prepare("UPDATE relays SET state = ?, reason = ?, detail = ? WHERE id = ?")
  const setDone = db.prepare(
    `UPDATE relays SET state = 'done', reason = NULL, detail = NULL, mined_in = ?, block = ?, number = ?, picture = NULL,
     final = 0 WHERE id = ?`,
  )
  const undo = db.prepare(
    "UPDATE relays SET state = 'sent', mined_in = NULL, block = NULL, number = NULL, picture = NULL WHERE id = ?",
  )
  const setFinal = db.prepare("UPDATE relays SET final = 1 WHERE id = ?")
  const setPicture = db.prepare("UPDATE relays SET picture = ? WHERE id = ?")
  const putTransaction = db.prepare(
    `INSERT INTO relay_transactions (hash, relay, nonce, raw, sent, max_fee, max_tip) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (hash) DO UPDATE SET sent = excluded.sent`,
  )
  const transactions = db.prepare("SELECT * FROM relay_transactions WHERE relay = ? ORDER BY sent, max_fee")
  const atNonce = db.prepare(
    "SELECT max(max_fee) AS max_fee, max(max_tip) AS max_tip FROM relay_transactions WHERE nonce = ? HAVING count(*) > 0",
  )
  const putContracts = db.prepare(
    "INSERT INTO relay_contracts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET token = excluded.token, retirements = excluded.retirements",
  )
  const contracts = db.prepare(
    "SELECT token, retirements FROM relay_contracts WHERE chain_id = ? AND oracle = ?",
  )

  const one = (row: unknown) => (row === undefined ? undefined : relayFromRow(row as RelayRow))
  const many = (rows: unknown[]) => (rows as RelayRow[]).map(relayFromRow)

  return {
    /** Takes an intent, once: the same one again is the one that is there. */
    add: db.transaction(
      (intent: Intent, digest: Hex, signature: Hex, claim: string | undefined, now: number): Relay => {
        const known = one(byDigest.get(digest))
        if (known) return known
        const { kind, from, to, wh, until, nonce } = intent
        const statement = intent.kind === "retire" ? intent.statement : null
        return one(
          insert.get(kind, from, to, wh, until, nonce, statement, claim ?? null, digest, signature, now),
        )!
      },
    ),
    get: (id: bigint) => one(get.get(id)),
    byDigest: (digest: Hex) => one(byDigest.get(digest)),
    byNonce: (holder: Hex, nonce: Hex) => one(byNonce.get(holder, nonce)),
    /** The intent that made a retirement. */
    retirement: (number: bigint) => one(byNumber.get(number)),
    /** A household's own, newest first, older than `before`. */
    of: (holder: Hex, limit: number, before = 2n ** 62n) => many(ofHolder.all(holder, before, limit)),
    /** What other households of this gateway sent to it. */
    to: (recipient: Hex, limit: number) => many(toHolder.all(recipient, limit)),
    certificates: (holder: Hex) => many(certificates.all(holder)),
    nextQueued: () => one(nextQueued.get()),
    expired: (now: number) => many(expired.all(now)),
    sent: () => many(sent.all()),
    /** Done ones that may still be dropped by the chain, or lack their picture. */
    unsettled: () => many(unsettled.all()),
    countSince: (time: number) => Number(countSince.get(time)),
    countOf: (holder: Hex, time: number) => Number(countOf.get(holder, time)),
    /** What a household has signed away that is not on the chain yet. */
    pendingWh: (holder: Hex) => BigInt(pendingWh.get(holder) as bigint),

    setState(id: bigint, state: Exclude<RelayState, "done">, reason?: RelayReason, detail?: string): void {
      setState.run(state, reason ?? null, detail ?? null, id)
    },
    setDone(id: bigint, transaction: Hex, block: bigint, number: bigint | undefined): void {
      setDone.run(transaction, block, number ?? null, id)
    },
    /** The chain dropped its block. */
    undo: (id: bigint) => void undo.run(id),
    setFinal: (id: bigint) => void setFinal.run(id),
    setPicture: (id: bigint, picture: string) => void setPicture.run(picture, id),

    /** Written before it is sent, so that it can be sent again after a crash. */
    putTransaction({
      hash,
      relay,
      nonce,
      raw,
      sent,
      maxFeePerGas,
      maxPriorityFeePerGas,
    }: RelayTransaction): void {
      putTransaction.run(hash, relay, nonce, raw, sent, maxFeePerGas, maxPriorityFeePerGas)
    },
    transactions(relay: bigint): RelayTransaction[] {
      return (transactions.all(relay) as Record<string, unknown>[]).map((row) => ({
        hash: row.hash as Hex,
        relay,
        nonce: Number(row.nonce),
        raw: row.raw as Hex,
        sent: Number(row.sent),
        maxFeePerGas: row.max_fee as bigint,
        maxPriorityFeePerGas: row.max_tip as bigint,
      }))
    },

    /** The highest fees that were offered for a nonce: who wants its place must offer more. */
    feesAtNonce(nonce: number): { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint } | undefined {
      const row = atNonce.get(nonce) as { max_fee: bigint; max_tip: bigint } | undefined
      return row && { maxFeePerGas: row.max_fee, maxPriorityFeePerGas: row.max_tip }
    },

    /** Where an oracle's token and retirements are, kept for times without a chain. */
    putContracts(
      chainId: number,
      oracle: Hex,
      { token, retirements }: { token: Hex; retirements: Hex },
    ): void {
      putContracts.run(chainId, oracle, token, retirements)
    },
    contracts(chainId: number, oracle: Hex): { token: Hex; retirements: Hex } | undefined {
      return contracts.get(chainId, oracle) as { token: Hex; retirements: Hex } | undefined
    },
  }
}

interface RelayRow {
  id: bigint
  kind: "send" | "retire"
  holder: Hex
  recipient: Hex
  wh: bigint
  until: bigint
  nonce: Hex
  statement: Hex | null
  claim: string | null
  digest: Hex
  signature: Hex
  created: bigint
  state: RelayState
  reason: RelayReason | null
  detail: string | null
  mined_in: Hex | null
  block: bigint | null
  final: bigint
  number: bigint | null
  picture: string | null
}

function relayFromRow(row: RelayRow): Relay {
  const { holder: from, recipient: to, wh, nonce } = row
  const common = { from, to, wh, nonce, until: Number(row.until) }
  return {
    id: row.id,
    intent:
      row.kind === "send"
        ? { kind: "send", ...common }
        : { kind: "retire", ...common, statement: row.statement! },
    digest: row.digest,
    signature: row.signature,
    claim: row.claim ?? undefined,
    created: Number(row.created),
    state: row.state,
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
    transaction: row.mined_in ?? undefined,
    block: row.block ?? undefined,
    final: row.final === 1n,
    number: row.number ?? undefined,
    picture: row.picture ?? undefined,
  }
}
