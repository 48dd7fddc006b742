import { createHash } from "node:crypto"
import * as dagCbor from "@ipld/dag-cbor"
import fc from "fast-check"
import t from "tap"
import {
  BrokenBlock,
  blocksInMemory,
  CID,
  cborBlock,
  checkBlock,
  evidenceCid,
  evidenceDigest,
  fetchBlock,
  fetchCbor,
  fetchRaw,
  rawBlock,
} from "./block.ts"
import { toHex } from "./hex.ts"

t.test("a block's address is a CID of version 1 with the SHA-256 of its bytes", async (t) => {
  const { cid, bytes } = cborBlock({ hello: [1, null] })
  t.equal(toHex(bytes), "0xa16568656c6c6f8201f6")
  t.same([cid.version, cid.code, cid.multihash.code], [1, 0x71, 0x12])
  t.equal(toHex(cid.multihash.digest), `0x${createHash("sha256").update(bytes).digest("hex")}`)
  t.equal(rawBlock(bytes).cid.code, 0x55)
  t.equal(
    rawBlock(new Uint8Array()).cid.toString(),
    "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
  )
})

t.test("a proposal's digest and the evidence's CID are the same thing", async (t) => {
  const { cid } = cborBlock({ batch: 1 })
  t.ok(evidenceCid(evidenceDigest(cid)).equals(cid))
  t.throws(() => evidenceCid("0x00"), /Expected 32 bytes/)
})

t.test("what a source returns counts only if it is what the address says", async (t) => {
  const block = cborBlock({ a: 1 })
  const source = blocksInMemory([block])
  t.same(await fetchCbor(source, block.cid), { a: 1 })
  await t.rejects(fetchBlock(source, cborBlock(2).cid), /is missing/)
  await t.rejects(fetchRaw(source, block.cid), /is not a raw block/)
  await t.rejects(fetchCbor(source, rawBlock(block.bytes).cid), /is not DAG-CBOR/)
  const liar = async () => cborBlock({ a: 2 }).bytes
  await t.rejects(fetchBlock(liar, block.cid), /was changed/)
  t.throws(() => checkBlock(block.cid, block.bytes.subarray(1)), BrokenBlock)
})

t.test("a block in any but the one canonical encoding is refused", async (t) => {
  const refused: [name: string, hex: string][] = [
    ["a number longer than it needs", "1801"],
    ["an indefinite length", "9f01ff"],
    ["keys not in order", "a2616201616101"],
    ["keys by bytes and not by length first", "a262616101616201"],
    ["a key twice", "a2616101616102"],
    ["a half float", "f93c00"],
    ["a whole number as a float", "fb3ff0000000000000"],
    ["not a number", "fb7ff8000000000000"],
    ["undefined", "f7"],
    ["a tag other than 42", "c11a00000000"],
    ["a link without its leading zero", "d82a4101"],
    ["a key that is no text", "a10101"],
    ["bytes behind the value", "0101"],
    ["nothing", ""],
  ]
  for (const [name, hex] of refused) {
    const { cid, bytes } = rawBlock(Uint8Array.from(Buffer.from(hex, "hex")))
    const address = CID.createV1(dagCbor.code, cid.multihash)
    await t.rejects(
      fetchCbor(async () => bytes, address),
      /is not (valid|in canonical) DAG-CBOR/,
      name,
    )
  }
})

t.test("whatever bytes a block has, they are the canonical form of what is read or refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 24 }), async (content) => {
      const { cid, bytes } = rawBlock(content)
      try {
        const value = await fetchCbor(async () => bytes, CID.createV1(dagCbor.code, cid.multihash))
        return Buffer.compare(dagCbor.encode(value), bytes) === 0
      } catch (error) {
        return error instanceof BrokenBlock
      }
    }),
    { numRuns: 1000 },
  )
})
