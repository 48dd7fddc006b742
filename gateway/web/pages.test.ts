import { pino } from "pino"
import t from "tap"
import type { LoggedIn } from "./context.ts"
import { createDays } from "./days.ts"
import { localeOf } from "./locale.ts"
import { createWeb } from "./server.ts"
import { midnight, openVillage } from "./village.test.support.ts"
import { addBatch, as, visitors } from "./visitor.test.support.ts"

const log = pino({ level: "silent" })
/** What a page says, without its markup. */
const textOf = (html: string) =>
  html
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replace(/\s+/g, " ")

/** A village after a day and a half, whose roofs were paid twice. */
async function aVillage(t: { teardown(work: () => void): void }, options = { intervalSeconds: 3600 }) {
  const village = openVillage(options)
  t.teardown(() => village.close())
  await village.live(midnight - 13 * 3600, midnight, 3600)
  addBatch(village, 1n)
  await village.live(midnight + 3600, midnight + 33 * 3600, 3600)
  addBatch(village, 2n, "mined")
  village.setTime(midnight + 33 * 3600 + 12)
  const days = createDays(village.context)
  while (days.keep());
  const app = createWeb(village.context, log, visitors(village), days)
  const get = async (path: string, init?: RequestInit) => (await app.request(path, init)).text()
  return { village, app, get, days }
}

const pagesOfHome = [
  "/home",
  "/home/day",
  "/home/month",
  "/home/year",
  "/home/green",
  "/home/green/2",
  "/home/data",
]

