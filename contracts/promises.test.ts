import { readdirSync, readFileSync } from "node:fs"
import t from "tap"

t.test("every test that the pages on the contracts name exists", async (t) => {
  const folder = "contracts/test"
  const solidity = readdirSync(folder)
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"))
    .join("\n")
  const pages = ["docs/contracts.md", "docs/meter-registry.md"]
    .map((page) => readFileSync(page, "utf8"))
    .join("\n")
  const named = pages.matchAll(/`((?:test|invariant)_\w+)(…?)`/g)
  const missing = [...named]
    .filter(([, name, more]) => !solidity.includes(`function ${name}${more ? "" : "("}`))
    .map(([text]) => text)
  t.same(missing, [])
})
