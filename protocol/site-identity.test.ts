import fc from "fast-check"
import t from "tap"
import { type Hex, toHex } from "./hex.ts"
import { seal, unseal } from "./seal.ts"
import { siteIdentity } from "./site-identity.ts"

t.test(
  "whoever holds a site's key opens what was sealed to the site, and nobody with another key does",
  async () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const content = Uint8Array.of(1, 2, 3)
    await fc.assert(
      fc.asyncProperty(key, key, async (one, other) => {
        fc.pre(toHex(one) !== toHex(other))
        const { recipient } = await siteIdentity(toHex(one))
        const sealed = await seal(content, [recipient])
        const [again, another] = [await siteIdentity(toHex(one)), await siteIdentity(toHex(other))]
        return (
          Buffer.from((await unseal(sealed, [again.identity]))!).equals(content) &&
          (await unseal(sealed, [another.identity])) === undefined
        )
      }),
      { numRuns: 20 },
    )
  },
)

t.test("the identity stays the same for ever: old evidence is opened by it", async (t) => {
  const { identity, recipient } = await siteIdentity(`0x${"11".repeat(32)}` as Hex)
  t.match(identity, /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/)
  t.equal(recipient, "age120w7dr002ytctdv6zt03jdkk8nhc07wl6khuev6pvr2ju4q98qgshreazs")
})
