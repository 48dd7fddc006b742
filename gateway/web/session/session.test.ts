import { readFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { type Door, openDoor, origin } from "./door.test.support.ts"

function open(t: Test): Door {
  const door = openDoor()
  t.teardown(() => door.end())
  return door
}

t.test(
  "an invitation lets in once, for its own household, with a cookie that scripts cannot read",
  async (t) => {
    const door = open(t)
    const token = door.invite(door.first)
    const device = door.device()
    const answer = await device.form("/join", { invitation: `https://gateway.local/join#${token}` })
    t.equal(answer.status, 303)
    t.match(
      answer.headers.get("set-cookie"),
      /^session=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/,
    )
    t.match(await (await device.ask("/devices")).text(), /Logged in as Mill Lane 1/)
    t.equal((await door.device().form("/join", { invitation: token })).status, 403)
  },
)

t.test("an invitation that is too old, or of nobody's, lets nobody in", async (t) => {
  const door = open(t)
  const token = door.invite(door.first, 60)
  door.pass(61)
  t.equal((await door.device().form("/join", { invitation: token })).status, 403)
  t.equal(
    (await door.device().form("/join", { invitation: door.invite(`0x${"99".repeat(20)}`) })).status,
    403,
  )
})

t.test("what is on the disk lets nobody in", async (t) => {
  const door = open(t)
  const device = await door.loggedIn(door.first)
  const token = device.cookie.split("=")[1]!
  for (const name of ["sessions.sqlite", "sessions.sqlite-wal", "invitations.jsonl"]) {
    const text = readFileSync(join(door.config.dataDir, name)).toString("latin1")
    t.notOk(text.includes(token), name)
  }
  const [session] = door.sessions.list(door.first)
  const thief = await door.app.request(`${origin}/devices`, { headers: { cookie: `session=${session?.id}` } })
  t.equal(thief.headers.get("location"), "/log-in")
})

t.test("who guesses is slowed down, and others are not", async (t) => {
  const door = open(t)
  for (let i = 0; i < 10; i++) await door.device().form("/join", { invitation: "A".repeat(22) })
  const good = door.invite(door.first)
  t.equal((await door.device().form("/join", { invitation: good })).status, 429, "also with the right one")
  door.pass(61)
  t.equal((await door.device().form("/join", { invitation: good })).status, 303, "a minute later it is taken")
})

t.test("nothing is changed by another site's page, nor by an old page of ours", async (t) => {
  const door = open(t)
  const device = await door.loggedIn(door.first)
  const csrf = await device.csrf()
  const posts = [
    "/log-out",
    "/devices/end",
    "/devices/end-all",
    "/passkeys/remove",
    "/passkeys/challenge",
    "/passkeys",
    "/wallet/intents",
    "/wallet/wish",
    "/join",
    "/log-in/challenge",
    "/log-in/passkey",
  ]
  for (const path of posts) {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: "http://localhost:81" },
      {},
    ])
      t.equal(
        (await device.form(path, { csrf }, headers as Record<string, string>)).status,
        403,
        `${path} from ${JSON.stringify(headers)}`,
      )
    t.equal((await device.form(path, { csrf: "old" })).status, 403, `${path} with a wrong token`)
    t.equal((await device.form(path, {})).status, 403, `${path} without one`)
  }
  t.equal(door.sessions.list(door.first).length, 1, "and the device is logged in as before")
})

t.test("one household's token is not another's", async (t) => {
  const door = open(t)
  const [mine, theirs] = [await door.loggedIn(door.first), await door.loggedIn(door.second)]
  t.equal((await mine.form("/log-out", { csrf: await theirs.csrf() })).status, 403)
})

t.test("a device that was logged out is out, here and everywhere", async (t) => {
  const door = open(t)
  const [phone, tablet, neighbour] = [
    await door.loggedIn(door.first),
    await door.loggedIn(door.first),
    await door.loggedIn(door.second),
  ]
  const stolen = phone.cookie
  await phone.form("/log-out", { csrf: await phone.csrf() })
  const again = await door.app.request(`${origin}/wallet`, { headers: { cookie: stolen } })
  t.equal(again.headers.get("location"), "/log-in", "the old cookie is worth nothing")
  const other = await door.loggedIn(door.first)
  await other.form("/devices/end-all", { csrf: await other.csrf() })
  t.equal((await tablet.ask("/wallet")).headers.get("location"), "/log-in")
  t.equal((await neighbour.ask("/wallet")).status, 200, "and the neighbour stays")
})

t.test("a household cannot log a neighbour's device out", async (t) => {
  const door = open(t)
  const [mine, theirs] = [await door.loggedIn(door.first), await door.loggedIn(door.second)]
  const [session] = door.sessions.list(door.second)
  await mine.form("/devices/end", { csrf: await mine.csrf(), id: session!.id })
  t.equal((await theirs.ask("/wallet")).status, 200)
})

t.test("a device that was not used for two months, or is a year old, is out", async (t) => {
  const door = open(t)
  const device = await door.loggedIn(door.first)
  const days = 86_400
  for (let day = 0; day < 360; day += 50) {
    t.equal((await device.ask("/wallet")).status, 200, `day ${day}`)
    door.pass(50 * days)
  }
  t.equal((await device.ask("/wallet")).status, 302, "after a year")
  const idle = await door.loggedIn(door.first)
  door.pass(61 * days)
  t.equal((await idle.ask("/wallet")).status, 302, "after two months")
})

t.test("who logs in again gets a new secret, and the old one ends", async (t) => {
  const door = open(t)
  const device = await door.loggedIn(door.first)
  const before = device.cookie
  const csrf = /name="csrf" value="([^"]+)"/.exec(await (await device.ask("/join")).text())?.[1] ?? ""
  await device.form("/join", { invitation: door.invite(door.second), csrf })
  t.not(device.cookie, before)
  t.equal(door.sessions.list(door.first).length, 0)
})

t.test("nobody logs in over a connection that others can read", async (t) => {
  const door = open(t)
  const device = await door.loggedIn(door.first)
  const socket = { remoteAddress: "192.0.2.7" }
  const env = { incoming: { socket } }
  const headers = { origin, cookie: device.cookie, "content-type": "application/x-www-form-urlencoded" }
  const body = new URLSearchParams({ invitation: door.invite(door.first) })
  const refused = await door.app.request(`${origin}/join`, { method: "POST", headers, body }, env)
  t.equal(refused.status, 403)
  t.match(await refused.text(), /others on the network could read along/)
  const page = await door.app.request(`${origin}/wallet`, { headers }, env)
  t.equal(page.headers.get("location"), "/log-in", "and a cookie from elsewhere counts for nothing there")
})

t.test("a household whose account was handed over stays logged in under the new one", async (t) => {
  const door = open(t)
  await door.loggedIn(door.first)
  const account = `0x${"ab".repeat(20)}` as const
  door.sessions.wish(door.first, account)
  door.sessions.follow(new Set([door.first, door.second]))
  t.equal(door.sessions.list(account).length, 0, "not before the operator agrees")
  door.sessions.follow(new Set([account, door.second]))
  t.equal(door.sessions.list(account).length, 1)
  t.same(door.sessions.wishes(), [])
})
