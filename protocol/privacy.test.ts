import fc from "fast-check"
import t from "tap"
import { recordLeaf } from "./commitment.ts"
import { buildEvidence, type Evidence, type HouseholdRecord } from "./evidence.ts"
import { type Hex, toHex } from "./hex.ts"
import { newIdentity } from "./seal.ts"
import { meters } from "./vectors/keys.ts"

/** What docs/privacy.md says that an outsider cannot learn, tried on the bytes that everybody can fetch. */

const household: Hex = `0x${"0a".repeat(20)}`
const reader = await newIdentity()
const start = 1_782_043_200

/** A day of a home in which it used so much in each quarter of an hour; its meter's registers stand at `register`. */
function evidenceOf(usedWh: readonly bigint[], register = 31_415_926n): Evidence {
  let importedWh = register
  const records: HouseholdRecord[] = usedWh.map((wh, i) => ({
    start: start + 900 * i,
    energy: { generatedWh: 0n, importedWh: wh, exportedWh: 0n, givenWh: 0n, receivedWh: wh / 2n },
  }))
  const readings = usedWh.map((wh, i) => {
    importedWh += wh
    // As long as a signed reading is: its registers are large numbers, whatever was added to them.
    const bytes = new Uint8Array(130)
    new DataView(bytes.buffer).setBigUint64(0, importedWh)
    return { received: start + 900 * (i + 1), bytes }
  })
  return {
    chainId: 1,
    oracle: `0x${"22".repeat(20)}`,
    site: 1,
    number: 1n,
    from: start,
    time: start + 900 * usedWh.length,
    previous: null,
    rules: {
      version: 2,
      intervalSeconds: 900,
      sharingKey: { name: "proportional", version: 1 },
      headroomBasisPoints: 1000,
      clockToleranceSeconds: 120,
      accounts: null,
    },
    meters: [],
    generation: [],
    statements: [],
    root: `0x${"33".repeat(32)}`,
    households: [{ household, meters: [{ ...meters.grid.key, readings }], records }],
  }
}

const blocksOf = async (evidence: Evidence) =>
  (await buildEvidence(evidence, () => [reader.recipient])).blocks
const sizesOf = async (evidence: Evidence) => (await blocksOf(evidence)).map(({ bytes }) => bytes.length)
const day = (wh: (quarter: number) => bigint) => Array.from({ length: 96 }, (_, i) => wh(i))

t.test("how much a home uses does not show in how long anything is", async (t) => {
  const asleep = await sizesOf(evidenceOf(day(() => 0n)))
  await t.resolves(
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 40n }), { minLength: 96, maxLength: 96 }),
        async (usedWh) => JSON.stringify(await sizesOf(evidenceOf(usedWh))) === JSON.stringify(asleep),
      ),
      { numRuns: 12, endOnFailure: true },
    ),
  )
})

t.test("a home that is silent for a while looks like one that is not, but for whole kilobytes", async (t) => {
  const whole = evidenceOf(day(() => 100n))
  const [part] = whole.households
  const gaps: Evidence = {
    ...whole,
    households: [
      {
        ...part!,
        records: part!.records.map(({ start }, i) =>
          i % 2 ? { start, energy: undefined } : part!.records[i]!,
        ),
      },
    ],
  }
  t.same(await sizesOf(gaps), await sizesOf(whole), "intervals without energy are as long as others")
  const sizes = new Set<number>()
  for (let said = 0; said <= 96; said += 4)
    sizes.add(
      (
        await sizesOf({
          ...whole,
          households: [
            {
              ...part!,
              meters: [{ ...part!.meters[0]!, readings: part!.meters[0]!.readings.slice(0, said) }],
            },
          ],
        })
      )[0]!,
    )
  t.ok(sizes.size <= 8, `25 different numbers of readings have ${sizes.size} different lengths`)
})

t.test(
  "the same day twice looks different each time: nobody can tell that two days were alike",
  async (t) => {
    const [first, second] = await Promise.all([1, 2].map(() => blocksOf(evidenceOf(day(() => 250n)))))
    const bytes = (blocks: typeof first) => blocks!.map((block) => Buffer.from(block.bytes).toString("hex"))
    t.notSame(bytes(first)[0], bytes(second)[0], "the sealed part")
    const commitment = (blocks: typeof first) =>
      bytes(blocks).at(-1)!.split("6a636f6d6d69746d656e74")[1]!.slice(0, 68)
    t.not(commitment(first), commitment(second), "and what is committed to")
  },
)

t.test("who tries all that a home could have used in an hour finds nothing without the salt", async (t) => {
  const usedWh = 137n
  const evidence = evidenceOf([usedWh])
  const root = Buffer.from((await blocksOf(evidence)).at(-1)!.bytes).toString("hex")
  const guess = (wh: bigint, salt: Uint8Array) =>
    toHex(recordLeaf(household, evidenceOf([wh]).households[0]!.records[0]!, salt)).slice(2)
  // A batch of one interval: its commitment is the leaf itself.
  for (const salt of [new Uint8Array(32), Buffer.from(household.slice(2).padStart(64, "0"), "hex")])
    for (let wh = 0n; wh < 2_000n; wh++) if (root.includes(guess(wh, salt))) t.fail(`found ${wh} Wh`)
  t.pass("2,000 energies with each salt that one could think of")
})

t.test("no public block has a number of the home's in it", async (t) => {
  const usedWh = 40_961n
  const evidence = evidenceOf(
    day(() => usedWh),
    77_777_777n,
  )
  const blocks = await blocksOf(evidence)
  const open = blocks.map(({ bytes }) => Buffer.from(bytes).toString("hex")).join(" ")
  for (const number of [usedWh, usedWh / 2n, 77_777_777n, 77_777_777n + usedWh])
    for (const written of [
      `19${number.toString(16).padStart(4, "0")}`,
      `1a${number.toString(16).padStart(8, "0")}`,
    ])
      if (number > 0xffffn === written.startsWith("1a")) t.notOk(open.includes(written), `${number}`)
})
