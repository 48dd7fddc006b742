import t from "tap"
import type { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { sharingKeyShape } from "../protocol/sharing-key.ts"
import { parseSpanishCoefficients } from "./spanish-coefficients.ts"

const cups = ["ES0021000000000001AA0F", "ES0021000000000002BB0F", "ES0021000000000003CC0F"]
const home = (n: number): Hex => `0x${String(n).padStart(40, "0")}`
const context = {
  fileName: "betas.txt",
  version: 2,
  households: new Map(cups.map((name, i) => [name, home(i + 1)])),
}

t.test("fixed coefficients become a static key in millionths", async (t) => {
  const text = `${cups[0]};0,333334\r\n${cups[1]};0,333333\r\n${cups[2]};0,333333\r\n`
  const key = parseSpanishCoefficients(text, context)
  t.same(key, {
    name: "static",
    version: 2,
    parts: [
      { household: home(1), parts: 333_334 },
      { household: home(2), parts: 333_333 },
      { household: home(3), parts: 333_333 },
    ],
  })
  t.same(sharingKeyShape.parse(key), key)
})

t.test(
  "a byte order mark, points, a last semicolon, empty lines and lower case are what files have",
  async (t) => {
    const key = parseSpanishCoefficients(
      `\uFEFF${cups[0]!.toLowerCase()};0.25;\n\n${cups[1]};0,75;\n`,
      context,
    )
    t.match(key, { parts: [{ parts: 250_000 }, { parts: 750_000 }] })
  },
)

t.test(
  "hourly coefficients become a table by the hour of the year, as the distributor counts them",
  async (t) => {
    const hours = Array.from({ length: 8760 }, (_, i) => i + 1)
    const text = hours
      .flatMap((hour) => {
        const first = hour % 24 === 12 ? "0,900000" : "0,100000"
        const second = hour % 24 === 12 ? "0,100000" : "0,900000"
        return [`${cups[0]};${hour};${first}`, `${cups[1]};${hour};${second}`]
      })
      .join("\n")
    const key = parseSpanishCoefficients(text, { ...context, year: 2026 })
    if (key.name !== "table") return t.fail("not a table")
    t.equal(key.seconds, 3600)
    t.equal(key.rows.length, 8760)
    t.equal(key.rows[0]!.start, Date.UTC(2025, 11, 31, 23) / 1000, "the year begins at midnight, UTC+1")
    t.equal(key.rows.at(-1)!.start, Date.UTC(2026, 11, 31, 22) / 1000)
    t.same(key.rows[11]!.parts, [
      { household: home(1), parts: 900_000 },
      { household: home(2), parts: 100_000 },
    ])
    t.same(sharingKeyShape.parse(key), key)
    const canary = parseSpanishCoefficients(text, { ...context, year: 2026, utcOffsetHours: 0 })
    t.equal(canary.name === "table" && canary.rows[0]!.start, Date.UTC(2026, 0, 1) / 1000)
  },
)

t.test("a leap year has 8784 hours", async (t) => {
  const line = (hour: number) => `${cups[0]};${hour};1,000000`
  t.doesNotThrow(() => parseSpanishCoefficients(line(8784), { ...context, year: 2028 }))
  t.throws(() => parseSpanishCoefficients(line(8784), { ...context, year: 2026 }), /mistake in line 1/)
})

t.test("a mistake is named by file, line and reason", async (t) => {
  const cases: [text: string, line: number | undefined, reason: RegExp, year?: number][] = [
    ["", 1, /CUPS;coefficient/],
    [`${cups[0]}`, 1, /CUPS;coefficient/],
    [`${cups[0]};0,5\n${cups[1]};1;0,5`, 2, /3 fields, the lines before have 2/],
    [`\n\n${cups[0]};0,1234567`, 3, /six decimals/],
    [`${cups[0]};1,000001`, 1, /from 0 to 1/],
    [`${cups[0]};-0,5`, 1, /not a coefficient/],
    [`ES00;1,0`, 1, /not a supply point/],
    ["ES0021000000000009ZZ0F;1,0", 1, /no household of this community/],
    [`${cups[0]};0,5\n${cups[0]};0,5`, 2, /there twice/],
    [`${cups[0]};0;1,0`, 1, /hour from 1 to 8760/, 2026],
    [`${cups[0]};1;1,0`, 1, /no year was given/],
    [`${cups[0]};0,5\n${cups[1]};0,499999`, undefined, /add up to 0,999999/],
    [`${cups[0]};7;0,5\n${cups[1]};7;0,500001`, undefined, /Hour 7: they add up to 1,000001/, 2026],
  ]
  for (const [text, line, reason, year] of cases) {
    const message =
      line === undefined ? /betas\.txt do not add up/ : new RegExp(`betas\\.txt .*line ${line}\\.`)
    t.throws(
      () => parseSpanishCoefficients(text, { ...context, ...(year !== undefined && { year }) }),
      { message, context: [reason] } as unknown as PersonError,
      JSON.stringify(text).slice(0, 60),
    )
  }
})
