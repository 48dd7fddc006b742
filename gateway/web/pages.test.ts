import { get, type IncomingMessage } from "node:http"
import { pino } from "pino"
import t from "tap"
import { cborBlock } from "../../protocol/block.ts"
import type { RefusalReason } from "../verify/examine.ts"
import { createDay } from "./day.ts"
import { createDoubts } from "./doubts.ts"
import { mostListeners, pageRoutes } from "./pages.ts"
import { startWeb } from "./server.ts"
import { midnight, openVillage } from "./village.test.support.ts"
import { kWh } from "./words.ts"

type Village = ReturnType<typeof openVillage>

/** What the page says, without its markup. */
const textOf = (html: string) => html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ")
const page = async ({ context }: Village, path = "/") => (await pageRoutes(context).request(path)).text()

async function aMorning(t: { teardown(work: () => void): void }) {
  const village = openVillage()
  t.teardown(() => village.close())
  await village.live(midnight - 1800, midnight + 9 * 3600)
  return village
}

t.test("the page tells the day of a village", async (t) => {
  const village = await aMorning(t)
  village.balances.set(village.config.households[0]!.address, 13_791n)
  const text = textOf(await page(village))
  t.match(text, /Mill Lane Sun 21 Jun 2026, 09:00 UTC/)
  t.match(text, /The sun gives \d+\.\d kW/)
  t.match(text, /Energy in kWh from 00:00 to 09:00 UTC/)
  for (const { name } of village.config.households) t.ok(text.includes(name), name)
  const { total, homes } = createDay(village.context)()
  t.ok(total && total.given > 0n)
  t.equal(total?.given, total?.received, "what homes give is what homes receive")
  for (const { energy } of homes) {
    const { generated, used, given, received, toGrid, fromGrid } = energy!
    t.equal(used, generated + (received + fromGrid) - (given + toGrid))
  }
  t.ok(text.includes(`generated ${kWh(total!.generated)} kWh`))
  t.match(text, /Mill Lane 1 .* 13\.791 /)
  t.match(text, /All homes .* not known/, "GREEN that was not read yet is not 0")
  t.match(text, /No batch has been built yet/)
  t.match(text, /Empty: every message so far was a reading that counts/)
})

t.test("a gap, a silent meter and a held-up settlement are said in words", async (t) => {
  const village = openVillage()
  t.teardown(() => village.close())
  const hour = (time: number) => (time - midnight) / 3600
  await village.live(
    midnight,
    midnight + 6 * 3600,
    900,
    (meter, time) =>
      (meter === "Mill Lane 4 grid" && hour(time) > 2 && hour(time) < 3) ||
      (meter === "Mill Lane 3 roof" && hour(time) > 5) ||
      meter === "The Old Bakery grid",
  )
  village.settlement.problem = "batch 3 (2026-06-21T06:00:00Z) lacks signatures"
  village.settlement.warnings = ["the node two.example is not used: behind (400 s behind)"]
  village.unreachable.set(village.meterNamed("Mill Lane 3 roof"), "no answer within 1000 ms")
  const text = textOf(await page(village))
  t.match(text, /Mill Lane 4 A gap: 4 intervals are missing \(1 h\) and not in these figures/)
  t.match(text, /Mill Lane 3 roof : stale, its last reading that counts is of 1 h ago/)
  t.match(text, /it does not answer \(no answer within 1000 ms\)/)
  t.match(text, /The Old Bakery grid : has not sent a reading that counts yet/)
  t.match(text, /The Old Bakery No reading that counts yet from The Old Bakery grid\./)
  t.match(text, /the sum of 4 of 6 homes/)
  t.match(text, /Settlement is held up: batch 3 \(21 Jun, 06:00 UTC\) lacks signatures/)
  t.match(text, /Mind that the node two\.example is not used: behind \(400 s behind\)\./)
})

