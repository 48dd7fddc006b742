import { randomBytes } from "node:crypto"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import fc from "fast-check"
import t from "tap"
import { joinShares, setOf, shareWords, splitRoot } from "./shares.ts"

const anyRoot = () => Uint8Array.from(randomBytes(16))

t.test("any as many shares as are needed give the root back, in any order; fewer give nothing", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 2, max: 4 }),
      fc.integer({ min: 0, max: 3 }),
      fc.infiniteStream(fc.nat()),
      async (root, threshold, more, order) => {
        const shares = await splitRoot(root, threshold, threshold + more)
        const mixed = shares.map((words) => ({ words, by: order.next().value })).sort((a, b) => a.by - b.by)
        const some = mixed.slice(0, threshold).map(({ words }) => words)
        t.same(await joinShares(some), root)
        await t.rejects(joinShares(some.slice(1)), { message: /different shares are needed/ })
        await t.rejects(joinShares([...some.slice(1), some[1]!]), { message: /different shares are needed/ })
      },
    ),
    { numRuns: 15 },
  )
})

t.test(
  "words may be written as on paper, in capitals, with numbers, or by their first four letters",
  async (t) => {
    const root = anyRoot()
    const [one, two] = await splitRoot(root, 2, 3)
    t.equal(one!.split(" ").length, shareWords)
    const numbered = one!
      .split(" ")
      .map((word, i) => `${i + 1}. ${word}`)
      .join("\n")
    const short = two!
      .split(" ")
      .map((word) => word.slice(0, 4))
      .join("  ")
    t.same(await joinShares([numbered.toUpperCase(), short]), root)
  },
)

t.test("a wrong word, a missing one and two that changed places are noticed, and not shown", async (t) => {
  const [one = "", two = ""] = await splitRoot(anyRoot(), 2, 2)
  const words = two.split(" ")
  const told = async (changed: string[]) => {
    try {
      await joinShares([one, changed.join(" ")])
      return "nothing"
    } catch (error) {
      return (error as Error).message
    }
  }
  for (const [i, word] of words.entries()) {
    const wrong = wordlist[(wordlist.indexOf(word) + 1 + 97 * i) % wordlist.length]!
    // The last word's lowest three bits are filling: any of eight words stands for the same.
    if (i === words.length - 1 && (wordlist.indexOf(wrong) ^ wordlist.indexOf(word)) < 8) continue
    t.match(await told(words.with(i, wrong)), /^Share 2 has a word that is not its own/)
  }
  t.equal(await told(words.slice(1)), `Share 2 has ${shareWords - 1} words, and must have ${shareWords}.`)
  t.equal(await told(words.with(2, "sunshine")), "Word 3 of share 2 is not in the list.")
})

t.test("shares of different sets do not mix, though they hold one root", async (t) => {
  const root = anyRoot()
  const [one = ""] = await splitRoot(root, 2, 3)
  const [two = ""] = await splitRoot(root, 3, 3)
  t.match(setOf(one), /^[0-9a-f]{4}$/)
  await t.rejects(joinShares([one, two]), { message: "Share 2 is of another set than the first." })
})

t.test("shares that cannot be are refused", async (t) => {
  for (const [threshold, count] of [
    [1, 3],
    [4, 3],
    [2, 16],
  ] as const)
    await t.rejects(splitRoot(anyRoot(), threshold, count), { name: "PersonError" })
})
