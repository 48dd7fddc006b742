import { readFileSync } from "node:fs"
import t from "tap"

const [what, tests] = readFileSync("docs/degradation.md", "utf8")
  .split("\n\n")
  .filter((part) => part.startsWith("|"))
  .map((table) =>
    table
      .trim()
      .split("\n")
      .slice(2)
      .map((row) =>
        row
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
  )

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

t.test(
  "each row of what still works has tests that take it away and give it back, and the suite runs them",
  async (t) => {
    t.ok(what!.length >= 8)
    t.same(
      [...new Set(tests!.map(([without]) => without))],
      what!.map(([without]) => without),
    )
    for (const [without, works, , back] of what!) {
      const held = tests!.filter(([row]) => row === without).map(([, holds]) => holds)
      const promised = [
        ...(works!.startsWith("nothing, until") || works!.startsWith("what was acknowledged")
          ? []
          : ["works on"]),
        ...(back === "by itself" ? [] : ["comes back"]),
      ]
      t.same(held, promised, `${without}: each promise once`)
    }
    t.match(readFileSync(".taprc", "utf8"), /^include:\n {2}- "dist\/\*\*\/\*\.test\.js"$/m)
    for (const [without, , title, file] of tests!) {
      t.match(file, /\.test\.ts$/)
      const run = new RegExp(`\\bt\\.test\\(\\s*"${escaped(title!)}",`)
      for (const place of [file!, `dist/${file!.replace(/\.ts$/, ".js")}`])
        t.match(readFileSync(place, "utf8"), run, `${without}: ${title}`)
    }
  },
)

t.test("each row is told as a finding that is documented", async (t) => {
  const codes = readFileSync("docs/metrics.md", "utf8")
  for (const row of what!)
    for (const [, code] of row.at(-1)!.matchAll(/`([^`]+)`/g))
      t.ok(codes.includes(`| \`${code}\` |`), `${code}`)
})
