import { get, type IncomingMessage } from "node:http"
import { pino } from "pino"
import t from "tap"
import { createDays } from "../days.ts"
import { mostListeners, mostOfOne } from "../events.ts"
import { createWeb, startWeb } from "../server.ts"
import { midnight, openVillage } from "../village.test.support.ts"
import { addBatch, as, visitors } from "../visitor.test.support.ts"
import { endpointsOf } from "./endpoints.ts"

const log = pino({ level: "silent" })

/** What the answers that are looked into hold, all together. */
interface Body {
  openapi: string
  paths: Record<string, { get: { security: unknown; parameters: unknown } }>
  components: { schemas: Record<string, unknown> }
  error: string
  next: string | null
  address: string
  intervals: { start: string }[]
  days: unknown[]
  batches: unknown[]
  mints: unknown[]
}

/** Any parameters that an endpoint wants. */
const filled = (path: string) => path.replace("{day}", "2026-06-21").replace("{number}", "2")

t.test("the API", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  await village.live(midnight - 8 * 3600, midnight, 3600)
  addBatch(village, 1n)
  await village.live(midnight + 3600, midnight + 33 * 3600, 3600)
  addBatch(village, 2n)
  const { context, config } = village
  const days = createDays(context)
  while (days.keep());
  const app = createWeb(context, log, visitors(village), days)
  const endpoints = endpointsOf(context, days)
  const ask = async (path: string, init?: RequestInit) => {
    const response = await app.request(path, init)
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
  }

  t.test("every address of the web is everyone's or a household's, and says so", async (t) => {
    const open = [
      ...["/", "/audit", "/style.css", "/app.js", "/icon.svg", "/touch-icon.png", "/sw.js"],
      ...["/manifest.webmanifest", "/metrics", "/ipfs/:cid", "/api/openapi.json", "/api/*", "/*"],
      ...endpoints.flatMap(({ owner, path }) => (owner === "public" ? [path] : [])),
    ]
    const routes = [...new Set(app.routes.map(({ path }) => path))]
    t.ok(routes.length > 25, `${routes.length} addresses`)
    const unclaimed = routes.filter((path) => !open.includes(path) && !/^\/(api\/)?home(\/|$)/.test(path))
    t.same(unclaimed, [], "a new address has to be named here, or lie under /home")
    for (const path of routes.filter((path) => !open.includes(path))) {
      const asked = filled(path.replace(/:(\w+)\??/g, "{$1}")).replace(/\{\w+\}/, "2")
      t.equal((await app.request(asked)).status, 401, `${asked} without a session`)
    }
  })

  t.test("household A's session brings nothing of B's from any address", async (t) => {
    const [a, b] = [0, 2]
    const meters = config.meters.filter(({ household }) => household === config.households[b]!.address)
    const day = days.home(config.households[b]!.address, "2026-06-21")!
    const figures = day.records.flatMap(({ energy }) =>
      energy?.exchange ? [String(energy.exchange.used)] : [],
    )
    const own = new Set(
      days
        .home(config.households[a]!.address, "2026-06-21")!
        .records.flatMap(({ energy }) =>
          energy?.exchange ? Object.values(energy.exchange).map(String) : [],
        ),
    )
    const secrets = [
      config.households[b]!.name,
      config.households[b]!.address,
      ...meters.flatMap(({ name, key }) => (name.endsWith("grid") ? [name, key.meterId] : [name])),
      ...figures.filter((wh) => wh.length > 2 && !own.has(wh)).map((wh) => `"${wh}"`),
    ]
    t.ok(secrets.length > 15)
    const paths = [
      ...endpoints.filter(({ live }) => !live).map(({ path }) => filled(path)),
      ...["csv", "json"].map((kind) => `/api/home/data.${kind}?first=2026-06-01&last=2026-06-30`),
      ...[
        "/",
        "/home",
        "/home/day/2026-06-21",
        "/home/month",
        "/home/year",
        "/home/green",
        "/home/green/2",
        "/audit",
      ],
    ]
    for (const path of paths) {
      const response = await app.request(path, as(a))
      t.equal(response.status, 200, path)
      const text = await response.text()
      for (const secret of secrets) if (text.includes(secret)) t.fail(`${path} says ${secret}`)
    }
    const asB = await (await app.request("/api/home/days/2026-06-21", as(b))).text()
    t.ok(
      secrets.slice(4).some((secret) => asB.includes(secret)),
      "the same search finds B's figures where they belong",
    )
    const there = `address=${config.households[b]!.address}&household=${config.households[b]!.address}`
    t.same((await ask(`/api/home?${there}`, as(a))).body.address, config.households[a]!.address)
  })

  t.test("its document is made from what checks it, and names every address", async (t) => {
    const { body, headers } = await ask("/api/openapi.json")
    t.equal(body.openapi, "3.1.0")
    t.same(Object.keys(body.paths).sort(), endpoints.map(({ path }) => path).sort())
    t.same(body.paths["/api/home/now"]?.get.security, [{ household: [] }])
    t.match(body.paths["/api/days"]?.get.parameters, [
      { name: "before", in: "query", required: false, schema: { format: "date" } },
      { name: "limit", in: "query", schema: { minimum: 1, maximum: 366, default: 31 } },
    ])
    const text = JSON.stringify(body)
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
      t.ok(body.components.schemas[name!], name!)
    t.notMatch(text, /\$defs/)
    t.equal(headers.get("access-control-allow-origin"), null, "no other site's script may read it")
  })

  t.test("lists come in pages that join without a gap", async (t) => {
    const follow = async (path: string, list: "days" | "batches" | "mints", who: RequestInit) => {
      const found: unknown[] = []
      for (let next: string | null = path; next; ) {
        const { body, status } = await ask(next, who)
        t.equal(status, 200, next)
        found.push(...body[list])
        next = body.next
      }
      return found
    }
    for (const [path, list] of [
      ["/api/days", "days"],
      ["/api/home/days", "days"],
      ["/api/batches", "batches"],
      ["/api/home/mints", "mints"],
    ] as const) {
      const whole = (await ask(path, as(0))).body[list]
      t.ok(whole.length > 1, path)
      t.same(await follow(`${path}?limit=1`, list, as(0)), whole)
    }
  })

  t.test("a wrong question is answered with what is wrong and what to do", async (t) => {
    for (const [path, status, error] of [
      ["/api/days?limit=0", 400, /^limit: /],
      ["/api/days?limit=9999", 400, /^limit: /],
      ["/api/days?before=yesterday", 400, /^before: is no day/],
      ["/api/home/days/2026-02-30", 400, /^day: is no day/],
      ["/api/home/mints/-1", 400, /^number: /],
      ["/api/home/mints/77", 404, /nothing here/],
      ["/api/home/days/1999-01-01", 404, /nothing here/],
      ["/api/home/data.csv?first=2026-06-21&last=2026-06-01", 400, /first day is after/],
      ["/api/home/data.csv", 400, /^first: /],
      ["/api/nope", 404, /nothing here/],
    ] as const) {
      const { body, status: found } = await ask(path, as(0))
      t.equal(found, status, path)
      t.match(body.error, error)
      t.ok(body.next)
    }
  })

  t.test("a household takes its own data with it, to the Wh", async (t) => {
    const span = "first=2026-06-01&last=2026-06-30"
    const csv = await (await app.request(`/api/home/data.csv?${span}`, as(0))).text()
    const [head, ...rows] = csv.trim().split("\r\n")
    t.equal(head, "start,generated_wh,used_wh,from_neighbours_wh,to_neighbours_wh,from_grid_wh,to_grid_wh")
    const sum = (column: number) =>
      rows.reduce((total, row) => total + BigInt(row.split(",")[column] || "0"), 0n)
    const sums = days.sums(config.households[0]!.address, "2026-06-01", "2026-06-30")
    t.equal(
      sum(1),
      sums.reduce((total, { energy }) => total + (energy?.generated ?? 0n), 0n),
    )
    t.equal(
      sum(2),
      sums.reduce((total, { energy }) => total + (energy?.exchange?.used ?? 0n), 0n),
    )
    const { body, headers } = await ask(`/api/home/data.json?${span}`, as(0))
    t.equal(body.intervals.length, rows.length)
    t.equal(body.intervals[5]?.start, rows[5]!.split(",")[0])
    t.match(
      headers.get("content-disposition"),
      /attachment; filename="commonwatt-2026-06-01-2026-06-30\.json"/,
    )
  })
})

