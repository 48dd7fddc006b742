import t from "tap"
import { type CountedReading, firstBoundary } from "../../energy/batch.ts"
import { addAll, energyOfHomes, sumOf } from "../../energy/day.ts"
import { boundaryAt } from "../../energy/intervals.ts"
import type { Hex } from "../../protocol/hex.ts"
import { lastAtOrBefore } from "../journal/at-time.ts"
import { createCalendar, dayAfter, spanOf } from "./calendar.ts"
import { createDays } from "./days.ts"
import { midnight, openVillage } from "./village.test.support.ts"

type Village = ReturnType<typeof openVillage>

/** The same from all readings of a day at once. */
function fromAllReadings({ config, journal }: Village, from: number, to: number) {
  const meters = config.meters
    .filter(({ startTime }) => startTime < Math.max(to, from + 1))
    .map(({ name, household, ratedW, startTime, startWh, restarts, key: { meterId } }) => ({
      name,
      household,
      ratedW,
      startTime,
      startWh,
      restarts,
      meterId,
      readings: journal.readings
        .countedFrom(meterId, from)
        .map(({ time, registers }): CountedReading => ({ time, registers, digest: "0x" })),
    }))
  const rules = { version: 1, sharingKey: config.sharingKey, ...config.rules } as const
  const homes = energyOfHomes(
    config.households.map(({ address }) => address),
    meters,
    { from, to },
    rules,
  )
  return homes.map((home) => ({ ...home, ...sumOf(home.records) }))
}

function todayFromAllReadings(village: Village) {
  const { config, context } = village
  const { intervalSeconds } = config.rules
  const now = context.clock.now()
  const calendar = createCalendar(config.timeZone)
  const starts = config.meters.map(({ startTime }) => startTime)
  const to = boundaryAt(now, intervalSeconds)
  const { from } = spanOf(calendar, calendar.dayAt(now), intervalSeconds)
  return fromAllReadings(village, Math.min(to, Math.max(from, firstBoundary(starts, intervalSeconds))), to)
}

t.test("today follows the journal, late readings and the next day included", async (t) => {
  const village = openVillage()
  t.teardown(() => village.close())
  const days = createDays(village.context)
  const same = (what: string) => {
    t.same(days.today().homes, todayFromAllReadings(village), what)
    t.same(days.today(), createDays(village.context).today(), `${what}, seen for the first time`)
  }
  const late = (meter: string) => meter === "Mill Lane 4 grid"
  same("before anything came")
  await village.live(midnight - 900, midnight + 3600, 300)
  same("after an hour")
  t.equal(days.today(), days.today(), "a second look costs nothing")
  await village.live(midnight + 3640, midnight + 7200, 130)
  same("with readings beside the boundaries")
  await village.live(midnight + 7500, midnight + 10_800, 300, late)
  same("with a meter that is late")
  t.equal(days.today().homes[3]!.missing, 4)

  const before = village.journal.readings.lastCounted(village.meterNamed("Mill Lane 4 grid").key.meterId)!
  for (let i = 1; i <= 4; i++) {
    await village.submit("Mill Lane 4 grid", {
      time: midnight + 7200 + i * 900,
      importedWh: before.registers.importedWh! + BigInt(i) * 40n,
      exportedWh: 0n,
    })
    same(`after ${i} of 4 late readings`)
  }
  t.equal(days.today().homes[3]!.missing, 0, "it caught up")

  village.setTime(midnight + 86_400 + 7)
  same("as the next day begins")
  t.ok(days.today().homes.every(({ energy }) => energy === undefined))
  await village.live(midnight + 86_400 + 900, midnight + 86_400 + 5400, 450)
  same("an hour into it")
})

t.test("days that are over are kept, and worked out again only while a meter may still report", async (t) => {
  const village = openVillage({ timeZone: "Europe/Berlin", intervalSeconds: 3600 })
  t.teardown(() => village.close())
  const { journal, context } = village
  const days = createDays(context)
  const late = (meter: string, time: number) => meter === "Mill Lane 4 grid" && time > midnight + 20 * 3600
  await village.live(midnight - 4 * 3600, midnight + 30 * 3600, 3600, late)
  while (days.keep());
  const day = "2026-06-21"
  const { from, to } = spanOf(days.calendar, day, 3600)
  t.equal(from, midnight - 2 * 3600, "a day of Berlin")
  t.match(journal.days.head(day), { from, to, final: false })
  t.same(
    journal.days.sumsOfDay(day).map(({ energy, missing }) => ({ energy, missing })),
    fromAllReadings(village, from, to).map(({ energy, missing }) => ({ energy, missing })),
  )
  for (const { household, records, silent } of fromAllReadings(village, from, to))
    t.same(days.home(household, day), { household, records, silent }, household)
  t.equal(days.keep(), false, "nothing is left to do")

  const { meterId } = village.meterNamed("Mill Lane 4 grid").key
  const last = journal.readings.lastCounted(meterId)!
  await village.submit("Mill Lane 4 grid", {
    time: last.time + 3600,
    importedWh: last.registers.importedWh! + 1n,
    exportedWh: last.registers.exportedWh!,
  })
  while (days.keep());
  t.match(journal.days.head(day), { final: false }, "it has not reported up to the day's end")
  t.equal(journal.days.sumsOfHome(village.config.households[3]!.address, day, day)[0]!.missing, 1)
  await village.submit("Mill Lane 4 grid", {
    time: to + 60,
    importedWh: last.registers.importedWh! + 20n,
    exportedWh: last.registers.exportedWh!,
  })
  while (days.keep());
  t.match(journal.days.head(day), { final: true })
  t.same(
    journal.days.sumsOfDay(day).map(({ energy }) => energy),
    fromAllReadings(village, from, to).map(({ energy }) => energy),
  )
  const before = addAll(journal.days.sumsOfDay(day).flatMap(({ energy }) => energy ?? []))
  t.equal(before?.exchange?.given, before?.exchange?.received, "what homes give is what homes receive")
})

