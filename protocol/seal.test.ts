import fc from "fast-check"
import t from "tap"
import { equalBytes } from "./hex.ts"
import { newIdentity, seal, unseal } from "./seal.ts"

t.test("what is sealed opens with each of its recipients' identities, and with no other", async () => {
  const [auditor, household, stranger] = await Promise.all([newIdentity(), newIdentity(), newIdentity()])
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (content) => {
      const sealed = await seal(content, [auditor.recipient, household.recipient])
      for (const { identity } of [auditor, household]) {
        const opened = await unseal(sealed, [stranger.identity, identity])
        if (!opened || !equalBytes(opened, content)) return false
      }
      return (
        (await unseal(sealed, [stranger.identity])) === undefined && (await unseal(sealed, [])) === undefined
      )
    }),
    { numRuns: 10 },
  )
})

t.test(
  "what is sealed is an age file, different each time, and does not open with a bit changed",
  async (t) => {
    const { identity, recipient } = await newIdentity()
    t.match(identity, /^AGE-SECRET-KEY-1/)
    t.match(recipient, /^age1/)
    const content = new TextEncoder().encode("one hour of a household")
    const [one, two] = [await seal(content, [recipient]), await seal(content, [recipient])]
    t.match(new TextDecoder().decode(one), /^age-encryption\.org\/v1\n-> X25519 /)
    t.notOk(equalBytes(one, two))
    for (const at of [0, 30, one.length >> 1, one.length - 1])
      t.equal(await unseal(one.with(at, one[at]! ^ 1), [identity]), undefined, `byte ${at}`)
  },
)

t.test("nothing is sealed to nobody", async (t) => {
  await t.rejects(seal(new Uint8Array(1), []), /at least one recipient/)
})
