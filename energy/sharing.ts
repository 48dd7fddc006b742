import type { Hex } from "../protocol/hex.ts"
import { type PairPart, type Part, type SharingKey, wholeParts } from "../protocol/sharing-key.ts"

/** One household's energy at the community's grid in an interval, whole Wh: all its meters together. */
export interface HouseholdNet {
  household: string
  /** Fed in; never negative. */
  surplusWh: bigint
  /** Taken; never negative. Of a netted household one of the two is zero. */
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
 * Divides one interval's surplus among the households whose energy in it is known. Under every key what is given is
 * what is received, to the Wh; nobody gives more than its surplus or receives more than its deficit; the order of
 * households does not matter. What a key offers to a household that has no use for it (or whose energy is not
 * known: a gap is not a zero) is not offered again, and stays surplus.
 *
 * | key | |
 * |---|---|
 * | proportional | each takes in proportion to its deficit (France: the default dynamic key) |
 * | minimum | the same over what was injected and withdrawn, not netted: the hourly minimum (Italy). Intervals are hours |
 * | equal | the same amount for each, up to its deficit; what some cannot use goes to the others in equal amounts |
 * | static | each is offered its fixed part of the surplus (France: static key; Spain: fixed coefficients) |
 * | table | each is offered the part that the interval's row says (France: dynamic key; Spain: hourly coefficients) |
 * | pairs | each producer's surplus is offered by parts of its own (France: the key by producer and consumer) |
 * | priority | the first rank takes what it needs, then the next; within a rank, and among all that no rank names, in proportion |
 *
 * Where `table` or `pairs` has no row for the interval, proportional is in force.
 * @param start of the interval, Unix seconds.
 */
export function shareBy(key: SharingKey, nets: readonly HouseholdNet[], start: number): HouseholdShare[] {
  switch (key.name) {
    case "proportional":
    case "minimum":
      return shareProportionally(nets)
    case "equal":
      return givenFor(nets, equally(nets))
    case "static":
      return givenFor(nets, byParts(nets, key.parts))
    case "table": {
      const row = rowAt(key, start)
      return row ? givenFor(nets, byParts(nets, row.parts)) : shareProportionally(nets)
    }
    case "pairs": {
      const row = rowAt(key, start)
      return row ? byPairs(nets, row.pairs) : shareProportionally(nets)
    }
    case "priority":
      return givenFor(nets, byRank(nets, key.ranks))
  }
}

/** What each key works on: a household's meters netted within the interval, or what went in and out as it was. */
export function balanceFor(
  key: SharingKey,
  household: string,
  exportedWh: bigint,
  importedWh: bigint,
): HouseholdNet {
  return key.name === "minimum"
    ? { household, surplusWh: exportedWh, deficitWh: importedWh }
    : netOf(household, exportedWh, importedWh)
}

/** Nets what went out of and into a household's meters in one interval. */
export function netOf(household: string, exportedWh: bigint, importedWh: bigint): HouseholdNet {
  const net = exportedWh - importedWh
  return { household, surplusWh: net > 0n ? net : 0n, deficitWh: net < 0n ? -net : 0n }
}

/**
 * What the community shares is the smaller of its surplus and its deficit; givers give and takers receive in
 * proportion to their own surplus and deficit.
 */
export function shareProportionally(nets: readonly HouseholdNet[]): HouseholdShare[] {
  const shared = least(sum(surpluses(nets)), sum(deficits(nets)))
  return givenFor(nets, divide(shared, deficits(nets), names(nets)))
}

/** Givers give in proportion to their surplus, together what is received. */
function givenFor(nets: readonly HouseholdNet[], received: readonly bigint[]): HouseholdShare[] {
  const given = divide(sum(received), surpluses(nets), names(nets))
  return nets.map(({ household }, i) => ({ household, givenWh: given[i]!, receivedWh: received[i]! }))
}

/** Pours the surplus over the takers at one level; whoever is full stops. */
function equally(nets: readonly HouseholdNet[]): bigint[] {
  const received = nets.map(() => 0n)
  const wanting = (i: number) => nets[i]!.deficitWh - received[i]!
  const byName = nets.map((_, i) => i).sort((a, b) => (nets[a]!.household < nets[b]!.household ? -1 : 1))
  let left = sum(surpluses(nets))
  for (;;) {
    const takers = byName.filter((i) => wanting(i) > 0n)
    if (takers.length === 0 || left === 0n) return received
    const level = left / BigInt(takers.length)
    // Less than one Wh each: to the names that sort first.
    for (const i of level > 0n ? takers : takers.slice(0, Number(left))) {
      const part = least(level > 0n ? level : 1n, wanting(i))
      received[i]! += part
      left -= part
    }
  }
}

/** Offers each household its part of all the surplus; it takes what it has a use for. */
function byParts(nets: readonly HouseholdNet[], parts: readonly Part[]): bigint[] {
  const offers = offered(
    sum(surpluses(nets)),
    parts.map((part) => [part.household, part.parts]),
  )
  return nets.map(({ household, deficitWh }) => least(offers.get(household) ?? 0n, deficitWh))
}

function byPairs(nets: readonly HouseholdNet[], pairs: readonly PairPart[]): HouseholdShare[] {
  const shares = new Map(nets.map(({ household }) => [household, { household, givenWh: 0n, receivedWh: 0n }]))
  const offers = nets.flatMap(({ household: producer, surplusWh }) => {
    const own = pairs.filter((pair) => pair.producer === producer)
    return [
      ...offered(
        surplusWh,
        own.map((pair) => [pair.consumer, pair.parts]),
      ),
    ].map(([consumer, wh]) => ({ producer, consumer, wh }))
  })
  for (const { household, deficitWh } of nets) {
    const own = offers.filter((offer) => offer.consumer === household)
    const weights = own.map((offer) => offer.wh)
    const taken = divide(
      least(sum(weights), deficitWh),
      weights,
      own.map((offer) => offer.producer),
    )
    own.forEach(({ producer }, i) => {
      shares.get(producer)!.givenWh += taken[i]!
      shares.get(household)!.receivedWh += taken[i]!
    })
  }
  return nets.map(({ household }) => shares.get(household)!)
}

function byRank(nets: readonly HouseholdNet[], ranks: readonly (readonly Hex[])[]): bigint[] {
  const rankOf = new Map<string, number>(
    ranks.flatMap((rank, n) => rank.map((household) => [household, n] as const)),
  )
  const received = nets.map(() => 0n)
  let left = sum(surpluses(nets))
  for (let n = 0; n <= ranks.length; n++) {
    const members = nets
      .map((_, i) => i)
      .filter((i) => (rankOf.get(nets[i]!.household) ?? ranks.length) === n)
    const own = members.map((i) => nets[i]!)
    const amount = least(left, sum(deficits(own)))
    divide(amount, deficits(own), names(own)).forEach((part, m) => {
      received[members[m]!] = part
    })
    left -= amount
  }
  return received
}

/** Divides an amount by millionths; what they leave over is offered to nobody. */
function offered(amount: bigint, parts: readonly (readonly [string, number])[]): Map<string, bigint> {
  const rest = wholeParts - parts.reduce((total, [, millionths]) => total + millionths, 0)
  const nobody = "nobody"
  const all: (readonly [string, number])[] = [...parts, [nobody, rest]]
  const divided = divide(
    amount,
    all.map(([, millionths]) => BigInt(millionths)),
    all.map(([name]) => name),
  )
  return new Map(parts.map(([name], i) => [name, divided[i]!]))
}

/** The row in force at a time, if there is one. */
function rowAt<Row extends { start: number }>(
  { seconds, rows }: { seconds: number; rows: readonly Row[] },
  time: number,
): Row | undefined {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (rows[middle]!.start <= time) low = middle + 1
    else high = middle
  }
  const row = rows[low - 1]
  return row && time < row.start + seconds ? row : undefined
}

/**
 * Divides a whole amount in proportion to weights by the largest-remainder rule. Parts that remain go to the
 * largest remainders; among equal ones to the name that sorts first.
 * @returns parts in the order of the weights; they add up to the amount (to 0 when all weights are 0).
 */
export function divide(amount: bigint, weights: readonly bigint[], names: readonly string[]): bigint[] {
  const total = sum(weights)
  if (total === 0n) return weights.map(() => 0n)
  const parts = weights.map((weight) => (amount * weight) / total)
  const remainder = (i: number) => (amount * weights[i]!) % total
  const left = Number(amount - sum(parts))
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

const surpluses = (nets: readonly HouseholdNet[]) => nets.map((net) => net.surplusWh)
const deficits = (nets: readonly HouseholdNet[]) => nets.map((net) => net.deficitWh)
const names = (nets: readonly HouseholdNet[]) => nets.map((net) => net.household)

function sum(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => a + b, 0n)
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
