import { existsSync, readFileSync } from "node:fs"
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

t.test("each row of what still works has a test that takes it away", async (t) => {
  t.ok(what!.length >= 8)
  t.same(
    tests!.map(([without]) => without),
    what!.map(([without]) => without),
  )
  for (const [without, title, file] of tests!) {
    t.ok(existsSync(file!), `${without}: ${file}`)
    t.ok(readFileSync(file!, "utf8").includes(`"${title}"`), `${without}: ${title}`)
  }
})

t.test("each row is told as a finding that is documented", async (t) => {
  const codes = readFileSync("docs/metrics.md", "utf8")
  for (const row of what!)
    for (const [, code] of row.at(-1)!.matchAll(/`([^`]+)`/g))
      t.ok(codes.includes(`| \`${code}\` |`), `${code}`)
})
