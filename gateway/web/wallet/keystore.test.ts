import t from "tap"
import { recoverAddress } from "viem"
import { mnemonicToAccount } from "viem/accounts"
import type { Hex } from "../../../protocol/hex.ts"
import { accountOf, entropyFrom, wordsOf } from "./account.ts"
import { openKey, sealKey } from "./keystore.ts"

const cheap = { logN: 4, p: 1 }
const entropy = new Uint8Array(16).map((_, i) => i * 7)

t.test("the twelve words open the same account in any wallet", async (t) => {
  const account = accountOf(entropy)
  t.equal(account.address, mnemonicToAccount(wordsOf(entropy).join(" ")).address.toLowerCase())
  const digest: Hex = `0x${"5a".repeat(32)}`
  const signature = account.sign(digest)
  t.equal((await recoverAddress({ hash: digest, signature })).toLowerCase(), account.address)
  t.ok(BigInt(`0x${signature.slice(66, 130)}`) < 2n ** 255n, "with the lower of two s, which contracts want")
})

t.test("words are read however they are written", async (t) => {
  const words = wordsOf(entropy)
  for (const text of [
    words.join(" "),
    words.join("\n").toUpperCase(),
    words.map((word, i) => `${i + 1}. ${word}`).join(", "),
  ])
    t.same(entropyFrom(text), entropy)
  t.same(entropyFrom(words.slice(1).join(" ")), { trouble: "count" })
  t.same(entropyFrom(`sunn ${words.slice(1).join(" ")}`), { trouble: "unknown", word: "sunn" })
  t.same(entropyFrom([words[1], words[0], ...words.slice(2)].join(" ")), { trouble: "checksum" })
})

t.test("a sealed key opens with its passphrase alone, and tells nothing else", async (t) => {
  const { address } = accountOf(entropy)
  const sealed = await sealKey(entropy, address, "sun on the roof", cheap)
  t.same(await openKey(sealed, "sun on the roof"), entropy)
  t.equal(await openKey(sealed, "sun on the Roof"), undefined)
  const other: Hex = `0x${"1".repeat(40)}`
  t.equal(
    await openKey({ ...sealed, address: other }, "sun on the roof"),
    undefined,
    "nor under another address",
  )
  t.notOk(JSON.stringify(sealed).includes(Buffer.from(entropy).toString("hex")))
  const again = await sealKey(entropy, address, "sun on the roof", cheap)
  t.not(again.sealed, sealed.sealed)
})

t.test("one passphrase has one spelling", async (t) => {
  const sealed = await sealKey(entropy, accountOf(entropy).address, "Schlüssel ½", cheap)
  t.same(await openKey(sealed, "Schlu\u0308ssel 1⁄2"), entropy)
})
