import { html, raw } from "hono/html"
import encodeQR from "qr"

export { html, raw }
export type Html = ReturnType<typeof html>

/** A QR code as SVG that fills the width it is given. */
export function qrSvg(text: string): string {
  return encodeQR(text, "svg", { ecc: "medium", border: 4 })
}

/** A page to print, which needs nothing from anywhere. */
export function printedPage(title: string, body: Html | Promise<string>): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
  @page { margin: 15mm }
  body { font: 12pt/1.4 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: auto; padding: 5mm }
  code, .words { font-family: monospace; overflow-wrap: anywhere }
  .words { columns: 3; font-size: 14pt; padding-left: 3em }
  .qr { width: 55mm } .qr svg, .label svg { display: block; width: 100%; height: auto }
  .labels { display: grid; grid-template-columns: repeat(auto-fill, minmax(80mm, 1fr)); gap: 4mm }
  .label { display: grid; grid-template-columns: 28mm 1fr; gap: 4mm; border: 0.3mm solid #000; padding: 3mm; break-inside: avoid; font-size: 10pt }
  .label h2 { font-size: 13pt; margin: 0 } .label p { margin: 1mm 0 } .label code { font-size: 7pt }
  @media print { .screen { display: none } }
</style>
</head>
<body>
${body}
</body>
</html>
`)
}
