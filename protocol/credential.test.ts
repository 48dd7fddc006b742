import { compactVerify, importJWK } from "jose"
import t from "tap"
import { type Credential, isCredential, issuerOf, judgeCredential, signCredential } from "./credential.ts"
import { type Hex, toHex } from "./hex.ts"
import { bytesFor } from "./vectors/fixed-keys.ts"

const secret = toHex(bytesFor("issuer"))
const stranger = toHex(bytesFor("stranger"))
const credentialBy = (key: Hex): Credential => ({
  "@context": ["https://www.w3.org/ns/credentials/v2"],
  type: ["VerifiableCredential", "ImpactClaim"],
  issuer: issuerOf(key),
  validFrom: "2026-06-01T00:00:00Z",
  credentialSubject: { id: "did:pkh:eip155:1:0x00", generatedWh: "3214" },
})
const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString())
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

t.test("a standard library verifies it with the key that the issuer's DID is", async (t) => {
  const text = signCredential(credentialBy(secret), secret)
  t.ok(isCredential(text))
  const jwk = decode(issuerOf(secret).replace("did:jwk:", ""))
  const { payload, protectedHeader } = await compactVerify(text, await importJWK(jwk, "EdDSA"))
  t.same(JSON.parse(Buffer.from(payload).toString()), credentialBy(secret))
  t.same(protectedHeader, { alg: "EdDSA", cty: "vc", kid: `${issuerOf(secret)}#0`, typ: "vc+jwt" })
  t.same(judgeCredential(text), { credential: credentialBy(secret), reasons: [] })
})

t.test("what is changed, or signed by another, is not valid, and why is said", async (t) => {
  const [header, payload, signature] = signCredential(credentialBy(secret), secret).split(".") as [
    string,
    string,
    string,
  ]
  const [, , other] = signCredential(credentialBy(stranger), stranger).split(".")
  const more = { ...decode(payload), credentialSubject: { generatedWh: "9999" } }
  for (const [text, says] of [
    [`${header}.${encode(more)}.${signature}`, /not signed by its issuer/],
    [`${header}.${payload}.${other}`, /not signed by its issuer/],
    [`${header}.${payload}.`, /not signed by its issuer/],
    [
      `${header}.${encode({ ...decode(payload), issuer: issuerOf(stranger) })}.${signature}`,
      /its key is not/,
    ],
    [`${header}.${encode({ ...decode(payload), issuer: "did:web:x" })}.${signature}`, /not the did:jwk/],
    [`${header}.${encode({ ...decode(payload), "@context": [] })}.${signature}`, /version 2/],
    [`${encode({ ...decode(header), alg: "none" })}.${payload}.${signature}`, /algorithm is none/],
    [`${encode({ ...decode(header), typ: "JWT" })}.${payload}.${signature}`, /type is JWT/],
    [`${encode({ ...decode(header), crit: ["b64"] })}.${payload}.${signature}`, /extensions/],
    ["eyJ.eyJ.x", /not a signed JSON document/],
  ] as const)
    t.match(judgeCredential(text).reasons.join("; "), says)
})

t.test("nobody signs in another's name", async (t) => {
  t.throws(() => signCredential(credentialBy(stranger), secret), { message: /another issuer/ })
})
