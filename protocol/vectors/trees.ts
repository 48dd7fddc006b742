import { keccak_256 } from "@noble/hashes/sha3.js"
import { abiWord, type Hex, toHex } from "../hex.ts"
import { buildTree, multiProofOf, proofOf, rootOf } from "../tree.ts"

export interface TreeVectors {
  about: string[]
  trees: {
    name: string
    leaves: Hex[]
    root: Hex
    proofs: { leaf: number; proof: Hex[] }[]
    multiProofs: { order: number[]; proof: Hex[]; flags: boolean[] }[]
  }[]
  /** Proofs that must not lead to the root. */
  wrong: { name: string; root: Hex; leaf: Hex; proof: Hex[] }[]
}

export function treeVectors(): TreeVectors {
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => keccak_256(abiWord(i)))
  const [a, b, c] = numbered(3) as [Uint8Array, Uint8Array, Uint8Array]
  const of = (name: string, leaves: Uint8Array[], proved: number[], together: number[][]) => {
    const tree = buildTree(leaves)
    return {
      name,
      leaves: leaves.map(toHex),
      root: toHex(rootOf(tree)),
      proofs: proved.map((leaf) => ({ leaf, proof: proofOf(tree, leaf).map(toHex) })),
      multiProofs: together.map((leaves) => {
        const { order, proof, flags } = multiProofOf(tree, leaves)
        return { order, proof: proof.map(toHex), flags }
      }),
    }
  }
  const all = (count: number) => Array.from({ length: count }, (_, i) => i)
  const trees = [
    of("1 leaf", numbered(1), [0], [[0]]),
    of("2 leaves", numbered(2), [0, 1], [[0], [0, 1]]),
    of("3 leaves", numbered(3), [0, 1, 2], [[1], [0, 2], all(3)]),
    of("5 leaves", numbered(5), all(5), [[4], [0, 1, 4], all(5)]),
    of("17 leaves", numbered(17), [0, 8, 16], [[3, 5], [0, 8, 16], all(17)]),
    of("100 leaves", numbered(100), [0, 57, 99], [[57], [0, 99], [7, 11, 13, 17, 19, 23, 29, 31]]),
    of("one leaf twice", [a, a], [0, 1], [[0], [1], [0, 1]]),
    of("leaves that repeat", [a, b, a, a, c], all(5), [[0, 2], [2, 3], [1, 4], all(5)]),
  ]
  const five = trees[3]!
  const [first, second] = [five.proofs[0]!, five.proofs[1]!]
  const wrong = (name: string, leaf: Hex, proof: Hex[]) => ({ name, root: five.root, leaf, proof })
  return {
    about: [
      "Merkle trees. SPEC.md, 5.2. leaves are in the order they were given, proofs and order count in it.",
      "multiProofs: order is the order in which the leaves go to OpenZeppelin's processMultiProof with proof and flags.",
      "wrong: the proof must not lead to the root.",
    ],
    trees,
    wrong: [
      wrong("another leaf's proof", five.leaves[0]!, second.proof),
      wrong("a leaf that is not in the tree", toHex(numbered(6)[5]!), first.proof),
      wrong("a proof that ends too early", five.leaves[0]!, first.proof.slice(0, -1)),
      wrong("a proof with the root behind it", five.leaves[0]!, [...first.proof, five.root]),
      wrong("a proof in reverse", five.leaves[0]!, [...first.proof].reverse()),
      wrong("no proof", five.leaves[0]!, []),
    ],
  }
}
