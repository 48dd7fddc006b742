import { readFileSync } from "node:fs"
import fc from "fast-check"
import t from "tap"
import { ceilingWh } from "./ceiling.ts"

/** The formula as it stands in the contract's source, to be evaluated as Solidity does: on whole numbers. */
function contractCeiling(): (ratedW: bigint, elapsed: bigint, headroom: bigint) => bigint {
  const source = readFileSync(new URL("../../contracts/Ceiling.sol", import.meta.url), "utf8")
  const [, formula] = /function ceilingWh\([^)]*\)[^{]*\{\s*unchecked \{\s*return ([^;]+);/.exec(source) ?? []
  const [, perWh] = /constant WS_BASIS_POINTS_PER_WH = ([\d_* ]+);/.exec(source) ?? []
  if (!formula || !perWh) throw new Error("Ceiling.sol has no such formula any more.")
  const expression = formula
    .replace("WS_BASIS_POINTS_PER_WH", `(${perWh})`)
    .replace(/\b\d[\d_]*\b/g, (digits) => `${digits}n`)
  return Function("ratedW", "elapsed", "headroom", `return ${expression}`) as ReturnType<
    typeof contractCeiling
  >
}

t.test("the ceiling is the one that the contract mints by, for every meter, time and headroom", async (t) => {
  const contract = contractCeiling()
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 0xffffffff }),
      fc.integer({ min: 1, max: 0xffffffff }),
      fc.integer({ min: 0, max: 10_000 }),
      (ratedW, seconds, headroom) =>
        ceilingWh(ratedW, seconds, headroom) === contract(BigInt(ratedW), BigInt(seconds), BigInt(headroom)),
    ),
  )
  t.equal(contract(5000n, 3600n, 1000n), 5501n)
})

t.test("the ceiling is exact where a float is not", async (t) => {
  // 2^32 - 1 W over 2^32 - 1 s at 100 %: the product has 78 bits.
  t.equal(ceilingWh(0xffffffff, 0xffffffff, 0), (0xffffffffn * 0xffffffffn) / 3600n + 1n)
  t.equal(ceilingWh(1, 1, 0), 1n)
  t.equal(ceilingWh(3600, 1, 0), 2n)
  t.equal(ceilingWh(3600, 1, 9999), 2n)
  t.equal(ceilingWh(3600, 1, 10_000), 3n)
})

t.test("in no time nothing is possible, and time that runs back allows nothing", async (t) => {
  t.equal(ceilingWh(5000, 0, 1000), 0n)
  t.equal(ceilingWh(5000, -3600, 1000), 0n)
})
