import t from "tap"
import { curves } from "./curves.ts"
import { curveKey, keyOnCurve, parseKey } from "./key.ts"
import { curveNames, hex, newSigner } from "./sign.test.support.ts"

const signers = curveNames.map(newSigner)
const p256 = signers.find(({ key }) => key.curve === curves.secp256r1)!

t.test("a key is read in every form in which meters' makers give it", async (t) => {
  for (const { key, spki } of signers) {
    const point = hex(key.point)
    const grouped = spki.toUpperCase().replace(/.{4}/g, "$& ")
    for (const text of [
      spki,
      `0x${spki}`,
      grouped,
      Buffer.from(spki, "hex").toString("base64"),
      `04${point}`,
      point,
    ]) {
      const { fingerprint } = keyOnCurve(parseKey(text), key.curve)
      t.equal(fingerprint, key.fingerprint, text)
    }
    t.match(key.fingerprint, /^sha256:[0-9a-f]{64}$/)
  }
})

t.test("what is no point of the curve is no key", async (t) => {
  for (const { key } of signers) {
    const { curve, point } = key
    const off = point.slice()
    off[point.length - 1] = off[point.length - 1]! ^ 1
    t.throws(() => curveKey(curve, off), { message: `This public key is not a point of ${curve.name}.` })
    t.throws(() => curveKey(curve, new Uint8Array(2 * curve.size)), { message: /not a point/ })
    t.throws(() => curveKey(curve, new Uint8Array(2 * curve.size).fill(255)), { message: /not a point/ })
    t.throws(() => curveKey(curve, point.subarray(1)), { message: /has \d+ bytes/ })
  }
  const { point } = p256.key
  for (const text of [
    "",
    "zz",
    "00",
    hex(point).slice(2),
    `02${hex(point.subarray(0, 32))}`,
    `06${hex(point)}`,
  ])
    t.throws(() => parseKey(text), { message: /^It is neither/ }, text)
  t.throws(() => parseKey(`${p256.spki}00`), { message: /^It is neither|bytes/ }, "a byte behind")
})
