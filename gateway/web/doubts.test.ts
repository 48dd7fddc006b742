import t from "tap"
import { createDoubts } from "./doubts.ts"
import { quarantineView } from "./views/quarantine.ts"
import { midnight, openVillage } from "./village.test.support.ts"

const textOf = (html: string) => html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ")

async function aMorning(t: { teardown(work: () => void): void }) {
  const village = openVillage()
  t.teardown(() => village.close())
  await village.live(midnight - 1800, midnight + 9 * 3600)
  return village
}

t.test(
  "a meter whose register began anew is named, with what the operator has to do, until that is done",
  async (t) => {
    const village = openVillage()
    t.teardown(() => village.close())
    const roof = village.context.config.meters.find(({ name }) => name.endsWith("roof"))!
    const doubts = createDoubts(village.context, 20)
    let quarter = 0
    const shows = (generatedWh: bigint) => {
      const time = midnight + 900 * quarter++
      village.setTime(time)
      return village.submit(roof.name, { time, generatedWh })
    }
    for (let i = 0; i < 8; i++) await shows(5_000n + 100n * BigInt(i))
    t.same(doubts().waiting, [])
    for (let i = 1; i <= 8; i++) await shows(100n * BigInt(i))
    t.match(doubts().waiting, [
      { meter: roof.name, because: /began anew 1 time.*`commonwatt provision meter restart`/ },
    ])
    t.match(String(quarantineView(doubts())), new RegExp(`${roof.name} is not minted:`))

    const restarts = [{ time: midnight + 900 * 8, finalWh: 5_700n, firstWh: 0n }]
    const meters = village.config.meters.map((meter) => (meter === roof ? { ...meter, restarts } : meter))
    const told = createDoubts({ ...village.context, config: { ...village.config, meters } }, 20)
    t.same(told().waiting, [])
    t.notMatch(String(quarantineView(told())), /is not minted/)
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
  const text = textOf(String(await quarantineView(createDoubts(village.context, 20)())))
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
