import fc from "fast-check"
import t from "tap"
import { decodePoint, type NumberType, noScale, type Point, type WordOrder, widths } from "./point.ts"
import { ofDecimal } from "./rational.ts"

const point = (over: Partial<Point> & Pick<Point, "type">): Point => ({
  name: "it",
  function: 3,
  address: 0,
  registers: over.type === "string" ? 4 : widths[over.type],
  order: "big",
  scale: noScale,
  notANumber: [],
  ...over,
})
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex")

/** Writes a number into registers with a DataView: an encoder that shares nothing with the reader. */
function registers(type: NumberType, order: WordOrder, value: number | bigint): Buffer {
  const view = new DataView(new ArrayBuffer(2 * widths[type]))
  if (type === "int16") view.setInt16(0, Number(value))
  else if (type === "uint16") view.setUint16(0, Number(value))
  else if (type === "int32") view.setInt32(0, Number(value))
  else if (type === "uint32") view.setUint32(0, Number(value))
  else if (type === "int64") view.setBigInt64(0, BigInt(value))
  else if (type === "uint64") view.setBigUint64(0, BigInt(value))
  else if (type === "float32") view.setFloat32(0, Number(value))
  else if (type === "float64") view.setFloat64(0, Number(value))
  else {
    const digits = String(value).padStart(4 * widths[type], "0")
    for (let i = 0; i < digits.length / 2; i++)
      view.setUint8(i, Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16))
  }
  const words = Array.from({ length: widths[type] }, (_, i) => view.getUint16(2 * i))
  if (order === "little") words.reverse()
  return Buffer.from(words.flatMap((word) => [word >> 8, word & 0xff]))
}

const values: Record<NumberType, fc.Arbitrary<number | bigint>> = {
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.nat(0xffff),
  int32: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  uint32: fc.nat(0xffffffff),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  float32: fc.float({ noNaN: true, noDefaultInfinity: true }),
  float64: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bcd16: fc.nat(9999),
  bcd32: fc.nat(99_999_999),
}

for (const [name, value] of Object.entries(values)) {
  const type = name as NumberType
  t.test(`${type} is read back as it was written, in both word orders`, async () => {
    fc.assert(
      fc.property(value, fc.constantFrom<WordOrder>("big", "little"), (written, order) => {
        const read = decodePoint(point({ type, order }), registers(type, order, written))
        return read.quality === "good" && read.value === written
      }),
    )
  })

  t.test(`${type} in kWh is whole Wh, within half a Wh of what the register says`, async () => {
    const scales = [1, 0.1, 0.01, 0.001, 10]
    fc.assert(
      fc.property(value, fc.constantFrom(...scales), (written, scale) => {
        const read = decodePoint(
          point({ type, unit: "kWh", scale: ofDecimal(scale) }),
          registers(type, "big", written),
        )
        if (typeof read.value !== "bigint" || read.unit !== "Wh") return false
        const { numerator, denominator } = read.exact!.value
        const off = 2n * (read.value * denominator - numerator)
        return off <= denominator && off >= -denominator && read.resolution! >= 1
      }),
    )
  })
}

t.test("the low word first is the low word first", async (t) => {
  t.equal(decodePoint(point({ type: "int32", order: "little" }), hex("08fd 0000")).value, 2301)
  t.equal(
    decodePoint(point({ type: "uint64", order: "little" }), hex("0001 0002 0003 0004")).value,
    0x0004000300020001n,
  )
})

t.test("a scale is a decimal fraction, without the noise of floating point", async (t) => {
  const scaled = (scale: number, unit = "V") =>
    decodePoint(point({ type: "int32", scale: ofDecimal(scale), unit }), hex("0000 0903"))
  t.match(scaled(0.1), { value: 230.7, resolution: 0.1 })
  t.match(scaled(0.001, "kWh"), { value: 2307n, unit: "Wh", resolution: 1 })
  t.match(scaled(0.1, "kWh"), { value: 230_700n, unit: "Wh", resolution: 100 })
  t.match(scaled(10, "Wh"), { value: 23_070n, resolution: 10 })
  t.match(scaled(-1, "W"), { value: -2307, resolution: 1 })
})

t.test("a scale factor is a power of ten beside the value", async (t) => {
  const read = (factor: string) =>
    decodePoint(point({ type: "uint16", unit: "W", factorAddress: 9 }), hex("04d2"), hex(factor))
  t.match(read("0001"), { value: 12_340, resolution: 10 })
  t.match(read("fffe"), { value: 12.34, resolution: 0.01 })
  t.match(read("fff6"), { value: 1234e-10 })
  t.same(read("8000"), { name: "it", unit: "W", quality: "not-implemented" })
  t.same(read("000b"), { name: "it", unit: "W", quality: "out-of-range" })
})

t.test("the step of a float grows with its value: 7.8 Wh at 65,536 kWh", async (t) => {
  const energy = (contents: string) => decodePoint(point({ type: "float32", unit: "kWh" }), hex(contents))
  t.match(energy("0000 0000"), { value: 0n, resolution: 1 })
  t.match(energy("467f ffff"), { value: 16_383_999n, resolution: 1 })
  t.match(energy("4680 0000"), { value: 16_384_000n, resolution: 2 })
  t.match(energy("477f ff00"), { value: 65_535_000n, resolution: 4 })
  t.match(energy("4780 0000"), { value: 65_536_000n, resolution: 8 })
  t.match(energy("4974 2400"), { value: 1_000_000_000n, resolution: 63 })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7f7ffffe }), (bits) => {
      const read = (contents: number) => {
        const bytes = Buffer.alloc(4)
        bytes.writeUInt32BE(contents)
        return decodePoint(point({ type: "float32" }), bytes)
      }
      return (read(bits + 1).value as number) - (read(bits).value as number) === read(bits).resolution
    }),
  )
})

t.test("what is no number is absent, and never 0", async (t) => {
  const absent = (type: NumberType, contents: string, notANumber: bigint[] = []) => {
    const read = decodePoint(point({ type, unit: "Wh", notANumber }), hex(contents))
    t.notOk("value" in read, `${type} ${contents}`)
    return read.quality
  }
  t.equal(absent("float32", "7fc0 0000"), "not-implemented")
  t.equal(absent("float32", "ff80 0001"), "not-implemented")
  t.equal(absent("float32", "7f80 0000"), "out-of-range")
  t.equal(absent("float64", "fff0 0000 0000 0000"), "out-of-range")
  t.equal(absent("bcd16", "12a4"), "out-of-range")
  t.equal(absent("int32", "8000 0000", [0x80000000n]), "not-implemented")
  t.equal(absent("uint64", "ffff ffff ffff ffff", [0xffffffffffffffffn]), "not-implemented")
  t.equal(absent("uint32", "0000 0000", [0n, 0xffffffffn]), "not-implemented")
  t.equal(
    decodePoint(point({ type: "int32", order: "little", notANumber: [0x7fffffffn] }), hex("ffff 7fff")).value,
    undefined,
  )
})

t.test("a string ends at the first NUL", async (t) => {
  const text = (contents: string) => decodePoint(point({ type: "string" }), hex(contents))
  t.same(text("6945 4d33 3135 3500"), { name: "it", quality: "good", value: "iEM3155" })
  t.same(text("4142 0043 4400 0000").value, "AB")
  t.same(text("4142 2020 2020 2020").value, "AB")
  for (const nothing of ["0000 0000 0000 0000", "ffff ffff ffff ffff", "2020 2020 2020 2020"])
    t.same(text(nothing), { name: "it", quality: "not-implemented" })
})
