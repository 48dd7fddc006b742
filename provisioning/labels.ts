import type { Hex } from "../protocol/hex.ts"
import { html, printedPage, qrSvg, raw } from "./print.ts"

/** What stands on a meter's label. */
export interface Label {
  name: string
  household: string
  meterId: Hex
  /** Of the community's page; `https://HOST`. */
  page: string
}

/** What the code says: the page, and which meter, which a server is not told by opening it. */
export function labelLink({ page, meterId }: Label): string {
  return `${page.replace(/\/+$/, "")}/#meter=${meterId}`
}

/** A label by itself, 80 by 30 mm, for a label printer. */
export function labelSvg(label: Label): string {
  const code = qrSvg(labelLink(label)).replace("<svg ", '<svg x="1" y="1" width="28" height="28" ')
  const lines = label.meterId.match(/.{1,22}/g) ?? []
  const words = [
    html`<text x="31" y="7" font-size="4.5" font-weight="bold">${label.name}</text>`,
    html`<text x="31" y="12" font-size="3.2">${label.household}</text>`,
    ...lines.map(
      (line, i) =>
        html`<text x="31" y="${18 + 3 * i}" font-size="2.6" font-family="monospace">${line}</text>`,
    ),
  ]
  return `${String(html`<svg xmlns="http://www.w3.org/2000/svg" width="80mm" height="30mm" viewBox="0 0 80 30" font-family="sans-serif"><rect width="80" height="30" fill="#fff"/>${raw(code)}${words}</svg>`)}\n`
}

/** All labels on sheets to cut. */
export function labelSheet(labels: readonly Label[]): string {
  return printedPage(
    "Meter labels",
    html`<div class="labels">${labels.map(
      (label) => html`<section class="label"><div>${raw(qrSvg(labelLink(label)))}</div>
<div><h2>${label.name}</h2><p>${label.household}</p><p><code>${label.meterId}</code></p><p>${label.page}</p></div></section>`,
    )}</div>`,
  )
}

/** A household's invitation: the code opens its page, once. @param until as people write a day. */
export function invitationPage(household: string, link: string, until: string): string {
  const [page = ""] = link.split("/join#")
  return printedPage(
    `Invitation for ${household}`,
    html`<h1>${household}</h1>
<p>Your home's page at ${page}: what it made, shared and used, and its GREEN. Point your telephone's camera at this code.</p>
<div class="qr">${raw(qrSvg(link))}</div>
<p><code>${link}</code></p>
<p>It works once, until ${until}. Whoever has it opens your page: keep it to yourself until it was used.</p>`,
  )
}
