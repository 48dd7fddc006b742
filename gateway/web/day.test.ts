import t from "tap"
import { readingDigest } from "../../protocol/reading.ts"
import { createDay } from "./day.ts"
import { spanOfToday, todayOf } from "./today.ts"
import { midnight, openVillage } from "./village.test.support.ts"

/** The same from all readings of the day at once. */
function fromAllReadings({ config, journal, context }: ReturnType<typeof openVillage>) {
  const startTimes = config.meters.map(({ startTime }) => startTime)
  const span = spanOfToday(context.clock.now(), startTimes, config.rules.intervalSeconds)
  const meters = config.meters.map(
    ({ name, household, ratedW, startTime, startWh, restarts, key: { meterId } }) => {
      const readings = journal.readings
        .countedFrom(meterId, span.midnight)
        .map(({ time, registers, bytes }) => ({ time, registers, digest: readingDigest(bytes) }))
      return { name, household, ratedW, startTime, startWh, restarts, meterId, readings }
    },
  )
  return todayOf(config.households, meters, span, {
    version: 1,
    sharingKey: { name: "proportional", version: 1 },
    ...config.rules,
  })
}

t.test("today follows the journal, late readings and the next day included", async (t) => {
  const village = openVillage()
  t.teardown(() => village.close())
  const day = createDay(village.context)
  const same = (what: string) => {
    t.same(day(), fromAllReadings(village), what)
    t.same(day(), createDay(village.context)(), `${what}, seen for the first time`)
  }
  const late = (meter: string) => meter === "Mill Lane 4 grid"
  same("before anything came")
  await village.live(midnight - 900, midnight + 3600, 300)
  same("after an hour")
  t.equal(day(), day(), "a second look costs nothing")
  await village.live(midnight + 3640, midnight + 7200, 130)
  same("with readings beside the boundaries")
  await village.live(midnight + 7500, midnight + 10_800, 300, late)
  same("with a meter that is late")
  t.equal(day().homes[3]!.missing, 4)

  const before = village.journal.readings.lastCounted(village.meterNamed("Mill Lane 4 grid").key.meterId)!
  for (let i = 1; i <= 4; i++) {
    await village.submit("Mill Lane 4 grid", {
      time: midnight + 7200 + i * 900,
      importedWh: before.registers.importedWh! + BigInt(i) * 40n,
      exportedWh: 0n,
    })
    same(`after ${i} of 4 late readings`)
  }
  t.equal(day().homes[3]!.missing, 0, "it caught up")

  village.setTime(midnight + 86_400 + 7)
  same("as the next day begins")
  t.equal(day().total, undefined)
  await village.live(midnight + 86_400 + 900, midnight + 86_400 + 5400, 450)
  same("an hour into it")
})
