/** One household's net energy in an interval, whole Wh: all its meters together. */
export interface HouseholdNet {
  household: string
  /** Fed into the community's grid, net of what it took in the same interval; never negative. */
  surplusWh: bigint
  /** Taken from the community's grid, net; never negative. One of the two is zero. */
  deficitWh: bigint
}

/** What an interval's surplus became, for one household. */
export interface HouseholdShare {
  household: string
  /** Of its surplus, what neighbours used. */
  givenWh: bigint
  /** Of its deficit, what came from neighbours. */
  receivedWh: bigint
}

/**
 * Divides an interval's surplus by the proportional sharing key: what the community shares is the smaller of its
 * surplus and its deficit; givers give and takers receive in proportion to their own surplus and deficit.
 * Conserving to the Wh and independent of the order of households; remainders go by `divide`.
 * (The default dynamic key of French collective self-consumption.)
 */
export function shareProportionally(nets: readonly HouseholdNet[]): HouseholdShare[] {
  const sum = (values: bigint[]) => values.reduce((a, b) => a + b, 0n)
  const surplus = sum(nets.map((net) => net.surplusWh))
  const deficit = sum(nets.map((net) => net.deficitWh))
  // biome-ignore lint/complexity/useMathMinMax: Math.min does not take a bigint
  const shared = surplus < deficit ? surplus : deficit
  const names = nets.map((net) => net.household)
  const given = divide(
    shared,
    nets.map((net) => net.surplusWh),
    names,
  )
  const received = divide(
    shared,
    nets.map((net) => net.deficitWh),
    names,
  )
  return names.map((household, i) => ({ household, givenWh: given[i]!, receivedWh: received[i]! }))
}

/**
 * Divides a whole amount in proportion to weights by the largest-remainder rule. Parts that remain go to the
 * largest remainders; among equal ones to the name that sorts first.
 * @returns parts in the order of the weights; they add up to the amount (to 0 when all weights are 0).
 */
export function divide(amount: bigint, weights: readonly bigint[], names: readonly string[]): bigint[] {
  const total = weights.reduce((a, b) => a + b, 0n)
  if (total === 0n) return weights.map(() => 0n)
  const parts = weights.map((weight) => (amount * weight) / total)
  const remainder = (i: number) => (amount * weights[i]!) % total
  const left = Number(amount - parts.reduce((a, b) => a + b, 0n))
  const order = weights
    .map((_, i) => i)
    .sort((a, b) => {
      const [x, y] = [remainder(a), remainder(b)]
      if (x !== y) return x > y ? -1 : 1
      return names[a]! < names[b]! ? -1 : 1
    })
  for (const i of order.slice(0, left)) parts[i]! += 1n
  return parts
}

/** Nets what went out of and into a household's meters in one interval. */
export function netOf(household: string, exportedWh: bigint, importedWh: bigint): HouseholdNet {
  const net = exportedWh - importedWh
  return { household, surplusWh: net > 0n ? net : 0n, deficitWh: net < 0n ? -net : 0n }
}