t.test("pages", async (t) => {
  const { village, app, get, days } = await aVillage(t)
  const { households, meters } = village.config

  t.test("everyone sees what roofs generate, and nobody's name, meter or use", async (t) => {
    for (const path of ["/", "/audit"]) {
      const html = await get(path)
      for (const { name, address } of households)
        t.notOk(html.includes(name) || html.includes(address), `${path} does not name ${name}`)
      for (const { name, key } of meters)
        if (name.endsWith("grid"))
          t.notOk(html.includes(name) || html.includes(key.meterId), `${path}: ${name}`)
    }
    const text = textOf(await get("/"))
    t.match(text, /Mill Lane .* The sun gives \d+\.\d kW on the community's roofs\./)
    t.match(text, /Today so far the roofs generated \d+\.\d\d kWh/)
    t.match(text, /On the days of which a sum may be told, homes used \d+\.\d\d kWh/)
    t.match(text, /Homes: 6 · Roofs: 3/)
    t.notMatch(text, /homes? uses? \d/i, "no use of now")
    const [told] = days.published("2026-06-21", "2026-06-21")
    t.ok(told?.used && text.includes(localeOf("en", "UTC").kWh(told.used)), "the sum of a day that is over")
  })

  t.test("a household sees its day, month and year, and they add up", async (t) => {
    const home = textOf(await get("/home", as(0)))
    t.match(home, /Mill Lane 1 Now .* Your roof gives \d+\.\d kW\. Your home uses \d+ W\./)
    t.match(home, /Sun and home as of 09:00:00/)
    t.match(home, /Neighbours and grid: the average from 08:00 to 09:00/)
    const month = await get("/home/month/2026-06", as(0))
    const year = await get("/home/year/2026", as(0))
    const totalOf = (html: string) => /<tfoot>.*?<data value="(\d+)"/s.exec(html)?.[1]
    const generated = days
      .sums(households[0]!.address, "2026-06-01", "2026-06-30")
      .reduce((sum, { energy }) => sum + (energy?.generated ?? 0n), 0n)
    t.equal(totalOf(month), String(generated))
    t.equal(totalOf(year), String(generated))
    const day = await get("/home/day/2026-06-21", as(0))
    t.equal(
      totalOf(day),
      String(days.sums(households[0]!.address, "2026-06-21", "2026-06-21")[0]!.energy!.generated),
    )
    t.match(textOf(await get("/home/day/1999-01-01", as(0))), /There are no figures yet/)
    t.notMatch(textOf(await get("/home", as(1))), /Your roof/, "a home without a roof is told nothing of one")
    for (const path of ["/home/day/2026-02-30", "/home/month/2026-13", "/home/year/banana", "/home/green/99"])
      t.equal((await app.request(path, as(0))).status, 404, path)
  })

  t.test("each amount of GREEN opens its why, down to the meter's signed bytes and the chain", async (t) => {
    village.balances.set(households[0]!.address, 13_791n)
    const list = await get("/home/green", as(0))
    t.match(textOf(list), /13\.791 GREEN/)
    t.match(list, /href="\/home\/green\/2"/)
    const html = await get("/home/green/2", as(0))
    const roof = village.meterNamed("Mill Lane 1 roof").key.meterId
    const statement = village.journal.batches.statements(2n).find(({ meterId }) => meterId === roof)!
    const before = village.journal.batches.statements(1n).find(({ meterId }) => meterId === roof)!
    const stood = [before, statement].map(({ generatedWh }) => (Number(generatedWh) / 1000).toFixed(3))
    t.ok(textOf(html).includes(`The register rose from ${stood[0]} kWh to ${stood[1]} kWh.`))
    t.ok(html.includes(statement.reading), "the digest that the statement quotes")
    t.ok(html.includes("The reading that is stored here has this digest."))
    t.match(textOf(html), /on chain, open to doubt/)
    t.match(
      textOf(html),
      /ash\.example:9000 .* cedar\.example:9000 refused: a reading is not signed by its meter/,
    )
    t.equal(
      (await app.request("/home/green/2", as(1))).status,
      404,
      "a home without a roof has no part in it",
    )
  })

  t.test(
    "what the contract refuses is said to the household that it concerns, and to no other",
    async (t) => {
      village.journal.batches.setState(
        1n,
        "settled",
        midnight,
        "Mill Lane 1 roof: MeterSuspended(); Mill Lane 3 roof: Other()",
      )
      t.teardown(() => village.journal.batches.setState(1n, "settled", midnight))
      const first = await get("/home/green", as(0))
      t.match(first, /MeterSuspended/)
      t.notMatch(first, /Mill Lane 3/)
    },
  )

  t.test("a doubted statement is said to everyone, without saying whose it is", async (t) => {
    const { settlement } = village
    t.teardown(() => {
      settlement.challenges = []
    })
    const { meterId } = village.meterNamed("Mill Lane 3 roof").key
    const doubted = { batch: 2n, meterId, meter: "Mill Lane 3 roof", deadline: midnight + 86_400 }
    settlement.challenges = [{ ...doubted, answered: false, problem: "the chain is away" }]
    const open = await get("/audit")
    t.match(
      textOf(open),
      /A statement of batch 2 was doubted on chain, and must be answered by 22 Jun 2026, 00:00/,
    )
    for (const text of [open, await get("/api/status")]) t.notMatch(text, /Mill Lane 3/)
    settlement.challenges = [{ ...doubted, answered: true, problem: undefined }]
    t.match(textOf(await get("/audit")), /was doubted on chain; its signed reading was shown/)
  })

  t.test("nobody sees a home without being logged in, and each page says how", async (t) => {
    for (const path of pagesOfHome) {
      const response = await app.request(path)
      t.equal(response.status, 401, path)
      t.equal(
        response.headers.get("commonwatt-pages-of"),
        "nobody",
        "and what a browser kept of a home, it forgets",
      )
      t.match(await response.text(), /href="\/log-in"/)
    }
  })

  t.test("no household finds another's name, meters or figures on any page", async (t) => {
    const others = (n: number) => [
      ...households.filter((_, i) => i !== n).flatMap(({ name, address }) => [name, address]),
      ...meters
        .filter(({ household }) => household !== households[n]!.address)
        .flatMap(({ name, key }) => [name, key.meterId]),
    ]
    for (const n of [0, 1])
      for (const path of pagesOfHome) {
        const html = await get(path, as(n))
        for (const secret of others(n))
          if (html.includes(secret)) t.fail(`${path} of home ${n} says ${secret}`)
      }
    const tag = async (n: number) => (await app.request("/home", as(n))).headers.get("commonwatt-pages-of")
    t.not(await tag(0), await tag(1), "and a browser is told them apart")
    t.equal((await app.request("/", as(0))).headers.get("commonwatt-pages-of"), null)
  })

  t.test("pages keep a strict policy, and every link and asset of them is there", async (t) => {
    const seen = new Set<string>()
    for (const path of ["/", "/audit", ...pagesOfHome]) {
      const response = await app.request(path, as(0))
      t.equal(response.status, 200, path)
      const policy = response.headers.get("content-security-policy") ?? ""
      for (const part of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
      ])
        t.ok(policy.includes(part), part)
      t.notMatch(policy, /unsafe/)
      t.equal(response.headers.get("cache-control"), "no-store")
      t.equal(response.headers.get("access-control-allow-origin"), null)
      const html = await response.text()
      t.notMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i, "no inline style or handler")
      for (const [, , body] of html.matchAll(/<script([^>]*)>([^<]*)/g)) t.equal(body, "")
      t.notMatch(html, /(src|href|action)="(https?:)?\/\//, "nothing from elsewhere")
      for (const [, link] of html.matchAll(/(?:src|href|content)="(\/[^"#]*)"/g)) seen.add(link!)
    }
    seen.add("/sw.js")
    for (const link of seen) t.equal((await app.request(link, as(0))).status, 200, link)
    t.ok(seen.size > 15, `${seen.size} links`)
  })

  t.test("a first view is under 100 KB, style, script and icon with it, in every language", async (t) => {
    const sizeOf = async (path: string, language: string) => {
      const headers = { cookie: "visitor=0", "accept-language": language }
      return (await (await app.request(path, { headers })).arrayBuffer()).byteLength
    }
    for (const language of ["en", "hi", "ar"])
      for (const path of ["/", "/home", "/home/month", "/home/green/2"]) {
        const html = await get(path, as(0))
        const assets = [
          ...html.matchAll(/(?:src|href)="(\/(?:style|app|icon|touch-icon|manifest)[^"]*)"/g),
        ].map(([, link]) => link!)
        const sizes = await Promise.all([path, ...new Set(assets)].map((one) => sizeOf(one, language)))
        const total = sizes.reduce((a, b) => a + b)
        t.ok(total < 60_000, `${path} in ${language}: ${total} bytes, before they are compressed`)
      }
    const packed = await app.request("/home", { headers: { cookie: "visitor=0", "accept-encoding": "gzip" } })
    t.equal(packed.headers.get("content-encoding"), "gzip")
    const icon = Buffer.from(await (await app.request("/touch-icon.png")).arrayBuffer())
    t.same(
      [icon.subarray(1, 4).toString(), icon.readUInt32BE(16)],
      ["PNG", 180],
      "phones have one of their own",
    )
  })

  t.test("the language is the browser's, or the one that was chosen, and stays", async (t) => {
    const german = await get("/home", { headers: { cookie: "visitor=0", "accept-language": "de-CH" } })
    t.match(german, /<html lang="de" dir="ltr">/)
    t.match(textOf(german), /Ihr Dach gibt \d+,\d kW/)
    const chosen = await app.request("/home/month?lang=ar", as(0))
    t.equal(chosen.status, 303)
    t.equal(chosen.headers.get("location"), "/home/month")
    t.match(chosen.headers.get("set-cookie"), /language=ar; .*HttpOnly/)
    t.match(
      await get("/", { headers: { cookie: "language=ar", "accept-language": "de" } }),
      /<html lang="ar" dir="rtl">/,
    )
    const elsewhere = await app.request("http://localhost//evil.example/?lang=de")
    t.equal(elsewhere.headers.get("location"), "/evil.example/", "never to another host")
    t.match(await get("/", { headers: { cookie: "language=<script>" } }), /<html lang="en"/)
    t.equal((await app.request("/?lang=xx")).status, 200)
  })

  t.test("a part can be had without the page around it", async (t) => {
    const parts = await get("/home?parts", as(0))
    t.notMatch(parts, /<html|<header/)
    for (const part of ["now", "today", "green"]) t.ok(parts.includes(`data-part="${part}"`))
  })
})

t.test("stale, silent and missing are said in words, and are no zeros", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  const hour = (time: number) => (time - midnight) / 3600
  await village.live(
    midnight,
    midnight + 6 * 3600,
    3600,
    (meter, time) =>
      (meter === "Mill Lane 4 grid" && hour(time) > 2 && hour(time) < 4) ||
      (meter === "Mill Lane 3 roof" && hour(time) > 3) ||
      meter === "The Old Bakery grid",
  )
  const app = createWeb(village.context, log, visitors(village))
  const home = async (n: number) => textOf(await (await app.request("/home", as(n))).text())
  t.match(await home(3), /A gap: 33\.3% of the time is not in these figures/)
  t.match(await home(2), /What your roof gives is not known/)
  t.match(await home(2), /Mill Lane 3 roof last spoke on 21 Jun 2026, 03:00/)
  t.match(await home(5), /The Old Bakery grid has not sent a reading that counts yet/)
  t.match(await home(5), /Nothing that counts has come from The Old Bakery grid yet/)
  t.match(await home(5), /GREEN you hold not known GREEN/)
  village.setTime(midnight + 9 * 3600)
  t.match(await home(0), /No meter of yours has reported just now, so nothing here is of now/)
  village.setTime(midnight + 86_400 + 60)
  t.match(await home(0), /The day has just begun\. Its first figures come at 01:00/)
})

t.test("names are text and never markup", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  await village.live(midnight, midnight + 3600, 3600)
  addBatch(village, 1n)
  const hostile = `<script>alert("1")</script><img src=x onerror='alert(2)'>`
  village.config.name = hostile
  const household = village.config.households[0] as LoggedIn
  household.name = hostile
  village.config.meters[0]!.name = hostile
  village.setTime(midnight + 5 * 3600)
  const app = createWeb(village.context, log, visitors(village))
  for (const path of ["/", "/audit", "/home", "/home/green/1", "/manifest.webmanifest"]) {
    const html = await (await app.request(path, as(0))).text()
    if (path.endsWith("manifest")) t.equal(JSON.parse(html).name, hostile)
    else t.notMatch(html, /<script>|<img src=x|'alert/, path)
  }
})
