import type { Hex } from "../../protocol/hex.ts"
import type { HomeDaySum, PublicDay } from "../journal/days.ts"

/** So many homes at least stand behind each figure that tells of use, and behind each difference of two figures. */
export const fewestHomes = 3n

/**
 * Of what the two largest leave, in percent of the largest: the p%-rule of official statistics (Eurostat, Handbook on
 * Statistical Disclosure Control, 4.2). Below it the second largest, who knows its own, knows the largest too well.
 */
const dominancePercent = 20n

/**
 * What everyone is told of a day that is over. What roofs generate is public; what homes use is told as a sum over the
 * whole day, and only where nobody can learn one home's part from it:
 *
 * 1. Three homes at least are in it, and none of them makes up nearly all of it.
 * 2. Homes come into the sums, and leave them, by three at least. Two homes that were in the same published sums
 *    ever since are told apart by none of them; of such homes there are always three or more, whichever sums are added
 *    or subtracted.
 * 3. A group begins on a day on which all homes are known: a gap on the first day leaves nobody out for good.
 * 4. What is fed in, shared and drawn is told only where 1 and 2 hold for the homes with a roof as well, for the others
 *    feed nothing in, and their sum would be one roof's; and only where no home stands outside of the sum, for what went
 *    between it and them would be that home's.
 *
 * @param earlier every group of homes of which a sum was published before.
 * @param roofs every home that ever generated.
 */
export function publicDay(
  day: string,
  sums: readonly HomeDaySum[],
  earlier: readonly (readonly Hex[])[],
  roofs: ReadonlySet<Hex>,
): PublicDay {
  const whole = sums.flatMap(({ household, energy, missing }) =>
    energy?.exchange && missing === 0 ? { household, ...energy.exchange } : [],
  )
  const present = whole.map(({ household }) => household)
  const measured = sums.filter(({ energy, missing }) => energy?.exchange || (missing > 0 && !energy))
  const homes = groupFor(present, earlier, measured.length === present.length) ?? []
  const inGroup = whole.filter(({ household }) => homes.includes(household))
  const nothing = { used: undefined, shared: undefined, toGrid: undefined, fromGrid: undefined }
  if (dominated(inGroup.map(({ used }) => used))) return { day, homes: [], ...nothing }

  const sum = (name: "used" | "given" | "toGrid" | "fromGrid") =>
    inGroup.reduce((total, home) => total + home[name], 0n)
  const withRoof = inGroup.filter(({ household }) => roofs.has(household))
  const groups = [...earlier, homes]
  const telling =
    homes.length === measured.length &&
    standTogether(groups.map((group) => group.filter((home) => roofs.has(home)))) &&
    !dominated(withRoof.map(({ given, toGrid }) => given + toGrid)) &&
    !dominated(inGroup.map(({ received, fromGrid }) => received + fromGrid))
  if (!telling) return { day, homes, ...nothing, used: sum("used") }
  return {
    day,
    homes,
    used: sum("used"),
    shared: sum("given"),
    toGrid: sum("toGrid"),
    fromGrid: sum("fromGrid"),
  }
}

/**
 * The homes of a day that may be added up: all, if they may, else the largest group of before that is whole.
 * @param everyone whether the homes present are all that there are.
 */
export function groupFor(
  present: readonly Hex[],
  earlier: readonly (readonly Hex[])[],
  everyone: boolean,
): Hex[] | undefined {
  const candidates = [...(everyone ? [present] : []), ...[...earlier].sort((a, b) => b.length - a.length)]
  const group = candidates.find(
    (homes) =>
      homes.length > 0 && homes.every((home) => present.includes(home)) && standTogether([...earlier, homes]),
  )
  return group && [...group].sort()
}

/** Whether no sum or difference of the groups is of fewer homes than it takes. */
function standTogether(groups: readonly (readonly Hex[])[]): boolean {
  const alike = new Map<string, bigint>()
  for (const home of new Set(groups.flat())) {
    const pattern = groups.map((group) => (group.includes(home) ? 1 : 0)).join("")
    alike.set(pattern, (alike.get(pattern) ?? 0n) + 1n)
  }
  return [...alike.values()].every((count) => count >= fewestHomes)
}

function dominated(values: readonly bigint[]): boolean {
  const [first = 0n, , ...rest] = [...values].sort((a, b) => (a > b ? -1 : a < b ? 1 : 0))
  const others = rest.reduce((sum, value) => sum + value, 0n)
  return BigInt(values.length) < fewestHomes || others * 100n < first * dominancePercent
}
