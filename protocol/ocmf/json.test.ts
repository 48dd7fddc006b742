import { deepStrictEqual, throws } from "node:assert/strict"
import fc from "fast-check"
import t from "tap"
import { type Json, JsonNumber, parseJson } from "./json.ts"

/** To what JSON.parse makes of it. */
function plain(value: Json): unknown {
  if (value instanceof JsonNumber) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
  return value
}

t.test("whatever JSON.stringify writes is read as JSON.parse reads it", async () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, "\t"), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent)
      deepStrictEqual(plain(parseJson(text, "It")), JSON.parse(text))
    }),
  )
})

t.test("whatever JSON.parse refuses is refused", async () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "a",
    "\\",
    "u00",
    "1",
    "-",
    ".",
    "e5",
    "0",
    " ",
    "true",
    "nul",
    "\n",
    "\u0001",
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("")
      let refused = false
      try {
        JSON.parse(text)
      } catch {
        refused = true
      }
      if (refused) throws(() => parseJson(text, "It"), { name: "MalformedOcmf" })
    }),
    { numRuns: 2000 },
  )
})

t.test("a number keeps the digits that were written", async (t) => {
  t.same(parseJson("[0.10, 62500.1270, 9007199254740993, 1E+2, -0]", "It"), [
    new JsonNumber("0.10"),
    new JsonNumber("62500.1270"),
    new JsonNumber("9007199254740993"),
    new JsonNumber("1E+2"),
    new JsonNumber("-0"),
  ])
})

t.test("a name that stands twice in one object is refused, however it is written", async (t) => {
  for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"x":{"b":0,"c":1,"b":2}}]'])
    t.throws(
      () => parseJson(text, "The payload"),
      { message: /^The payload has the name "[ab]" twice/ },
      text,
    )
  t.ok(parseJson('{"a":{"a":1},"b":{"a":1}}', "It"), "in two objects it may stand")
})

t.test("names that mean something to JavaScript mean nothing here", async (t) => {
  const value = parseJson('{"__proto__":1,"constructor":2}', "It") as Map<string, Json>
  t.same([...value.keys()], ["__proto__", "constructor"])
})

t.test("no depth overflows the stack", async (t) => {
  t.throws(() => parseJson("[".repeat(100_000), "It"), { message: /more than 32 levels/ })
  t.throws(() => parseJson('{"a":'.repeat(100_000), "It"), { message: /more than 32 levels/ })
  t.throws(() => parseJson(`"${"a".repeat(60_000)}`, "It"), { message: /no well-formed string/ })
})
