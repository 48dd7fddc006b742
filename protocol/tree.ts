import { keccak_256 } from "@noble/hashes/sha3.js"

/** A Merkle multiproof as OpenZeppelin's MerkleProof.processMultiProof takes it. */
export interface MultiProof {
  /** Positions in the list of leaves the tree was made from, in the order the proof wants the leaves. */
  order: number[]
  proof: Uint8Array[]
  flags: boolean[]
}

/**
 * A Merkle tree over leaf hashes, equal to OpenZeppelin's StandardMerkleTree: leaves sorted, a complete binary
 * tree in one array with the root first, each node keccak256 of its two children in ascending order.
 */
export interface Tree {
  readonly nodes: readonly Uint8Array[]
  /** Where each given leaf sits in `nodes`. */
  readonly positions: readonly number[]
}

/** @throws RangeError when there is no leaf. */
export function buildTree(leaves: readonly Uint8Array[]): Tree {
  if (leaves.length === 0) throw new RangeError("A tree needs at least one leaf.")
  const order = leaves.map((_, i) => i).sort((a, b) => compare(leaves[a]!, leaves[b]!))
  const size = 2 * leaves.length - 1
  const nodes: Uint8Array[] = new Array(size)
  const positions: number[] = new Array(leaves.length)
  order.forEach((leaf, rank) => {
    nodes[size - 1 - rank] = leaves[leaf]!
    positions[leaf] = size - 1 - rank
  })
  for (let i = size - 1 - leaves.length; i >= 0; i--)
    nodes[i] = hashPair(nodes[2 * i + 1]!, nodes[2 * i + 2]!)
  return { nodes, positions }
}

export function rootOf(tree: Tree): Uint8Array {
  return tree.nodes[0]!
}

/** The siblings from leaf number `leaf` (as given to `buildTree`) up to the root. */
export function proofOf(tree: Tree, leaf: number): Uint8Array[] {
  const proof: Uint8Array[] = []
  let i = position(tree, leaf)
  while (i > 0) {
    proof.push(tree.nodes[sibling(i)]!)
    i = parent(i)
  }
  return proof
}

/**
 * One proof for several leaves, given by their numbers.
 * @throws RangeError for no leaf, a leaf that is not there, or one that is named twice.
 */
export function multiProofOf(tree: Tree, leaves: readonly number[]): MultiProof {
  if (leaves.length === 0) throw new RangeError("A multiproof needs at least one leaf.")
  const wanted = [...leaves].sort((a, b) => position(tree, b) - position(tree, a))
  const stack = wanted.map((leaf) => position(tree, leaf))
  if (stack.some((node, i) => node === stack[i + 1])) throw new RangeError("A leaf is named twice.")
  const proof: Uint8Array[] = []
  const flags: boolean[] = []
  while (stack.length > 0 && stack[0]! > 0) {
    const node = stack.shift()!
    if (stack[0] === sibling(node)) {
      flags.push(true)
      stack.shift()
    } else {
      flags.push(false)
      proof.push(tree.nodes[sibling(node)]!)
    }
    stack.push(parent(node))
  }
  return { order: wanted, proof, flags }
}

/** The root that a leaf and its proof lead to. */
export function rootFromProof(leaf: Uint8Array, proof: readonly Uint8Array[]): Uint8Array {
  return proof.reduce(hashPair, leaf)
}

function position(tree: Tree, leaf: number): number {
  const at = tree.positions[leaf]
  if (at === undefined) throw new RangeError(`There is no leaf ${leaf}.`)
  return at
}

function sibling(i: number): number {
  return i % 2 === 0 ? i - 1 : i + 1
}

function parent(i: number): number {
  return Math.floor((i - 1) / 2)
}

function hashPair(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(64)
  const inOrder = compare(a, b) <= 0
  both.set(inOrder ? a : b)
  both.set(inOrder ? b : a, 32)
  return keccak_256(both)
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}
