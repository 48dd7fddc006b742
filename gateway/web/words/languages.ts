import { ar } from "./ar.ts"
import { de } from "./de.ts"
import { en, type Words } from "./en.ts"
import { es } from "./es.ts"
import { fr } from "./fr.ts"
import { hi } from "./hi.ts"
import { pt } from "./pt.ts"
import { sw } from "./sw.ts"

export type { Words } from "./en.ts"

export const languages = Object.freeze({ en, de, fr, es, pt, hi, sw, ar }) satisfies Record<string, Words>

export type Language = keyof typeof languages

export const languageCodes = Object.keys(languages) as Language[]

export function isLanguage(code: string): code is Language {
  return Object.hasOwn(languages, code)
}

/** The first of a browser's languages that there is, by its Accept-Language (RFC 9110, 12.5.4); English where none is. */
export function preferred(acceptLanguage = ""): Language {
  const wanted = acceptLanguage
    .split(",")
    .map((part, i) => {
      const [range = "", ...parameters] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const weight = parameters.find((parameter) => parameter.startsWith("q="))
      return { code: range.split("-")[0]!, weight: weight ? Number(weight.slice(2)) : 1, i }
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || a.i - b.i)
  return wanted.map(({ code }) => code).find(isLanguage) ?? "en"
}
