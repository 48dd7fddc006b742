import t from "tap"
import { type BlockSource, blocksInMemory, CID } from "./block.ts"
import { readCar } from "./car.ts"
import { checkDisclosure, type Disclosure, disclosed, discloseFrom } from "./disclosure.ts"
import { type Evidence, readEvidence, readRoot } from "./evidence.ts"
import { type Hex, toHex } from "./hex.ts"
import { leafOf } from "./statement.ts"
import { buildTree, rootOf } from "./tree.ts"
import type { EvidenceVectors } from "./vectors/evidence.ts"
import { loadVectors } from "./vectors/load.ts"

const vectors = loadVectors<EvidenceVectors>("evidence")
const identityOf = (name: string) => vectors.identities.find((identity) => identity.name === name)!.identity
const stated = vectors.valid.find(({ name }) => name.includes("accounts are stated"))!
const cid = CID.parse(stated.root)
const { from, time, households } = stated.content as Evidence
const [anne, ben] = households.map(({ household }) => household) as [Hex, Hex]

async function* streamOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

async function sourceOf(car: string): Promise<BlockSource> {
  return blocksInMemory((await readCar(streamOf(Buffer.from(car, "base64")))).blocks)
}

const source = await sourceOf(stated.car)
const show = async (who: string, household = anne, until = from + 900, at = source) =>
  disclosed(household, [await discloseFrom(cid, at, [identityOf(who)], household, from, until)])

t.test("a household shows one interval, and the proof holds for it and shows no other", async (t) => {
  const disclosure = await show("household A")
  const text = JSON.stringify(disclosure)
  const { household, batches } = await checkDisclosure(text)
  t.equal(household, anne)
  t.match(batches, [
    {
      site: 1,
      number: 1n,
      records: [{ start: from, energy: { generatedWh: 750n, exportedWh: 600n, givenWh: 300n } }],
    },
  ])
  t.equal(batches[0]!.records.length, 1)
  const opened = await readEvidence(cid, source, [identityOf("household A")])
  const { seed } = opened.commitments.find((each) => each.household === anne)!
  t.notOk(text.includes(toHex(seed!).slice(2)), "what all salts come from stays at home")
  const both = await show("household A", anne, time)
  t.notOk(text.includes(both.batches[0]!.records[1]!.salt.slice(2)), "and so does the next interval's")
})

t.test("an auditor can show it as well; who cannot open it cannot", async (t) => {
  await t.resolves(checkDisclosure(JSON.stringify(await show("auditor", ben, time))))
  await t.rejects(show("stranger"), /the key does not open a part/)
  await t.rejects(show("household A", ben), /the key does not open a part/)
  const old = vectors.valid[0]!
  await t.rejects(
    discloseFrom(CID.parse(old.root), await sourceOf(old.car), [identityOf("auditor")], anne, from, time),
    /is of form 1, which commits to nothing/,
  )
})

t.test("whatever is changed in a disclosure, it does not hold", async (t) => {
  const honest = await show("household A", anne, time)
  const flip = (hex: string) => `${hex.slice(0, -1)}${hex.endsWith("0") ? "1" : "0"}` as Hex
  type Change = (d: Disclosure, batch: Disclosure["batches"][number]) => unknown
  const changes: [name: string, change: Change, says: RegExp][] = [
    ...(["generatedWh", "importedWh", "exportedWh", "givenWh", "receivedWh"] as const).map(
      (name): [string, Change, RegExp] => [
        `one Wh more ${name}`,
        (_, { records }) => (records[0]!.energy![name] = `${BigInt(records[0]!.energy![name]) + 1n}`),
        /is not what batch 1 commits to/,
      ],
    ),
    ["a gap", (_, { records }) => (records[0]!.energy = null), /is not what batch 1 commits to/],
    ["another time", (_, { records }) => (records[0]!.start += 900), /is not what batch 1 commits to/],
    ["another salt", (_, { records }) => (records[0]!.salt = flip(records[0]!.salt)), /is not what batch 1/],
    ["another way", (_, { records }) => (records[0]!.proof[0] = flip(records[0]!.proof[0]!)), /is not what/],
    ["a shorter way", (_, { records }) => records[0]!.proof.pop(), /is not what batch 1 commits to/],
    ["another's name", (d) => (d.household = ben), /is not what batch 1 commits to/],
    ["a stranger's name", (d) => (d.household = `0x${"99".repeat(20)}`), /commits to no records of/],
    ["another batch's address", (_, b) => (b.evidence = vectors.valid[0]!.root), /was changed/],
    ["an address that is none", (_, b) => (b.evidence = "bafy"), /is not the address/],
    ["a root block that was cut", (_, b) => (b.rootBlock = b.rootBlock.slice(0, -4)), /was changed/],
    ["energy as a fraction", (_, { records }) => (records[0]!.energy!.givenWh = "0.5"), /whole Wh/],
    ["a field more", (d) => Object.assign(d, { note: "x" }), /is not in the format/],
    ["nothing shown", (_, b) => (b.records = []), /is not in the format/],
  ]
  for (const [name, change, says] of changes) {
    const false_ = structuredClone(honest)
    change(false_, false_.batches[0]!)
    await t.rejects(checkDisclosure(JSON.stringify(false_)), { name: "FalseDisclosure", message: says }, name)
  }
  await t.rejects(checkDisclosure("hello"), /it is not JSON/)
})

t.test("when a member is erased, every root and every other proof still holds", async (t) => {
  const before = await show("household B", ben, time)
  const root = await readEvidence(cid, source, [identityOf("auditor")])
  const { sealed } = await readRoot(cid, source)
  const own = sealed.find((part) => toHex(part.household) === anne)!.content.map(String)
  const without: BlockSource = async (link) => (own.includes(link.toString()) ? undefined : source(link))

  const opened = await readEvidence(cid, without, [identityOf("auditor"), identityOf("household A")])
  t.same(opened.erased, [anne])
  t.equal(toHex(rootOf(buildTree(opened.statements.map(leafOf)))), opened.root)
  t.same(
    opened.commitments.map((c) => c.root),
    root.commitments.map((c) => c.root),
  )
  t.same(
    opened.households.map(({ household }) => household),
    [ben],
  )
  t.same(await show("household B", ben, time, without), before, "the other can show its hours as before")
  await t.rejects(show("household A", anne, time, without), /is not to be had/)
})
