import type { Hex } from "../protocol/hex.ts"
import { html, printedPage, qrSvg, raw } from "./print.ts"
import { setOf } from "./shares.ts"

/** One share on one sheet, for one keeper. */
export function sharePage(
  words: string,
  { number, count, threshold, site }: { number: number; count: number; threshold: number; site: Hex },
): string {
  // Capitals and spaces make a smaller code (ISO/IEC 18004, alphanumeric mode).
  const code = qrSvg(words.toUpperCase())
  return printedPage(
    `Recovery share ${number} of ${count}`,
    html`<h1>Recovery share ${number} of ${count}</h1>
<p>Any ${threshold} of these ${count} sheets bring a gateway of Commonwatt back after fire, theft or a broken card. One alone
says nothing. Keep it where the others are not, and show it to nobody who asks by telephone or mail.</p>
<p>The gateway's site key: <code>${site}</code><br>Set <code>${setOf(words)}</code></p>
<ol class="words">${words.split(" ").map((word) => html`<li>${word}</li>`)}</ol>
<div class="qr">${raw(code)}</div>
<p>Once a year, with the sheets on the table: <code>commonwatt provision drill --dir DIR</code> proves that they work, and changes
nothing. After a loss: <code>commonwatt provision restore --dir DIR</code>.</p>`,
  )
}
