import { keccak_256 } from "@noble/hashes/sha3.js"
import { SimpleMerkleTree, StandardMerkleTree } from "@openzeppelin/merkle-tree"
import fc from "fast-check"
import t from "tap"
import { concatBytes, fromHex, toHex } from "./hex.ts"
import { leafOf, type MeterStatement } from "./statement.ts"
import { buildTree, type MultiProof, multiProofOf, proofOf, rootFromProof, rootOf } from "./tree.ts"
import { loadVectors } from "./vectors/load.ts"
import type { TreeVectors } from "./vectors/trees.ts"

const { trees, wrong } = loadVectors<TreeVectors>("trees")

/** OpenZeppelin's MerkleProof.processMultiProof, written down once more from its documentation. */
function rootFromMultiProof(leaves: Uint8Array[], { proof, flags }: Omit<MultiProof, "order">): Uint8Array {
  const [queue, siblings] = [[...leaves], [...proof]]
  if (leaves.length + proof.length !== flags.length + 1) throw new Error("the lengths do not fit")
  for (const flag of flags) {
    const a = queue.shift()!
    const b = flag ? queue.shift()! : siblings.shift()!
    queue.push(keccak_256(Buffer.compare(a, b) <= 0 ? concatBytes(a, b) : concatBytes(b, a)))
  }
  if (siblings.length > 0 && queue.length > 0 && flags.length > 0) throw new Error("proof elements are left")
  return queue[0] ?? siblings[0]!
}

t.test("each tree of the vectors has its root, its proofs and its multiproofs", async (t) => {
  for (const { name, leaves, root, proofs, multiProofs } of trees) {
    const bytes = leaves.map((leaf) => fromHex(leaf))
    const tree = buildTree(bytes)
    t.equal(toHex(rootOf(tree)), root, name)
    for (const { leaf, proof } of proofs) {
      t.same(proofOf(tree, leaf).map(toHex), proof, name)
      t.equal(
        toHex(
          rootFromProof(
            bytes[leaf]!,
            proof.map((node) => fromHex(node)),
          ),
        ),
        root,
        name,
      )
    }
    for (const { order, proof, flags } of multiProofs) {
      const made = multiProofOf(tree, [...order].reverse())
      t.same({ ...made, proof: made.proof.map(toHex) }, { order, proof, flags }, name)
      const nodes = proof.map((node) => fromHex(node))
      t.equal(
        toHex(
          rootFromMultiProof(
            order.map((leaf) => bytes[leaf]!),
            { proof: nodes, flags },
          ),
        ),
        root,
        name,
      )
    }
    t.equal(SimpleMerkleTree.of(leaves).root, root, `${name}: OpenZeppelin has the same root`)
  }
})

t.test("each wrong proof of the vectors leads elsewhere", async (t) => {
  for (const { name, root, leaf, proof } of wrong)
    t.not(
      toHex(
        rootFromProof(
          fromHex(leaf),
          proof.map((node) => fromHex(node)),
        ),
      ),
      root,
      name,
    )
})

const statements: fc.Arbitrary<MeterStatement[]> = fc
  .array(fc.tuple(fc.nat(20), fc.nat(3)), { minLength: 1, maxLength: 40 })
  .map((pairs) =>
    pairs.map(([meter, wh]) => ({
      kind: 1,
      meterId: toHex(keccak_256(Uint8Array.of(meter))),
      generatedWh: BigInt(wh),
      time: 900,
      reading: toHex(new Uint8Array(32)),
    })),
  )
const valuesOf = ({ kind, meterId, generatedWh, time, reading }: MeterStatement) => [
  kind,
  meterId,
  generatedWh,
  BigInt(time),
  reading,
]
const types = ["uint8", "bytes32", "uint64", "uint64", "bytes32"]

t.test("a tree over any statements, repeated ones too, is OpenZeppelin's StandardMerkleTree", async () => {
  fc.assert(
    fc.property(statements, (all) => {
      const leaves = all.map(leafOf)
      const tree = buildTree(leaves)
      const theirs = StandardMerkleTree.of(all.map(valuesOf), types)
      return (
        toHex(rootOf(tree)) === theirs.root &&
        leaves.every(
          (leaf, i) =>
            JSON.stringify(proofOf(tree, i).map(toHex)) === JSON.stringify(theirs.getProof(i)) &&
            toHex(rootFromProof(leaf, proofOf(tree, i))) === theirs.root,
        )
      )
    }),
    { numRuns: 50 },
  )
})

t.test(
  "any multiproof is OpenZeppelin's, and leads to the root by their code and by a few lines",
  async () => {
    fc.assert(
      fc.property(statements, fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), (all, picks) => {
        const leaves = all.map(leafOf)
        const tree = buildTree(leaves)
        const chosen = [...new Set(picks.map((n) => n % all.length))]
        const { order, proof, flags } = multiProofOf(tree, chosen)
        const theirs = StandardMerkleTree.of(all.map(valuesOf), types)
        const expected = theirs.getMultiProof(chosen)
        const ordered = order.map((i) => leaves[i]!)
        const root = toHex(rootOf(tree))
        return (
          JSON.stringify(proof.map(toHex)) === JSON.stringify(expected.proof) &&
          JSON.stringify(flags) === JSON.stringify(expected.proofFlags) &&
          JSON.stringify(ordered.map(toHex)) ===
            JSON.stringify(expected.leaves.map((v) => theirs.leafHash(v))) &&
          StandardMerkleTree.verifyMultiProof(root, types, {
            leaves: order.map((i) => valuesOf(all[i]!)),
            proof: proof.map(toHex),
            proofFlags: flags,
          }) &&
          toHex(rootFromMultiProof(ordered, { proof, flags })) === root
        )
      }),
      { numRuns: 80 },
    )
  },
)

t.test("a root does not depend on the order of the leaves", async () => {
  fc.assert(
    fc.property(statements, (all) => {
      const leaves = all.map(leafOf)
      return toHex(rootOf(buildTree(leaves))) === toHex(rootOf(buildTree([...leaves].reverse())))
    }),
  )
})

t.test("a tree without leaves, and proofs of what is not there, are refused", async (t) => {
  const tree = buildTree([1, 2, 3].map((n) => keccak_256(Uint8Array.of(n))))
  t.throws(() => buildTree([]), RangeError)
  t.throws(() => proofOf(tree, 3), /There is no leaf 3/)
  t.throws(() => multiProofOf(tree, [0, 3]), /There is no leaf 3/)
  t.throws(() => multiProofOf(tree, [1, 0, 1]), /named twice/)
  t.throws(() => multiProofOf(tree, []), /at least one leaf/)
})
