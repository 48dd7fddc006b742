/** What a transaction offers for a unit of gas (EIP-1559), wei. */
export interface Fees {
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
}

/** What the chain asks for a unit of gas in the next block, wei. */
export interface Price {
  baseFee: bigint
  tip: bigint
}

const larger = (a: bigint, b: bigint) => (a > b ? a : b)
const smaller = (a: bigint, b: bigint) => (a < b ? a : b)

/** What a unit of gas costs now, wei. */
export const costOf = ({ baseFee, tip }: Price): bigint => baseFee + tip

/**
 * What to offer for a first transaction: room for the base fee to double, which it can at the earliest in six full
 * blocks (EIP-1559: an eighth a block), and never more than the ceiling.
 * @returns undefined while the chain asks more than the ceiling.
 */
export function offer(price: Price, ceiling: bigint): Fees | undefined {
  if (costOf(price) > ceiling) return undefined
  return {
    maxFeePerGas: smaller(2n * price.baseFee + price.tip, ceiling),
    maxPriorityFeePerGas: price.tip,
  }
}

/**
 * What to offer in place of a transaction that nobody mines. Nodes take it only if both parts rise by a tenth (geth,
 * erigon, nethermind) or an eighth (the strictest known).
 * @returns undefined where that, or what the chain asks, is above the ceiling.
 */
export function raisedOffer(before: Fees, price: Price, ceiling: bigint): Fees | undefined {
  const usual = offer(price, ceiling)
  if (!usual) return undefined
  const maxPriorityFeePerGas = larger(usual.maxPriorityFeePerGas, anEighthMore(before.maxPriorityFeePerGas))
  const maxFeePerGas = larger(
    larger(usual.maxFeePerGas, anEighthMore(before.maxFeePerGas)),
    maxPriorityFeePerGas,
  )
  return maxFeePerGas > ceiling ? undefined : { maxFeePerGas, maxPriorityFeePerGas }
}

const anEighthMore = (wei: bigint) => larger((wei * 9n + 7n) / 8n, wei + 1n)

/** A fee from a configuration, to the wei. */
export function weiOf(gwei: number): bigint {
  return BigInt(gwei.toFixed(9).replace(".", ""))
}

/** Wei of whatever a chain calls its coin, for people: four digits that count. */
export function coins(wei: bigint): string {
  const text = wei.toString().padStart(19, "0")
  const [whole, part] = [text.slice(0, -18), text.slice(-18)]
  const zeros = /^0*/.exec(part)![0].length
  const digits = whole === "0" ? zeros + 4 : Math.max(0, 4 - whole.length)
  const shown = part.slice(0, digits).replace(/0+$/, "")
  return shown ? `${whole}.${shown}` : whole
}

/** A fee for people: "0.05 gwei", "31 gwei". */
export function gwei(wei: bigint): string {
  return `${coins(wei * 1_000_000_000n)} gwei`
}