t.test("events come at once and when something is new, to a bounded number of listeners", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  await village.live(midnight, midnight + 2 * 3600, 3600)
  const web = await startWeb(village.context, { host: "127.0.0.1", port: 0 }, log, visitors(village))
  t.teardown(() => web.close())
  const connect = (path: string, visitor: number) =>
    new Promise<IncomingMessage>((resolve, reject) =>
      get(
        { host: "127.0.0.1", port: web.port, path, agent: false, headers: { cookie: `visitor=${visitor}` } },
        resolve,
      ).on("error", reject),
    )
  const texts = new Map<IncomingMessage, string>()
  const listen = async (path: string, visitor: number) => {
    const response = await connect(path, visitor)
    texts.set(response, "")
    response.on("data", (chunk: Buffer) => texts.set(response, texts.get(response)! + chunk.toString()))
    return response
  }
  const said = async (response: IncomingMessage, what: RegExp) => {
    while (!what.test(texts.get(response)!)) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const mine = await listen("/api/home/live", 0)
  t.match(mine.headers["content-type"], "text/event-stream")
  await said(mine, /event: live\ndata: \{"sunW":\d/)
  village.balances.set(village.config.households[0]!.address, 1234n)
  await said(mine, /"green":"1234"/)
  t.pass("what is new comes by itself")

  const others = await Promise.all(Array.from({ length: mostOfOne - 1 }, () => listen("/api/home/live", 0)))
  t.equal((await listen("/api/home/live", 0)).statusCode, 503, "one household cannot take all the room")
  const rest = await Promise.all(
    Array.from({ length: mostListeners - mostOfOne }, () => listen("/api/live", 1)),
  )
  t.ok(rest.every(({ statusCode }) => statusCode === 200))
  const refused = await listen("/api/live", 1)
  t.equal(refused.statusCode, 503)
  t.ok(refused.headers["retry-after"])
  for (const response of [mine, ...others, ...rest]) response.destroy()
  let again = await listen("/api/live", 1)
  while (again.statusCode !== 200) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    again = await listen("/api/live", 1)
  }
  t.pass("who leaves makes room")
  again.destroy()
})
