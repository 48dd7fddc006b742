import t from "tap"
import { privateKeyToAccount } from "viem/accounts"
import { signProposal } from "../../protocol/attestation.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import { collectSignatures } from "./attest.ts"

const at = { chainId: 1, oracle: `0x${"22".repeat(20)}` as Hex }
const bytes32 = (byte: string): Hex => `0x${byte.repeat(32)}`
const keys = ["01", "02", "03", "04", "05"].map(bytes32)
const addresses = keys.map((key) => privateKeyToAccount(key).address.toLowerCase() as Hex)

async function carried(number: bigint, signing: number[]): Promise<number[] | undefined> {
  const proposal: Proposal = {
    site: 1,
    number,
    root: bytes32("aa"),
    evidence: bytes32("ee"),
    time: 1_800_000_000n,
    leafCount: 1,
    validatorSet: 1,
  }
  const attestations = await Promise.all(
    signing.map(async (i) => ({
      validator: `http://${i}`,
      validatorSet: 1,
      signer: addresses[i],
      signature: await signProposal(at, proposal, keys[i]!),
      refusal: undefined,
    })),
  )
  const collected = await collectSignatures(at, proposal, attestations, { addresses, threshold: 3 })
  if (!collected) return undefined
  const indices = keys.map((_, i) => i).filter((i) => (collected.signers >> BigInt(i)) & 1n)
  const packed = indices.map((i) => attestations[signing.indexOf(i)]!.signature.slice(2)).join("")
  t.equal(collected.packed, `0x${packed}`, "in the order of the set")
  return indices
}

t.test("no more signatures are carried than are needed, and every validator's in its turn", async (t) => {
  const turns = new Map<number, number>()
  for (let number = 1n; number <= 5n; number++) {
    const indices = await carried(number, [4, 0, 3, 1, 2])
    t.equal(indices?.length, 3)
    for (const i of indices ?? []) turns.set(i, (turns.get(i) ?? 0) + 1)
  }
  t.same([...turns.values()], [3, 3, 3, 3, 3])
})

t.test("whoever's turn it is, those who signed are carried, and fewer than needed never are", async (t) => {
  t.same(await carried(1n, [0, 1, 2]), [0, 1, 2])
  t.same(await carried(3n, [4, 1, 2]), [1, 2, 4])
  t.equal(await carried(2n, [3, 4]), undefined)
})
