import { type Language, languages, type Words } from "./words/languages.ts"

export type { Language } from "./words/languages.ts"

export type Locale = ReturnType<typeof makeLocale>

const made = new Map<string, Locale>()

/** A language's words, and its way to write numbers and times at the community's place. */
export function localeOf(language: Language, timeZone: string): Locale {
  const key = `${language} ${timeZone}`
  const locale = made.get(key) ?? makeLocale(language, timeZone)
  made.set(key, locale)
  return locale
}

function makeLocale(language: Language, timeZone: string) {
  const words: Words = languages[language]
  const decimals = (places: number) =>
    new Intl.NumberFormat(words.intl, { minimumFractionDigits: places, maximumFractionDigits: places })
  const [whole, one, two, three] = [decimals(0), decimals(1), decimals(2), decimals(3)]
  const shortest = new Intl.NumberFormat(words.intl, { maximumFractionDigits: 3 })
  const percents = new Intl.NumberFormat(words.intl, { style: "percent", maximumFractionDigits: 1 })
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(words.intl, { timeZone, calendar: "gregory", ...options })
  const formatDay = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(words.intl, { timeZone: "UTC", calendar: "gregory", ...options })
  const times = {
    time: format({ hour: "2-digit", minute: "2-digit" }),
    clock: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    moment: format({ dateStyle: "medium", timeStyle: "short" }),
    exactly: format({ dateStyle: "medium", timeStyle: "medium" }),
    hour: format({ hour: "numeric", hourCycle: "h23" }),
  }
  const days = {
    day: formatDay({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    dayShort: formatDay({ day: "numeric", month: "short" }),
    dayNumber: formatDay({ day: "numeric" }),
    month: formatDay({ month: "long", year: "numeric" }),
    monthShort: formatDay({ month: "narrow" }),
    year: formatDay({ year: "numeric" }),
  }
  const sayTime = (name: keyof typeof times) => (time: number) => times[name].format(time * 1000)
  const sayDay = (name: keyof typeof days) => (day: string) => days[name].format(Date.parse(day))

  return {
    language,
    words,
    direction: words.direction,
    timeZone,
    count: (n: number | bigint) => whole.format(n),
    percent: (part: number) => percents.format(part),
    /** Whole Wh as kWh with two decimals, unit and all; exact up to its rounding. */
    kWh: (wh: bigint) => `${two.format(decimalOf(wh))} ${words.units.kWh}`,
    /** The same without its unit, for tables. */
    kWhBare: (wh: bigint) => two.format(decimalOf(wh)),
    /** A register, to the Wh. */
    kWhExact: (wh: bigint) => `${three.format(decimalOf(wh))} ${words.units.kWh}`,
    /** Whole Wh at the axis of a chart. */
    kWhTick: (wh: bigint) => shortest.format(decimalOf(wh)),
    /** GREEN with all its three decimals. */
    green: (units: bigint) => three.format(decimalOf(units)),
    /** Power for a display: whole W below 1 kW, then kW with one decimal. */
    watts: (power: number) =>
      Math.abs(power) < 1000
        ? `${whole.format(Math.round(Math.abs(power)))} ${words.units.W}`
        : `${one.format(Math.abs(power) / 1000)} ${words.units.kW}`,
    time: sayTime("time"),
    clock: sayTime("clock"),
    moment: sayTime("moment"),
    exactly: sayTime("exactly"),
    hour: sayTime("hour"),
    day: sayDay("day"),
    dayShort: sayDay("dayShort"),
    dayNumber: sayDay("dayNumber"),
    month: sayDay("month"),
    monthShort: sayDay("monthShort"),
    year: sayDay("year"),
  }
}

/** Thousandths as a decimal in text, which Intl writes exactly: no float on the way. */
function decimalOf(thousandths: bigint): Intl.StringNumericLiteral {
  const size = thousandths < 0n ? -thousandths : thousandths
  const digits = size.toString().padStart(4, "0")
  return `${thousandths < 0n ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}` as Intl.StringNumericLiteral
}
