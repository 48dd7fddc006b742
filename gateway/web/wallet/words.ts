import type { Context } from "hono"
import { en, type WalletWords } from "./words/en.ts"

export type { WalletWords }

/** A language of the pages. */
export interface Tongue {
  /** As in `lang="…"`. */
  language: string
  direction: "ltr" | "rtl"
  words: WalletWords
  decimalSign: string
}

const tongues: Readonly<Record<string, Tongue>> = { en: tongueOf("en", en) }

function tongueOf(language: string, words: WalletWords): Tongue {
  const parts = new Intl.NumberFormat(language).formatToParts(1.5)
  return {
    language,
    direction: language === "ar" ? "rtl" : "ltr",
    words,
    decimalSign: parts.find(({ type }) => type === "decimal")?.value ?? ".",
  }
}

/** The language that a browser wants, of those there are. */
export function tongueFor(_c: Context): Tongue {
  return tongues.en!
}

/** Puts values in the place of their names: "Logged in as {name}". */
export function say(phrase: string, values: Readonly<Record<string, string>>): string {
  return phrase.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
