import { pino } from "pino"
import t from "tap"
import { hashPassword } from "../../password.ts"
import type { MachineFacts } from "../../supervise/facts.ts"
import { createHealth } from "../../supervise/health.ts"
import { createWeb } from "../server.ts"
import { midnight, openVillage } from "../village.test.support.ts"
import { addBatch } from "../visitor.test.support.ts"

const log = pino({ level: "silent" })
const password = "correct horse battery staple"
const basic = (given: string) => ({
  headers: { authorization: `Basic ${Buffer.from(`operator:${given}`).toString("base64")}` },
})
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

const soundBox: MachineFacts = {
  wallNow: midnight,
  clockGood: true,
  certificates: [],
  disk: { freeBytes: 8e9, totalBytes: 32e9 },
  wornPercent: 10,
  writtenBytesPerDay: undefined,
  starts: [midnight - 3600],
}

async function aVillage(t: { teardown(work: () => void): void }, passwordHash?: string) {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  await village.live(midnight + 9 * 3600, midnight + 12 * 3600, 3600)
  let ms = 0
  const monotonic = () => ms
  const machine = { ...soundBox }
  const health = createHealth(village.context, () => machine, monotonic)
  const access = { passwordHash, token: "token-of-this-start", monotonic }
  const app = createWeb(village.context, log, undefined, undefined, { health, access })
  const pass = (more: number) => {
    ms += more
  }
  return { village, app, machine, pass }
}

t.test(
  "the operator's pages are for who has the password or may read the data directory, and nobody else",
  async (t) => {
    const { app, village } = await aVillage(t, await hashPassword(password))
    const names = [...village.config.meters, ...village.config.households].map(({ name }) => name)
    for (const path of ["/operator", "/operator/health.json"]) {
      for (const init of [
        {},
        basic("wrong"),
        bearer("wrong"),
        bearer(""),
        { headers: { authorization: "Basic ?" } },
      ]) {
        const answer = await app.request(path, init)
        t.equal(answer.status, 401, path)
        const text = await answer.text()
        for (const name of names) t.notOk(text.includes(name))
      }
      for (const init of [basic(password), bearer("token-of-this-start")]) {
        const answer = await app.request(path, init)
        t.equal(answer.status, 200, path)
        t.equal(answer.headers.get("cache-control"), "no-store")
      }
    }
    for (const path of [
      "/operator/",
      "/operator//",
      "/operator/../operator",
      "/OPERATOR",
      "/operator/nothing",
    ])
      t.not((await app.request(path)).status, 200, path)
  },
)

t.test("without a password nobody gets in, not even from this machine", async (t) => {
  const { app } = await aVillage(t)
  for (const init of [{}, basic(""), basic("undefined"), { headers: { host: "localhost" } }])
    t.equal((await app.request("/operator", init)).status, 403)
  t.equal((await app.request("/operator/health.json", bearer("token-of-this-start"))).status, 200)
})

t.test("who guesses passwords soon has to wait; who is in stays in", async (t) => {
  const { app, pass } = await aVillage(t, await hashPassword(password))
  const from = async (remoteAddress: string, given: string) =>
    (await app.request("/operator", basic(given), { incoming: { socket: { remoteAddress } } })).status
  const neighbour = "192.168.1.66"
  for (let n = 0; n < 4; n++) t.equal(await from(neighbour, `guess ${n}`), 401)
  t.equal(await from(neighbour, "guess 5"), 429)
  t.equal(await from(neighbour, password), 429, "the right one too: he may have guessed it")
  t.equal(await from("192.168.1.20", password), 200, "it is no matter of the operator's, who is elsewhere")
  t.equal(await from(neighbour, password), 200, "and what was found right costs no attempt")
  pass(12_000)
  t.equal(await from(neighbour, "guess 7"), 429, "the one that was taken used up what there was")
})

t.test("many guesses at once are no way around the limit", async (t) => {
  const { app } = await aVillage(t, await hashPassword(password))
  let asked = 0
  const guess = async (n: number) => {
    const began = asked++
    const { status } = await app.request("/operator", basic(`guess ${n}`))
    return { began, status }
  }
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => guess(n)))
  t.same([...new Set(answers.map(({ status }) => status))], [429])
  t.equal(
    (await app.request("/operator", bearer("token-of-this-start"))).status,
    200,
    "the box's own are not asked",
  )
})

t.test(
  "the page says what is wrong and what to do, and shows each meter with what it last said",
  async (t) => {
    const { app, village, machine, pass } = await aVillage(t, await hashPassword(password))
    const get = async () => (await app.request("/operator", basic(password))).text()
    addBatch(village, 1n)
    t.match(await get(), /Everything is as it should be/)
    village.setTime(midnight + 20 * 3600)
    machine.clockGood = false
    village.settlement.problem = "the chain <script>alert(1)</script> is away"
    pass(10_000)
    const html = await get()
    t.match(html, /Nothing has come from Mill Lane 1 roof for 8 h\./)
    t.match(html, /Nobody vouches for this machine&#39;s clock/)
    t.match(html, /Gas money|Settled up to/)
    t.match(html, /birch.example|2 of 3/)
    t.notOk(html.includes("<script>alert"))
    for (const { name } of village.config.meters) t.ok(html.includes(name), name)
  },
)

t.test("what is wrong keeps the time at which it was first seen", async (t) => {
  const { app, village, machine, pass } = await aVillage(t)
  const health = async () =>
    (await (await app.request("/operator/health.json", bearer("token-of-this-start"))).json()) as {
      healthy: boolean
      findings: { code: string; since: number }[]
    }
  t.equal((await health()).healthy, true)
  machine.clockGood = false
  pass(10_000)
  village.setTime(midnight + 12 * 3600 + 10)
  const first = await health()
  pass(10_000)
  village.setTime(midnight + 12 * 3600 + 20)
  t.match(
    [first, await health()],
    [
      { findings: [{ since: midnight + 12 * 3600 + 10 }] },
      { findings: [{ since: midnight + 12 * 3600 + 10 }] },
    ],
  )
})

t.test("metrics tell strangers no name and no load", async (t) => {
  const { app, village } = await aVillage(t)
  const text = await (await app.request("/metrics")).text()
  for (const { name } of [...village.config.meters, ...village.config.households])
    t.notOk(text.includes(name), name)
  const figures = village.config.meters.flatMap(({ key }) => {
    const last = village.journal.readings.lastCounted(key.meterId)
    return [last?.powerW, ...Object.values(last?.registers ?? {})].filter((n) => n !== undefined && n > 20)
  })
  t.ok(figures.length > 6)
  const values = new Set(text.split("\n").map((line) => line.split(" ").at(-1)))
  for (const figure of figures) t.notOk(values.has(String(figure)), `${figure}`)
})
