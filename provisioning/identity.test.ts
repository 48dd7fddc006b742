import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { privateKeyToAccount } from "viem/accounts"
import { identityToRecipient, seal, unseal } from "../protocol/seal.ts"
import { openSecret } from "../protocol/sealed-secret.ts"
import { keysFrom, wordsOf } from "./identity.ts"
import {
  differences,
  hasIdentity,
  openRoot,
  publicIdentity,
  readPublicIdentity,
  writeIdentity,
} from "./identity-files.ts"

const zero = new Uint8Array(16)
const other = new Uint8Array(16).fill(7)
const passphrase = "blue lamp on the roof"

t.test("any wallet restores the site's key from the words", async (t) => {
  t.equal(wordsOf(zero), `${"abandon ".repeat(11)}about`, "BIP-39's first vector")
  // What every wallet shows for these words at m/44'/60'/0'/0/0.
  t.equal(privateKeyToAccount(keysFrom(zero).site()).address, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94")
})

t.test("each purpose has a key of its own, the same for the same root", async (t) => {
  const all = (root: Uint8Array) => {
    const keys = keysFrom(root)
    return [keys.site(), keys.meter(1), keys.meter(2), keys.tls(), keys.box()]
  }
  t.same(all(zero), all(zero))
  t.equal(new Set([...all(zero), ...all(other)]).size, 10)
})

t.test("the keys do what they are for: TLS signs with P-256, the box opens what age sealed", async (t) => {
  const keys = keysFrom(other)
  const key = createPrivateKey(keys.tls())
  t.equal(key.asymmetricKeyDetails?.namedCurve, "prime256v1")
  const message = Buffer.from("hello")
  t.ok(verify("sha256", message, createPublicKey(key), sign("sha256", message, key)))
  const sealed = await seal(message, [await identityToRecipient(keys.box())])
  t.same(Buffer.from((await unseal(sealed, [keys.box()]))!), message)
})

t.test("an identity is written sealed, is completed when given again, and never written over", async (t) => {
  const folder = join(t.testdir(), "identity")
  const written = await writeIdentity(folder, other, 1, passphrase)
  t.same(written, ["root.key", "site.key", "meter-1.key", "tls.key", "box.key"])
  t.equal(statSync(folder).mode & 0o777, 0o700)
  const keys = keysFrom(other)
  const secrets = [keys.site(), keys.meter(1), keys.tls(), keys.box(), wordsOf(other)]
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), "utf8")
    for (const secret of secrets)
      t.notOk(text.includes(secret.slice(0, 60)), `${file} holds nothing in the clear`)
  }
  t.equal(openSecret(readFileSync(join(folder, "site.key"), "utf8").trim(), passphrase), keys.site())
  t.same(openRoot(folder, passphrase), other)
  t.same(readPublicIdentity(folder), await publicIdentity(other, 1))

  const before = readFileSync(join(folder, "site.key"), "utf8")
  t.same(await writeIdentity(folder, other, 2, passphrase), ["meter-2.key"])
  rmSync(join(folder, "identity.json"))
  rmSync(join(folder, "tls.key"))
  t.same(await writeIdentity(folder, other, 2, passphrase), ["tls.key"], "what a broken-off run left out")
  t.equal(readPublicIdentity(folder)?.meters.length, 2)
  t.equal(readFileSync(join(folder, "site.key"), "utf8"), before)

  await t.rejects(writeIdentity(folder, zero, 2, passphrase), { message: /^In .* is another identity/ })
  await t.rejects(writeIdentity(folder, other, 2, "another passphrase"), {
    message: /not opened by this passphrase/,
  })
  rmSync(join(folder, "identity.json"))
  await t.rejects(writeIdentity(folder, zero, 2, passphrase), { message: /another identity's/ })
  t.equal(readFileSync(join(folder, "site.key"), "utf8"), before)
  writeFileSync(join(folder, "identity.json"), "{}")
  t.throws(() => readPublicIdentity(folder), { name: "PersonError" })
  t.ok(hasIdentity(folder))
})

t.test("another root's keys are told apart, each of them", async (t) => {
  const identity = await publicIdentity(other, 2)
  t.same(await differences(other, identity), [])
  t.match(await differences(zero, identity), [/^site key/, /^meter\/1/, /^meter\/2/, /^TLS key/, /^box key/])
})
