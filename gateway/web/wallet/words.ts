import type { Language, Locale } from "../locale.ts"
import { ar } from "./words/ar.ts"
import { de } from "./words/de.ts"
import { en, type WalletWords } from "./words/en.ts"
import { es } from "./words/es.ts"
import { fr } from "./words/fr.ts"
import { hi } from "./words/hi.ts"
import { pt } from "./words/pt.ts"
import { sw } from "./words/sw.ts"

export type { WalletWords }

/** A page's language: how it writes figures and times, and what the pages of sessions and wallet say in it. */
export interface Tongue {
  locale: Locale
  words: WalletWords
  /** Between GREEN and its thousandths. */
  decimalSign: string
}

const catalogues: Readonly<Record<Language, WalletWords>> = { en, de, fr, es, pt, hi, sw, ar }

export function tongueOf(locale: Locale): Tongue {
  return {
    locale,
    words: catalogues[locale.language],
    decimalSign: [...locale.green(3214n)][1]!,
  }
}

/** Puts values in the place of their names: "Logged in as {name}". */
export function say(phrase: string, values: Readonly<Record<string, string>>): string {
  return phrase.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
