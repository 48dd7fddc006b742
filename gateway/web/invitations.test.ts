import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs"
import fc from "fast-check"
import t from "tap"
import {
  type InvitationEntry,
  invitationsFile,
  keepInvitation,
  newInvitation,
  readInvitations,
  redeemInvitation,
} from "./invitations.ts"

const anna = `0x${"a1".repeat(20)}` as const
const bert = `0x${"b2".repeat(20)}` as const

t.test("an invitation lets its household in, once, and until it expires", async (t) => {
  const { token, entry } = newInvitation(anna, 1000)
  const other = newInvitation(bert, 1000)
  const entries = [other.entry, entry]
  t.equal(redeemInvitation(entries, token, 1000), undefined, "it has expired")
  const taken = redeemInvitation(entries, token, 999)
  t.equal(taken?.household, anna)
  t.equal(redeemInvitation([...entries, taken!.entry], token, 999), undefined, "a second time")
  t.equal(redeemInvitation([...entries, taken!.entry], other.token, 999)?.household, bert, "the others stay")
})

t.test("a token has 128 bits and stands nowhere but in the link", async (t) => {
  const { token, entry } = newInvitation(anna, 1000)
  t.equal(Buffer.from(token, "base64url").length, 16)
  t.notOk(JSON.stringify(entry).includes(token))
  t.not(newInvitation(anna, 1000).token, token)
})

t.test("nothing but the token lets anyone in: neither its hash nor any other text", async () => {
  const { token, entry } = newInvitation(anna, 1000)
  const near = fc
    .integer({ min: 0, max: 21 })
    .map((i) => `${token.slice(0, i)}${token[i] === "A" ? "B" : "A"}${token.slice(i + 1)}`)
  fc.assert(
    fc.property(fc.oneof(fc.string(), near, fc.constant("token" in entry ? entry.token : "")), (text) => {
      fc.pre(text !== token)
      return redeemInvitation([entry], text, 0) === undefined
    }),
  )
})

t.test("the file keeps what it was given, is its owner's alone, and is never half read", async (t) => {
  const file = invitationsFile(t.testdir())
  t.same(readInvitations(file), [])
  const { token, entry } = newInvitation(anna, 1000)
  keepInvitation(file, entry)
  const taken = redeemInvitation(readInvitations(file), token, 1)
  keepInvitation(file, taken!.entry)
  t.same(readInvitations(file), [entry, taken!.entry] satisfies InvitationEntry[])
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notOk(readFileSync(file, "utf8").includes(token))
  appendFileSync(file, '{"redee')
  t.same(readInvitations(file), [entry, taken!.entry], "a power cut left half a line")
  keepInvitation(file, entry)
  t.same(readInvitations(file), [entry, taken!.entry, entry])
  writeFileSync(file, `${JSON.stringify(entry)}\n{"token":\n`)
  t.throws(() => readInvitations(file), {
    message: "The file of invitations is damaged.",
    context: [`${file}, line 2`],
  })
})