t.test("a day that was worked out stands when its readings have left the journal", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  const { journal, context } = village
  const late = (meter: string, time: number) => meter === "Mill Lane 4 grid" && time > midnight + 20 * 3600
  await village.live(midnight - 3600, midnight + 25 * 3600, 3600, late)
  const days = createDays(context)
  while (days.keep());
  const before = journal.days.sumsOfDay("2026-06-21")
  const { meterId } = village.meterNamed("Mill Lane 4 grid").key
  const last = journal.readings.lastCounted(meterId)!
  const pruned = {
    ...context,
    journal: {
      ...journal,
      readings: { ...journal.readings, nextCounted: () => undefined, lastCounted: () => last },
    },
  }
  village.setTime(midnight + 26 * 3600)
  await village.submit("Mill Lane 4 grid", {
    importedWh: last.registers.importedWh! + 9n,
    exportedWh: last.registers.exportedWh!,
  })
  const again = createDays(pruned)
  while (again.keep());
  t.match(journal.days.head("2026-06-21"), { final: true })
  t.same(journal.days.sumsOfDay("2026-06-21"), before)
})

t.test("sums of days hold today as well", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  const days = createDays(village.context)
  await village.live(midnight - 3600, midnight + 34 * 3600, 3600)
  while (days.keep());
  const household = village.config.households[0]!.address
  const first = days.firstDay()
  const sums = days.sums(household, first, dayAfter("2026-06-22"))
  t.same(
    sums.map(({ day }) => day),
    ["2026-06-20", "2026-06-21", "2026-06-22"],
  )
  t.same(sums.at(-1)!.energy, days.today().homes[0]!.energy)
  t.ok(days.generated("2026-06-21", "2026-06-22").every(({ wh }) => wh! > 0n))
})

t.test("the last reading at a time is found without reading all of them", async (t) => {
  const times = [10, 20, 21, 22, 900, 905, 10_000, 10_001, 10_002, 50_000]
  const all = times.map(
    (time, i) => ({ id: BigInt(3 * i + 5), time, meterId: "0xaa" as Hex }) as never as Stored,
  )
  const readings = {
    lastCounted: (_: Hex, id = 2n ** 62n) => all.findLast((reading) => reading.id <= id),
    nextCounted: (_: Hex, id: bigint) => all.find((reading) => reading.id > id),
  }
  for (let time = 0; time <= 50_010; time += 1 + (time % 7))
    for (const before of [undefined, ...all.filter((reading) => reading.time <= time)])
      if (
        lastAtOrBefore(readings, time, all.at(-1)!, before) !==
        all.findLast((reading) => reading.time <= time)
      )
        t.fail(`at ${time}`)
  let looks = 0
  const even = Array.from(
    { length: 86_400 },
    (_, i) => ({ id: BigInt(30 * i + 1 + (i % 30)), time: i, meterId: "0xaa" as Hex }) as never as Stored,
  )
  const at = (id: bigint) => Math.min(even.length - 1, Math.max(-1, Math.floor(Number(id) / 30)))
  const many = {
    lastCounted: (_: Hex, id = 2n ** 40n) => {
      looks++
      const i = at(id)
      return even[i]!.id <= id ? even[i] : even[i - 1]
    },
    nextCounted: (_: Hex, id: bigint) => {
      looks++
      const i = at(id)
      return i >= 0 && even[i]!.id > id ? even[i] : even[i + 1]
    },
  }
  const wrong = Array.from({ length: 95 }, (_, i) => 900 * (i + 1)).filter(
    (time) => lastAtOrBefore(many, time, even.at(-1)!)?.time !== time,
  )
  t.same(wrong, [])
  t.ok(looks < 95 * 10, `${looks} looks for 95 boundaries of a day of seconds`)
})

type Stored = Parameters<typeof lastAtOrBefore>[2]
