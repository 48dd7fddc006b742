/**
 * Days as people at one place count them, "2026-06-21". A day begins when the date changes there, which is not always
 * at 00:00 and not always 24 hours after the one before.
 */
export interface Calendar {
  readonly timeZone: string
  /** The day that a time is in, Unix seconds. */
  dayAt(time: number): string
  /** When a day begins, Unix seconds. */
  startOf(day: string): number
}

const secondsPerDay = 86_400
/** Whoever asks for days of other centuries does not fill the memory. */
const mostStarts = 5000
/** No place is further from UTC than this. */
const furthestFromUtc = 15 * 3600

/** @param timeZone of the IANA database: "Europe/Berlin". */
export function createCalendar(timeZone: string): Calendar {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  })
  const starts = new Map<string, number>()

  function dayAt(time: number): string {
    const found: Record<string, string> = {}
    for (const { type, value } of parts.formatToParts(time * 1000)) found[type] = value
    return `${found.year}-${found.month}-${found.day}`
  }

  return {
    timeZone,
    dayAt,
    startOf(day) {
      const known = starts.get(day)
      if (known !== undefined) return known
      const utc = Date.parse(day) / 1000
      let [before, at] = [utc - furthestFromUtc, utc + furthestFromUtc]
      while (at - before > 1) {
        const middle = Math.floor((before + at) / 2)
        if (dayAt(middle) < day) before = middle
        else at = middle
      }
      if (starts.size >= mostStarts) starts.clear()
      starts.set(day, at)
      return at
    },
  }
}

/** Whether a text names a day that there is. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && dateOf(Date.parse(text) / 1000) === text
}

/** The day so many days after another. */
export function dayAfter(day: string, days = 1): string {
  return dateOf(Date.parse(day) / 1000 + days * secondsPerDay)
}

/** The days from one to another, both included. */
export function daysBetween(first: string, last: string): string[] {
  const days: string[] = []
  for (let day = first; day <= last; day = dayAfter(day)) days.push(day)
  return days
}

/** The days of a month, "2026-06". */
export function daysOfMonth(month: string): string[] {
  return daysBetween(`${month}-01`, dayAfter(`${monthAfter(month)}-01`, -1))
}

/** The month so many months after another. */
export function monthAfter(month: string, months = 1): string {
  const [year, number] = month.split("-").map(Number)
  const count = year! * 12 + number! - 1 + months
  return `${String(Math.floor(count / 12)).padStart(4, "0")}-${String((count % 12) + 1).padStart(2, "0")}`
}

/** The intervals that begin within a day: their first start, and the end of the last. */
export function spanOf(
  calendar: Calendar,
  day: string,
  intervalSeconds: number,
): { from: number; to: number } {
  const boundary = (time: number) => Math.ceil(time / intervalSeconds) * intervalSeconds
  return { from: boundary(calendar.startOf(day)), to: boundary(calendar.startOf(dayAfter(day))) }
}

function dateOf(time: number): string {
  return Number.isFinite(time) ? new Date(time * 1000).toISOString().slice(0, 10) : ""
}
