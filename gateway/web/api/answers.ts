import type { z } from "zod"
import type { Energy } from "../../../energy/day.ts"
import { toHex } from "../../../protocol/hex.ts"
import type { CommunityDay, CommunityNow } from "../community-facts.ts"
import type { HomeNow, Mint, Why } from "../home-facts.ts"
import type { LedgerEntry } from "../ledger.ts"
import type { energyShape, shapes } from "./shapes.ts"

/** From figures to what the API says. Energies are text: a number in JSON would be a float. */

type Answer<Name extends keyof typeof shapes> = z.output<(typeof shapes)[Name]>

const text = (wh: bigint | undefined) => (wh === undefined ? null : String(wh))

export function energyOut({ generated, exchange }: Energy): z.output<typeof energyShape> {
  return {
    generated: String(generated),
    used: text(exchange?.used),
    received: text(exchange?.received),
    given: text(exchange?.given),
    fromGrid: text(exchange?.fromGrid),
    toGrid: text(exchange?.toGrid),
  }
}

export function communityNowOut(now: CommunityNow): Answer<"communityNow"> {
  const { sunW, sunAsOf, generatedToday, settledUpTo, heldUp, latestBatch } = now
  return {
    sunW: sunW ?? null,
    sunAsOf: sunAsOf ?? null,
    generatedToday: text(generatedToday),
    settledUpTo,
    heldUp,
    latestBatch: text(latestBatch),
  }
}

export function communityDayOut({ day, generated, homes, used, shared, toGrid, fromGrid }: CommunityDay) {
  return {
    day,
    generated: text(generated),
    homes: homes ?? null,
    used: text(used),
    shared: text(shared),
    toGrid: text(toGrid),
    fromGrid: text(fromGrid),
  }
}

export function batchOut({ batch, statedWh, meters, attestations, transactions }: LedgerEntry) {
  const { number, time, state, root, evidence } = batch
  return {
    number: String(number),
    time,
    state,
    root,
    evidence: evidence.toString(),
    stated: text(statedWh),
    meters,
    signatures: attestations.filter(({ signature }) => signature).length,
    transactions: transactions.map(({ kind, hash }) => ({ kind, hash })),
  }
}

export function homeNowOut(now: HomeNow): Answer<"homeNow"> {
  const { sunW, homeW, connectionW, asOf, leftOut, interval, green } = now
  return {
    sunW: sunW ?? null,
    homeW: homeW ?? null,
    connectionW: connectionW ?? null,
    asOf: asOf ?? null,
    leftOut: leftOut.map(({ name, because, time }) => ({ meter: name, because, time: time ?? null })),
    interval: interval
      ? {
          start: interval.start,
          end: interval.end,
          energy: interval.energy ? energyOut(interval.energy) : null,
        }
      : null,
    green: text(green),
  }
}

export function accountOut(account: { credit: bigint; time: number } | undefined) {
  return account ? { credit: String(account.credit), time: account.time } : null
}

export function mintOut({ batch, time, state, units, refused }: Mint) {
  return { batch: String(batch), time, state, units: String(units), refused }
}

export function whyOut(why: Why): Answer<"why"> {
  const { batch, time, state, units, root, evidence, statements, transactions, attestations } = why
  return {
    batch: String(batch),
    time,
    state,
    units: String(units),
    root,
    evidence,
    statements: statements.map(({ meter, statement, beforeWh, leaf, proof, reading }) => ({
      meterId: statement.meterId,
      meter: meter.name,
      before: String(beforeWh),
      generated: String(statement.generatedWh),
      time: statement.time,
      reading: statement.reading,
      bytes: reading ? toHex(reading.bytes) : null,
      leaf: toHex(leaf),
      proof: proof.map(toHex),
    })),
    transactions,
    attestations: attestations.map(({ validator, refusal }) => ({ validator, refusal: refusal ?? null })),
  }
}
