/** What people read where a figure is missing. A missing figure is never shown as 0. */
export const notKnown = "not known"

/** Energy as kWh with two decimals, rounded half away from zero; whole Wh in, no float on the way. */
export function kWh(wh: bigint): string {
  return decimal(wh, 10n, 2)
}

/** GREEN with all its three decimals: 1 GREEN is 1 kWh. */
export function green(wh: bigint): string {
  return decimal(wh, 1n, 3)
}

function decimal(thousandths: bigint, step: bigint, places: number): string {
  const size = thousandths < 0n ? -thousandths : thousandths
  const units = (size + step / 2n) / step
  const digits = units.toString().padStart(places + 1, "0")
  const sign = thousandths < 0n && units > 0n ? "−" : ""
  return `${sign}${grouped(digits.slice(0, -places))}.${digits.slice(-places)}`
}

/** Power for a display: whole W below 1 kW, then kW with one decimal. */
export function watts(power: number): string {
  const size = Math.abs(power)
  const sign = power < 0 ? "−" : ""
  if (size < 1000) return `${sign}${Math.round(size)} W`
  return `${sign}${(size / 1000).toFixed(1)} kW`
}

/** A whole number with commas between its thousands. */
export function grouped(count: bigint | number | string): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",")
}

/** "1 interval", "3 intervals". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`
}

/** A length of time in its largest fitting unit: "45 min", "3 h", "3 h 15 min", "2 days". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.floor(hours / 24)} days`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** How long ago, no finer than a minute, so that a page at rest stays as it is. */
export function ago(seconds: number): string {
  return seconds < 60 ? "less than a minute ago" : `${duration(seconds)} ago`
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** "14:05", UTC. */
export function timeOfDay(time: number): string {
  return isoTime(time).slice(11, 16)
}

/** "21 Jun, 14:05", UTC. */
export function dayAndTime(time: number): string {
  const date = new Date(time * 1000)
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]}, ${timeOfDay(time)}`
}

/** "Sun 21 Jun 2026", UTC. */
export function fullDate(time: number): string {
  const date = new Date(time * 1000)
  return `${days[date.getUTCDay()]} ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}

/** For machines: "2026-06-21T14:05:00Z". */
export function isoTime(time: number): string {
  return new Date(time * 1000).toISOString().replace(".000", "")
}

/** The stamps that other parts of the gateway write into their sentences, as people read a time, to the second. */
export function readableTimes(text: string): string {
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (stamp) => {
    const time = Date.parse(stamp) / 1000
    if (Number.isNaN(time)) return stamp
    const seconds = time % 60 === 0 ? "" : isoTime(time).slice(16, 19)
    return `${dayAndTime(time)}${seconds} UTC`
  })
}
