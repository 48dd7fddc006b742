import decodeQR from "qr/decode.js"
import t from "tap"
import { html, printedPage, qrSvg } from "./print.ts"

/** A code's dark squares, as its SVG draws them, four pixels wide. */
function pixels(svg: string) {
  const [, size = "0"] = /viewBox="0 0 (\d+)/.exec(svg) ?? []
  const wide = 4 * Number(size)
  const data = new Uint8Array(4 * wide * wide).fill(255)
  let [x, y] = [0, 0]
  for (const [, kind, dx, dy] of svg.matchAll(/([Mm])(-?\d+)[ ]?(-?\d+)h1v1/g)) {
    ;[x, y] = kind === "M" ? [Number(dx), Number(dy)] : [x + Number(dx), y + Number(dy)]
    for (let row = 0; row < 4; row++)
      for (let column = 0; column < 4; column++) {
        const at = 4 * ((4 * y + row) * wide + 4 * x + column)
        data.fill(0, at, at + 3)
      }
  }
  return { width: wide, height: wide, data }
}

t.test("what is printed as a code is read back by a camera's decoder", async (t) => {
  for (const text of [
    "https://lane.example/join#AAAAAAAAAAAAAAAAAAAAAA",
    "BANANA ENGINE GIGGLE FRAME",
    `https://lane.example/#meter=0x${"a".repeat(64)}`,
  ])
    t.equal(decodeQR(pixels(qrSvg(text))), text)
})

t.test("a printed page fetches nothing, and says words as they are", async (t) => {
  const page = printedPage("A <title>", html`<p>${"<script>"}</p>`)
  t.notMatch(page, /<script|https?:|src=|@import|url\(/)
  t.match(page, "A &lt;title&gt;")
})
