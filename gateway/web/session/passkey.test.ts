import t, { type Test } from "tap"
import { createAuthenticator, openDoor } from "./door.test.support.ts"

async function withPasskey(t: Test, kind: "ES256" | "EdDSA" = "ES256") {
  const door = openDoor()
  t.teardown(() => door.end())
  const owner = await door.loggedIn(door.first)
  const csrf = await owner.csrf()
  const authenticator = createAuthenticator(kind)
  const challengeFor = async (path: string, device = owner) => {
    const answer = await device.json(path, {}, device === owner ? { "x-csrf-token": csrf } : {})
    return ((await answer.json()) as { challenge: string }).challenge
  }
  const register = async (lies = {}) =>
    (
      await owner.json("/passkeys", authenticator.create(await challengeFor("/passkeys/challenge"), lies), {
        "x-csrf-token": csrf,
      })
    ).status
  const logIn = async (lies = {}, device = door.device()) =>
    (
      await device.json(
        "/log-in/passkey",
        authenticator.get(await challengeFor("/log-in/challenge", device), lies),
      )
    ).status
  return { door, owner, csrf, authenticator, register, logIn, challengeFor }
}

for (const kind of ["ES256", "EdDSA"] as const)
  t.test(`a passkey (${kind}) lets its household in, as often as it is used`, async (t) => {
    const { door, register, logIn } = await withPasskey(t, kind)
    t.equal(await logIn(), 403, "not before it was added")
    t.equal(await register(), 200)
    for (const device of [door.device(), door.device()]) {
      t.equal(await logIn({}, device), 200)
      t.match(await (await device.ask("/wallet")).text(), /Logged in as Mill Lane 1/)
    }
  })

t.test("an answer that is not what was asked for lets nobody in", async (t) => {
  const { register, logIn } = await withPasskey(t)
  for (const lies of [
    { type: "webauthn.get" },
    { origin: "https://evil.example" },
    { crossOrigin: true },
    { challenge: "AAAA" },
    { rp: "evil.example" },
    { flags: 0x41 },
    { flags: 0x05 },
  ])
    t.equal(await register(lies), 400, `registering with ${JSON.stringify(lies)}`)
  t.equal(await register(), 200)
  for (const lies of [
    { type: "webauthn.create" },
    { origin: "https://evil.example" },
    { crossOrigin: true },
    { challenge: "AAAA" },
    { rp: "evil.example" },
    { flags: 0x01 },
    { flags: 0x04 },
  ])
    t.equal(await logIn(lies), 403, `logging in with ${JSON.stringify(lies)}`)
})

t.test("an answer serves once, and for its own purpose", async (t) => {
  const { register, door, authenticator, challengeFor, csrf, owner } = await withPasskey(t)
  await register()
  const device = door.device()
  const answer = authenticator.get(await challengeFor("/log-in/challenge", device))
  t.equal((await device.json("/log-in/passkey", answer)).status, 200)
  t.equal((await door.device().json("/log-in/passkey", answer)).status, 403, "replayed")
  const challenge = await challengeFor("/passkeys/challenge")
  t.equal((await door.device().json("/log-in/passkey", authenticator.get(challenge))).status, 403)
  const asked = await challengeFor("/log-in/challenge", door.device())
  const other = createAuthenticator()
  t.equal((await owner.json("/passkeys", other.create(asked), { "x-csrf-token": csrf })).status, 400)
})

t.test("another's signature, and a copy whose counter is behind, let nobody in", async (t) => {
  const { register, logIn, door, authenticator, challengeFor } = await withPasskey(t)
  await register()
  const device = door.device()
  const forged = createAuthenticator().get(await challengeFor("/log-in/challenge", device))
  t.equal((await device.json("/log-in/passkey", { ...forged, id: authenticator.id })).status, 403)
  t.equal(await logIn({ count: 9 }), 200)
  const later = door.device()
  const behind = authenticator.get(await challengeFor("/log-in/challenge", later), { count: 9 })
  t.equal((await later.json("/log-in/passkey", behind)).status, 403)
})

t.test("a challenge is void after five minutes", async (t) => {
  const { register, door, authenticator, challengeFor } = await withPasskey(t)
  await register()
  const device = door.device()
  const answer = authenticator.get(await challengeFor("/log-in/challenge", device))
  door.pass(301)
  t.equal((await device.json("/log-in/passkey", answer)).status, 403)
})

t.test("a passkey that was removed lets nobody in, and a neighbour cannot remove it", async (t) => {
  const { register, door, owner, csrf, authenticator, logIn } = await withPasskey(t)
  await register()
  const neighbour = await door.loggedIn(door.second)
  await neighbour.form("/passkeys/remove", { csrf: await neighbour.csrf(), id: authenticator.id })
  t.equal(door.sessions.passkeys(door.first).length, 1)
  await owner.form("/passkeys/remove", { csrf, id: authenticator.id })
  t.equal(await logIn(), 403)
})

t.test("whatever is sent in place of an answer is refused", async (t) => {
  const { register, door } = await withPasskey(t)
  await register()
  for (const body of [
    null,
    [],
    {},
    { challenge: 1 },
    "x",
    { challenge: "A", id: "A", clientDataJSON: "A", authenticatorData: "A", signature: "A" },
  ])
    t.equal((await door.device().json("/log-in/passkey", body)).status, 403)
})
