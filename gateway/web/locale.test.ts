import fc from "fast-check"
import t from "tap"
import { localeOf } from "./locale.ts"
import { languageCodes, languages, preferred } from "./words/languages.ts"

const time = Date.UTC(2026, 5, 21, 12, 5, 7) / 1000

t.test("figures and times are written as each language does, at the community's place", async (t) => {
  const de = localeOf("de", "Europe/Berlin")
  t.equal(de.kWh(1_234_567n), "1.234,57 kWh")
  t.equal(de.green(13_791n), "13,791")
  t.equal(de.time(time), "14:05")
  t.equal(de.clock(time), "14:05:07")
  t.equal(de.day("2026-06-21"), "Sonntag, 21. Juni 2026")
  const en = localeOf("en", "Asia/Kolkata")
  t.equal(en.kWh(-5n), "-0.01 kWh")
  t.equal(en.time(time), "17:35")
  t.equal(en.watts(-1250), "1.3 kW", "its direction is said in words")
  t.equal(localeOf("hi", "UTC").kWhBare(123_456_789_000n), "12,34,56,789.00")
  t.match(localeOf("ar", "UTC").day("2026-06-21"), /يونيو/)
})

t.test("energy of any size is exact, and no float touches it", async () => {
  const bare = localeOf("en", "UTC")
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 80n }),
      (wh) => BigInt(bare.green(wh).replace(/[.,]/g, "")) === wh,
    ),
  )
})

t.test("every language says everything, in its own words", async (t) => {
  const phrasesOf = (value: unknown, path: string): [string, string][] => {
    if (typeof value === "string") return [[path, value]]
    if (typeof value === "function") return [[path, (value as (...all: string[]) => string)("¹", "²")]]
    return Object.entries(value as object).flatMap(([name, part]) => phrasesOf(part, `${path}.${name}`))
  }
  const english = new Map(phrasesOf(languages.en, ""))
  /** The same in more than one language, and rightly: names, units, and words that two languages share. */
  const shared =
    /units|direction|green$|greenHeld|amount|mintedTitle|name|intl|batch|total|pages|signed|site/i
  for (const code of languageCodes) {
    const phrases = phrasesOf(languages[code], "")
    t.same(phrases.map(([path]) => path).sort(), [...english.keys()].sort(), `${code} says all of it`)
    for (const [path, phrase] of phrases) {
      if (phrase.trim() === "") t.fail(`${code}${path} is empty`)
      for (const sign of "¹²")
        if (english.get(path)?.includes(sign) !== phrase.includes(sign))
          t.fail(`${code}${path} lost a figure`)
      if (code !== "en" && phrase === english.get(path) && !shared.test(path))
        t.fail(`${code}${path} is English`)
    }
  }
})

t.test("a browser's wishes are followed in their order", async (t) => {
  t.equal(preferred("de-AT,de;q=0.9,en;q=0.8"), "de")
  t.equal(preferred("nl, sw;q=0.4, fr;q=0.5"), "fr")
  t.equal(preferred("ar;q=0, es"), "es")
  t.equal(preferred("zh-CN, *;q=0.1"), "en")
  t.equal(preferred(), "en")
  t.equal(preferred("__proto__, constructor"), "en")
  for (const code of languageCodes) t.equal(preferred(code), code)
})