t.test("names and details are text and never markup", async (t) => {
  const village = await aMorning(t)
  const hostile = `<script>alert("1")</script><img src=x onerror='alert(2)'>`
  await village.intake.turnAway({
    source: "mqtt 192.0.2.7",
    reason: hostile as RefusalReason,
    detail: hostile,
    size: 9,
  })
  village.config.name = hostile
  village.config.households[0]!.name = hostile
  village.config.meters[0]!.name = hostile
  village.unreachable.set(village.config.meters[1]!, hostile)
  village.settlement.problem = hostile
  village.setTime(midnight + 12 * 3600)
  const html = await page(village)
  t.notMatch(html, /<script>|<img src=x|'alert/)
  t.ok(html.includes("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"))
})

t.test("the page keeps its own strict policy", async (t) => {
  const village = await aMorning(t)
  const web = await startWeb(village.context, { host: "127.0.0.1", port: 0 }, pino({ level: "silent" }))
  t.teardown(() => web.close())
  const at = `http://127.0.0.1:${web.port}`
  const response = await fetch(at)
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
  const html = await response.text()
  t.notMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i, "no inline style or handler")
  for (const [, attributes, body] of html.matchAll(/<script([^>]*)>([^<]*)/g)) {
    t.match(attributes, /src="\/app\.js/)
    t.equal(body, "")
  }
  t.notMatch(html, /(src|href)="(https?:)?\/\//, "nothing from elsewhere")
  t.match(html, /<noscript><meta http-equiv="refresh"/)

  const linked = [...html.matchAll(/(?:src|href)="(\/[^"#]*)"/g)].map(([, path]) => path!)
  for (const path of new Set(linked)) t.equal((await fetch(at + path)).status, 200, path)
})

t.test("the first view is small, however much there is to tell", async (t) => {
  const village = await aMorning(t)
  for (let i = 0; i < 30; i++) {
    await village.intake.turnAway({
      source: "x",
      reason: "malformed",
      detail: `rubbish ${i} `.repeat(8),
      size: 9,
    })
    await village.submit("Mill Lane 1 grid", { importedWh: 0n, exportedWh: 0n })
  }
  for (let i = 1; i <= 12; i++) {
    addBatch(village, BigInt(i), 1000n)
    for (const validator of ["http://a.example", "http://b.example", "http://c.example"])
      village.journal.batches.putAttestation(BigInt(i), {
        validator,
        validatorSet: 1,
        signature: undefined,
        refusal: "a reading is not signed by its meter",
      })
  }
  const app = pageRoutes(village.context)
  const sizes = await Promise.all(
    ["/", "/style.css", "/app.js", "/icon.svg"].map(
      async (path) => (await (await app.request(path)).arrayBuffer()).byteLength,
    ),
  )
  const total = sizes.reduce((a, b) => a + b)
  t.ok(total < 60_000, `${sizes.join(" + ")} = ${total} bytes`)
})

t.test("each part of the page can be had by itself", async (t) => {
  const village = await aMorning(t)
  const app = pageRoutes(village.context)
  const whole = await (await app.request("/")).text()
  for (const part of ["heading", "now", "today", "batches", "quarantine"])
    t.ok(whole.includes(await (await app.request(`/fragment/${part}`)).text()), part)
  t.equal((await app.request("/fragment/__proto__")).status, 404)
})

t.test(
  "a batch shows what it newly states, who signed, who refused and why, its gas and its evidence",
  async (t) => {
    const village = await aMorning(t)
    const { batches } = village.journal
    addBatch(village, 1n, 1000n)
    const evidence = addBatch(village, 2n, 3500n)
    batches.putAttestation(2n, {
      validator: "http://a.example:7001",
      validatorSet: 1,
      signature: "0x00",
      refusal: undefined,
    })
    batches.putAttestation(2n, {
      validator: "http://b.example",
      validatorSet: 1,
      signature: undefined,
      refusal: "a sum is wrong",
    })
    batches.putTransaction({ hash: "0x01", number: 2n, kind: "propose", raw: "0x", sent: 1 })
    batches.putTransaction({ hash: "0x02", number: 2n, kind: "settle", raw: "0x", sent: 2 })
    batches.setOutcome("0x01", "mined", { gasUsed: 118_423n, paidWei: 1n })
    batches.setState(1n, "superseded", 3, "another proposal took its number")
    batches.setState(2n, "mined", 4)
    const html = await page(village, "/fragment/batches")
    const text = textOf(html)
    t.match(
      text,
      /2 21 Jun, 02:00 on chain, in its window 3\.50 1 meter signed by a\.example:7001 b\.example refused: a sum is wrong/,
    )
    t.match(text, /propose 118,423 settle not known yet/)
    t.match(
      text,
      /1 21 Jun, 01:00 superseded: a later batch carries its energy another proposal took its number 1\.00/,
    )
    t.ok(html.includes(`href="/ipfs/${evidence}?format=car"`))
  },
)

t.test("the quarantine shows both kinds, newest first, with words for each reason", async (t) => {
  const village = await aMorning(t)
  const start = midnight + 10 * 3600
  village.setTime(start)
  await village.intake.turnAway({
    source: "mqtt 192.0.2.7",
    reason: "oversized",
    detail: "9000 bytes",
    size: 9000,
  })
  village.setTime(start + 60)
  await village.submit("Mill Lane 2 grid", { importedWh: 1n, exportedWh: 0n })
  const text = textOf(await page(village, "/fragment/quarantine"))
  t.match(text, /2 messages were received and do not count/)
  t.match(text, /1 × too long to be a reading Something on the network/)
  t.match(
    text,
    /21 Jun, 10:01 Mill Lane 2 grid A register went down signed by its meter, in doubt importedWh fell/,
  )
  t.match(text, /21 Jun, 10:00 unknown Too long to be a reading refused 9000 bytes/)
  t.ok(text.indexOf("21 Jun, 10:01") < text.indexOf("21 Jun, 10:00"))
})

t.test("counts of doubtful readings stay right without counting all readings again", async (t) => {
  const village = await aMorning(t)
  const doubts = createDoubts(village.context, 20)
  t.same(doubts().counts, [])
  for (const rounds of [3, 1, 250]) {
    for (let i = 0; i < rounds; i++) {
      if (i % 2 === 0) await village.submit("Mill Lane 2 grid", { importedWh: 1n, exportedWh: 0n, clock: 0 })
      else
        await village.submit("Mill Lane 2 grid", {
          importedWh: 1n,
          exportedWh: 0n,
          time: midnight - 3 * 86_400,
        })
    }
    t.same(new Map(doubts().counts), village.journal.readings.counts().doubtful, `${rounds} more`)
  }
  t.equal(doubts().newest.length, 20)
})

t.test("events say what changed, to a bounded number of listeners", async (t) => {
  const village = await aMorning(t)
  const web = await startWeb(village.context, { host: "127.0.0.1", port: 0 }, pino({ level: "silent" }))
  t.teardown(() => web.close())
  const connect = () =>
    new Promise<IncomingMessage>((resolve, reject) =>
      get({ host: "127.0.0.1", port: web.port, path: "/events", agent: false }, resolve).on("error", reject),
    )
  const all = await Promise.all(Array.from({ length: mostListeners }, connect))
  t.ok(all.every(({ statusCode }) => statusCode === 200))
  t.match(all[0]!.headers["content-type"], "text/event-stream")
  const refused = await connect()
  t.equal(refused.statusCode, 503)
  t.ok(refused.headers["retry-after"])
  refused.resume()

  const told = new Promise<string>((resolve) => {
    let text = ""
    all[0]!.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes("\n\n", text.indexOf("event:") + 1) && text.includes("data:")) resolve(text)
    })
  })
  village.settlement.doing = "proposing batch 7"
  t.match(await told, /event: changed\ndata: heading\n\n/)

  for (const response of all) response.destroy()
  let again = await connect()
  for (let i = 0; i < 100 && again.statusCode !== 200; i++) {
    again.destroy()
    await new Promise((resolve) => setTimeout(resolve, 20))
    again = await connect()
  }
  t.equal(again.statusCode, 200, "who leaves makes room")
  again.destroy()
})

/** One meter's statement in a batch of its own. @returns the CID of its evidence. */
function addBatch({ journal, config }: Village, number: bigint, generatedWh: bigint): string {
  const time = midnight + Number(number) * 3600
  const block = cborBlock({ number })
  const { meterId } = config.meters[0]!.key
  journal.batches.add({
    number,
    time,
    root: "0x00",
    evidence: block.cid,
    statements: [{ kind: 1, meterId, generatedWh, time, reading: "0x00" }],
    blocks: [block],
    lastReadings: [],
  })
  return block.cid.toString()
}

t.test("a doubted statement is said in words: what is asked, by when, and what came of it", async (t) => {
  const village = openVillage()
  t.teardown(() => village.close())
  const { meterId } = village.meterNamed(village.config.meters[0]!.name).key
  const doubted = { batch: 3n, meterId, meter: "Weber roof", deadline: 1_780_000_000 }
  village.settlement.challenges = [{ ...doubted, answered: false, problem: "the chain is away" }]
  village.settlement.beyondChallenge = ["Sommer roof"]
  const open = textOf(await page(village))
  t.match(
    open,
    /The statement of Weber roof in batch 3 was doubted on chain and must be answered by .*: the chain is away\./,
  )
  t.match(open, /Sommer roof: signed in a format of the maker, which the chain cannot read/)
  village.settlement.challenges = [{ ...doubted, answered: true, problem: undefined }]
  t.match(textOf(await page(village)), /was doubted on chain; its reading was shown/)
})
