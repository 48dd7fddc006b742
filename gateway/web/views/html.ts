import { html, raw } from "hono/html"
import type { Locale } from "../locale.ts"
import { isoTime } from "../words.ts"

export { html, raw }

/** Markup whose values were escaped as they were put in. */
export type Html = ReturnType<typeof html>

export function time(at: number, words: string): Html {
  return html`<time datetime="${isoTime(at)}">${words}</time>`
}

/** A figure with its exact value for machines; or that it is not known. A missing figure is never shown as 0. */
export function figure(value: bigint | undefined, words: (value: bigint) => string, locale: Locale): Html {
  if (value === undefined) return html`<span class="unknown">${locale.words.notKnown}</span>`
  return html`<data value="${value}"${value === 0n ? raw(' class="zero"') : ""}>${words(value)}</data>`
}
