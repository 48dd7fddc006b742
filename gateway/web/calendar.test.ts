import fc from "fast-check"
import t from "tap"
import { createCalendar, dayAfter, daysBetween, daysOfMonth, isDay, monthAfter, spanOf } from "./calendar.ts"

const at = (text: string) => Date.parse(text) / 1000

t.test("a day begins at midnight of the place, and has 23 or 25 hours where clocks change", async (t) => {
  const berlin = createCalendar("Europe/Berlin")
  t.equal(berlin.startOf("2026-06-21"), at("2026-06-20T22:00:00Z"))
  t.equal(berlin.startOf("2026-01-21"), at("2026-01-20T23:00:00Z"))
  t.equal(berlin.startOf("2026-03-30") - berlin.startOf("2026-03-29"), 23 * 3600)
  t.equal(berlin.startOf("2026-10-26") - berlin.startOf("2026-10-25"), 25 * 3600)
  t.equal(createCalendar("Asia/Kolkata").startOf("2026-06-21"), at("2026-06-20T18:30:00Z"))
  t.equal(createCalendar("Pacific/Kiritimati").startOf("2026-06-21"), at("2026-06-20T10:00:00Z"))
  t.equal(
    createCalendar("America/Sao_Paulo").startOf("2018-11-04"),
    at("2018-11-04T03:00:00Z"),
    "where 00:00 is left out the day begins at 01:00",
  )
})

t.test("each second is in the day that began last", async () => {
  const zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]
  const calendars = zones.map(createCalendar)
  fc.assert(
    fc.property(fc.constantFrom(...calendars), fc.integer({ min: 0, max: 4e9 }), (calendar, time) => {
      const day = calendar.dayAt(time)
      return calendar.startOf(day) <= time && time < calendar.startOf(dayAfter(day))
    }),
    { numRuns: 200 },
  )
})

t.test("every interval is in exactly one day", async () => {
  fc.assert(
    fc.property(
      fc.constantFrom("Europe/Berlin", "Asia/Kolkata", "UTC"),
      fc.constantFrom(900, 3600),
      fc.integer({ min: 10_000, max: 30_000 }),
      (zone, seconds, n) => {
        const calendar = createCalendar(zone)
        const day = dayAfter("1970-01-01", n)
        return spanOf(calendar, day, seconds).to === spanOf(calendar, dayAfter(day), seconds).from
      },
    ),
    { numRuns: 50 },
  )
})

t.test("months and days follow each other", async (t) => {
  t.equal(dayAfter("2028-02-28"), "2028-02-29")
  t.equal(dayAfter("2026-12-31"), "2027-01-01")
  t.equal(dayAfter("2026-03-01", -1), "2026-02-28")
  t.equal(monthAfter("2026-12"), "2027-01")
  t.equal(monthAfter("2026-01", -1), "2025-12")
  t.equal(daysOfMonth("2028-02").length, 29)
  t.same(daysBetween("2026-06-30", "2026-07-01"), ["2026-06-30", "2026-07-01"])
})

t.test("what is no day is not taken for one", async (t) => {
  for (const text of ["2026-02-29", "2026-13-01", "2026-6-1", "", "today", "2026-06-21T00:00", "٢٠٢٦-٠٦-٢١"])
    t.notOk(isDay(text), text)
  t.ok(isDay("2028-02-29"))
})
