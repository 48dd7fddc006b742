import t from "tap"
import { testMeter } from "../../intake.test.support.ts"
import { hashPassword, isPasswordHash, nobodysHash, verifyPassword } from "../../password.ts"
import { createIdentities } from "./identity.ts"

const roof = testMeter("roof")
const household = roof.household

t.test("a password is kept as a salted hash that fits no other password", async (t) => {
  const hash = await hashPassword("sunny day")
  t.match(hash, /^\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  t.not(hash, await hashPassword("sunny day"))
  t.ok(await verifyPassword(Buffer.from("sunny day"), hash))
  t.notOk(await verifyPassword(Buffer.from("sunny day "), hash))
  t.notOk(await verifyPassword(Buffer.from(""), hash))
})

t.test(
  "hashes of other tools fit where the parameters are bearable, and anything else is none",
  async (t) => {
    // The second vector of RFC 7914, section 12, with its first 32 bytes.
    const rfc = "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI"
    t.notOk(isPasswordHash(rfc), "its salt of four bytes is too short for us")
    for (const text of [
      "sunny day",
      "",
      nobodysHash.replace("ln=14", "ln=30"),
      nobodysHash.replace("ln=14", "ln=0"),
      nobodysHash.slice(0, -1),
      `${nobodysHash}$`,
    ])
      t.notOk(isPasswordHash(text), text)
    t.ok(isPasswordHash(nobodysHash))
    t.notOk(await verifyPassword(Buffer.from(""), "sunny day"))
  },
)

t.test("a meter is known by its certificate's common name, without 0x for want of room", async (t) => {
  const { byCertificate } = createIdentities({}, [roof])
  const shown = (commonName: string) => byCertificate({ commonName, fingerprint: "AB:CD" })
  t.match(shown(roof.key.meterId.slice(2)), { kind: "meter", meterId: roof.key.meterId })
  for (const name of [roof.key.meterId, "roof", "", "anyone"]) t.equal(shown(name), undefined, name)
})

t.test("who guesses passwords is stopped, and a right one costs nothing", async (t) => {
  let now = 0
  const passwordHash = await hashPassword("sunny day")
  const { byPassword } = createIdentities(
    { clients: [{ meter: "roof", passwordHash }], hubs: [{ name: "anna", household, passwordHash }] },
    [roof],
    () => now,
  )
  const right = Buffer.from("sunny day")
  for (let i = 0; i < 12; i++)
    t.match(await byPassword("roof", right, "192.0.2.1"), { kind: "meter", name: "roof" })
  t.match(await byPassword("anna", right, "192.0.2.1"), { kind: "hub", household })
  for (let i = 0; i < 10; i++) await byPassword("roof", Buffer.from(`guess ${i}`), "192.0.2.1")
  for (let i = 0; i < 100; i++)
    t.equal(await byPassword("roof", right, "192.0.2.1"), undefined, "not even the right one")
  t.ok(await byPassword("roof", right, "192.0.2.2"), "from elsewhere it is")
  now += 120_000
  t.ok(await byPassword("roof", right, "192.0.2.1"), "nor for ever")
})
