import { Clock } from "../reading.ts"

/** The letters of OCMF 1.2, table 19. */
const clockOfLetter: ReadonlyMap<string, Clock> = new Map([
  ["U", Clock.unknown],
  ["I", Clock.informative],
  ["S", Clock.synchronised],
  ["R", Clock.relative],
])

const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d),\d{3}([+-])(\d\d)(\d\d) ([A-Z])$/

/**
 * Reads TM (OCMF 1.2, table 7): local time with milliseconds, offset and the state of the clock.
 * @returns whole Unix seconds, rounded down, and the clock's state; or what is wrong, in words.
 */
export function readTime(text: string): { time: number; clock: Clock } | string {
  const unreadable = `"${text.slice(0, 60)}" is not a time as OCMF writes it`
  const parts = form.exec(text)
  if (!parts) return unreadable
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  // Date carries what is too large over into the next field: 30 February would become a day of March.
  if (local.toISOString() !== `${parts[0].slice(0, 19)}.000Z`) return unreadable
  const [offsetHours, offsetMinutes] = [Number(parts[8]), Number(parts[9])]
  const clock = clockOfLetter.get(parts[10]!)
  if (offsetHours > 14 || offsetMinutes > 59 || clock === undefined) return unreadable
  const offset = (offsetHours * 60 + offsetMinutes) * 60 * (parts[7] === "-" ? -1 : 1)
  const time = local.getTime() / 1000 - offset
  return time < 0 ? `"${text}" is before 1970` : { time, clock }
}
