import fc from "fast-check"
import t from "tap"
import { claimHash, claimText, readClaim } from "./claim.ts"
import { PersonError } from "./error.ts"

const salt = "00112233445566778899aabbccddeeff"

t.test("a claim has one text, and the text one claim", async (t) => {
  const claim = { beneficiary: "The school of Mill Lane", reason: "Its festival", salt }
  const text = claimText(claim)
  t.equal(text, `commonwatt claim/1\nfor: The school of Mill Lane\nbecause: Its festival\nsalt: ${salt}\n`)
  t.same(readClaim(text), claim)
  t.not(claimHash(text), claimHash(claimText({ ...claim, reason: "Its  festival" })))
})

t.test("whatever is typed makes a text that is read as what was typed, or is refused in words", async () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (beneficiary, reason) => {
      let text: string
      try {
        text = claimText({ beneficiary, reason, salt })
      } catch (error) {
        return error instanceof PersonError
      }
      const read = readClaim(text)
      return text.split("\n").length === 5 && read?.beneficiary === beneficiary.normalize("NFC").trim()
    }),
  )
})

t.test("no line can be smuggled in, and no text look like another", async (t) => {
  for (const beneficiary of ["a\nbecause: b", "a\rb", "a\u2028b", "a\u202eb", "\ud800", "", "x".repeat(81)])
    t.throws(() => claimText({ beneficiary, reason: "r", salt }), PersonError)
  const text = claimText({ beneficiary: "a", reason: "b", salt })
  for (const wrong of [
    "",
    text.trimEnd(),
    ` ${text}`,
    text.replace("claim/1", "claim/2"),
    text.replace(salt, "00"),
    `${text}\n`,
  ])
    t.equal(readClaim(wrong), undefined)
})
