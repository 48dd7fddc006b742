import { type Log, type PublicClient, parseEventLogs } from "viem"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { sharingPoolAbi } from "../contracts/generated/sharingPool.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { logsOf } from "./logs.ts"
import type { Position } from "./meter-life.ts"
import { lower } from "./notes.ts"
import type { History } from "./record.ts"

export type PoolEvent = { at: Position } & (
  | { kind: "limit"; household: Hex; limit: bigint }
  | { kind: "settled"; household: Hex; number: bigint; before: bigint; credit: bigint; time: number }
  | { kind: "deposited"; household: Hex; amount: bigint }
  | { kind: "withdrawn"; household: Hex; amount: bigint }
  | { kind: "paid"; household: Hex; to: Hex; amount: bigint }
)

export interface PoolAccount {
  funds: bigint
  credit: bigint
  time: number
  limit: bigint
}

/** All that a pool ever said, and what it says that things stand at. Nothing here was recomputed yet. */
export interface PoolHistory {
  pool: Hex
  issuance: Hex
  token: Hex
  site: number
  events: PoolEvent[]
  /** GREEN that went to the pool (and with a minus from it), by transaction, as the token says. */
  moved: { wh: bigint; at: Position }[]
  standing: {
    heldWh: bigint
    owed: bigint
    backed: bigint
    netCredit: bigint
    accounts: ReadonlyMap<Hex, PoolAccount>
  }
}

/** @throws PersonError when there is no pool at the address. */
export async function readPool(client: PublicClient, history: History, pool: Hex): Promise<PoolHistory> {
  const at = { blockNumber: history.toBlock } as const
  const contract = { address: pool, abi: sharingPoolAbi, ...at } as const
  if (!(await client.getCode({ address: pool })))
    throw new PersonError(`There is no contract at ${pool}.`, { next: "Check --pool." })
  const [issuance, token, site, owed, backed, netCredit] = await Promise.all([
    client.readContract({ ...contract, functionName: "issuance" }),
    client.readContract({ ...contract, functionName: "token" }),
    client.readContract({ ...contract, functionName: "site" }),
    client.readContract({ ...contract, functionName: "owed" }),
    client.readContract({ ...contract, functionName: "backed" }),
    client.readContract({ ...contract, functionName: "netCredit" }),
  ])
  const events: PoolEvent[] = []
  const { fromBlock, toBlock } = history
  for await (const { logs } of logsOf(client, [pool], { fromBlock, toBlock })) {
    for (const log of parseEventLogs({ abi: sharingPoolAbi, logs })) {
      const event = eventOf(log)
      if (event) events.push({ ...event, at: position(log) })
    }
  }
  const own = lower(pool)
  const moved = history.transfers
    .filter(({ id, from, to }) => id === undefined && from !== to && (from === own || to === own))
    .map(({ to, wh, at }) => ({ wh: to === own ? wh : -wh, at }))
  const accounts = new Map<Hex, PoolAccount>()
  for (const household of new Set(
    events.flatMap((e) => (e.kind === "paid" ? [e.household, e.to] : [e.household])),
  )) {
    const [funds, credit, time, limit] = await client.readContract({
      ...contract,
      functionName: "accountOf",
      args: [household],
    })
    accounts.set(household, { funds, credit, time: Number(time), limit })
  }
  const heldWh = await client.readContract({
    address: token,
    abi: greenTokenAbi,
    ...at,
    functionName: "balanceOf",
    args: [pool],
  })
  return {
    pool: own,
    issuance: lower(issuance),
    token: lower(token),
    site,
    events,
    moved,
    standing: { heldWh, owed, backed, netCredit, accounts },
  }
}

type PoolLog = ReturnType<typeof parseEventLogs<typeof sharingPoolAbi>>[number]
type Said<E = PoolEvent> = E extends unknown ? Omit<E, "at"> : never

function eventOf(log: PoolLog): Said | undefined {
  switch (log.eventName) {
    case "LimitChanged":
      return { kind: "limit", household: lower(log.args.household), limit: log.args.limit }
    case "AccountSettled": {
      const { household, number, creditBefore, credit, time } = log.args
      return {
        kind: "settled",
        household: lower(household),
        number,
        before: creditBefore,
        credit,
        time: Number(time),
      }
    }
    case "Deposited":
      return { kind: "deposited", household: lower(log.args.household), amount: log.args.amount }
    case "Withdrawn":
      return { kind: "withdrawn", household: lower(log.args.household), amount: log.args.amount }
    case "Paid": {
      const { household, to, amount } = log.args
      return { kind: "paid", household: lower(household), to: lower(to), amount }
    }
    default:
      return undefined
  }
}

function position({ blockNumber, logIndex, transactionHash }: Log<bigint, number, false>): Position {
  return { block: blockNumber, log: logIndex, transaction: transactionHash }
}
