import encodeQR from "qr"
import { type Html, html, raw } from "../views/html.ts"

/** A text as a QR code, drawn here: no other server learns who is paid. */
export function qrView(text: string, label: string): Html {
  return html`<div class="qr" role="img" aria-label="${label}">${raw(encodeQR(text, "svg", { ecc: "medium", border: 2 }))}</div>`
}
