import fc from "fast-check"
import t from "tap"
import { hashMessage, hashTypedData } from "viem"
import { accountWish, personalDigest } from "./account-wish.ts"
import { toHex } from "./hex.ts"
import { type Intent, intentNonce, typedDataDigest, typedDataOf } from "./intent.ts"

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const address = bytes(20).map(toHex)
const terms = fc.record({
  from: address,
  to: address,
  wh: fc.bigInt({ min: 1n, max: 2n ** 56n - 1n }),
  until: fc.integer({ min: 1, max: 2 ** 40 }),
  nonce: bytes(24).map(intentNonce),
})
const intent: fc.Arbitrary<Intent> = fc.oneof(
  terms.map((terms) => ({ kind: "send" as const, ...terms })),
  fc
    .tuple(terms, bytes(32).map(toHex))
    .map(([terms, statement]) => ({ kind: "retire" as const, ...terms, statement })),
)
const contracts = fc.record({
  chainId: fc.integer({ min: 1, max: 2 ** 31 }),
  token: address,
  retirements: address,
})

t.test("what is signed has the digest that another library computes", async () => {
  fc.assert(
    fc.property(intent, contracts, (intent, contracts) => {
      const data = typedDataOf(intent, contracts)
      return typedDataDigest(data) === hashTypedData(data as unknown as Parameters<typeof hashTypedData>[0])
    }),
    { numRuns: 50 },
  )
})

t.test("no two intents have one digest, whatever part of them differs", async (t) => {
  const from = `0x${"1".repeat(40)}` as const
  const base = {
    kind: "send",
    from,
    to: `0x${"2".repeat(40)}`,
    wh: 5n,
    until: 99,
    nonce: toHex(new Uint8Array(32)),
  } as const
  const at = { chainId: 1, token: `0x${"3".repeat(40)}`, retirements: `0x${"4".repeat(40)}` } as const
  const digests = [
    typedDataOf(base, at),
    typedDataOf({ ...base, to: from }, at),
    typedDataOf({ ...base, wh: 6n }, at),
    typedDataOf({ ...base, until: 100 }, at),
    typedDataOf({ ...base, nonce: intentNonce(new Uint8Array(24).fill(1)) }, at),
    typedDataOf(base, { ...at, chainId: 2 }),
    typedDataOf(base, { ...at, token: from }),
    typedDataOf({ ...base, kind: "retire", statement: base.nonce }, at),
  ].map(typedDataDigest)
  t.equal(new Set(digests).size, digests.length)
})

t.test("a wish for another account is signed as wallets sign text", async (t) => {
  const wish = accountWish(7, `0x${"1".repeat(40)}`, `0x${"2".repeat(40)}`)
  t.equal(personalDigest(wish), hashMessage(wish))
  t.equal(personalDigest("ä☀"), hashMessage("ä☀"))
})
