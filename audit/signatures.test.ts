import t from "tap"
import type { Hex } from "../protocol/hex.ts"
import type { Proposed, ValidatorsChange } from "./record.ts"
import { validatorRecords } from "./signatures.ts"

const [a, b, c] = ["aa", "bb", "cc"].map((byte) => `0x${byte.repeat(20)}` as Hex) as [Hex, Hex, Hex]
const [first, next] = ["01", "02"].map((byte) => `0x${byte.repeat(20)}` as Hex) as [Hex, Hex]
const at = (block: number) => ({ block: BigInt(block), log: 0, transaction: "0x00" as Hex })

const set = (oracle: Hex, block: number, ...validators: Hex[]) =>
  ({ oracle, validators, version: 1, threshold: 1, at: at(block) }) satisfies ValidatorsChange
const proposed = (oracle: Hex, block: number, signers: bigint, over: Partial<Proposed> = {}) =>
  ({ oracle, signers, at: at(block), cancelled: undefined, signersFault: false, ...over }) as Proposed

t.test("a validator's record is what oracles accepted by its signature, under whichever set", async (t) => {
  const records = validatorRecords({
    validators: [set(first, 1, a, b), set(first, 5, b, c), set(next, 7, a, c)],
    proposals: [
      proposed(first, 2, 0b11n),
      proposed(first, 3, 0b10n, { cancelled: "a meter of it was not registered", signersFault: true }),
      proposed(first, 4, 0b01n, { cancelled: "the guardian stopped it" }),
      proposed(first, 6, 0b01n),
      proposed(next, 8, 0b10n),
    ],
  })
  t.same(records, [
    { validator: a, asked: 4, signed: 2, cancelled: 0 },
    { validator: b, asked: 4, signed: 3, cancelled: 1 },
    { validator: c, asked: 2, signed: 1, cancelled: 0 },
  ])
})

t.test("a validator that never signed is listed, and nobody who never was one", async (t) => {
  t.same(validatorRecords({ validators: [set(first, 1, a)], proposals: [proposed(first, 0, 1n)] }), [
    { validator: a, asked: 0, signed: 0, cancelled: 0 },
  ])
})
