import type { Attestation, Batch, Transaction } from "../journal/batches.ts"
import type { WebContext } from "./context.ts"

/** A batch with what became of it. */
export interface LedgerEntry {
  batch: Batch
  /** What it states beyond the batch before it, Wh; undefined where a meter of it is no longer configured. */
  statedWh: bigint | undefined
  meters: number
  transactions: Transaction[]
  attestations: Attestation[]
}

/** The latest batches before a number, newest first. */
export function ledger(
  { journal: { batches }, config }: Pick<WebContext, "journal" | "config">,
  limit: number,
  before?: bigint,
): LedgerEntry[] {
  const startWh = new Map(config.meters.map(({ key, startWh }) => [key.meterId, startWh]))
  // Numbers follow each other without a gap, from 1 on.
  const newest = batches.newest(1)[0]?.number ?? 0n
  const first = before !== undefined && before <= newest ? before - 1n : newest
  const numbers = Array.from({ length: limit }, (_, i) => first - BigInt(i)).filter((number) => number > 0n)
  return numbers
    .flatMap((number) => batches.get(number) ?? [])
    .map((batch): LedgerEntry => {
      const statements = batches.statements(batch.number)
      const previous = batches.standingBefore(batch.number)
      const before = new Map(startWh)
      for (const { meterId, generatedWh } of previous ? batches.statements(previous.number) : [])
        before.set(meterId, generatedWh)
      let statedWh: bigint | undefined = 0n
      for (const { meterId, generatedWh } of statements) {
        const from = before.get(meterId)
        statedWh = from === undefined || statedWh === undefined ? undefined : statedWh + generatedWh - from
      }
      return {
        batch,
        statedWh,
        meters: statements.length,
        transactions: batches.transactions(batch.number).filter(({ outcome }) => outcome !== "lost"),
        attestations: batches.attestations(batch.number),
      }
    })
}
