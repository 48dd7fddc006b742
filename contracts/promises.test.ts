import { readdirSync, readFileSync } from "node:fs"
import t from "tap"

t.test("every test that docs/contracts.md names exists", async (t) => {
  const folder = "contracts/test"
  const solidity = readdirSync(folder)
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"))
    .join("\n")
  const named = readFileSync("docs/contracts.md", "utf8").matchAll(/`((?:test|invariant)_\w+)(…?)`/g)
  const missing = [...named]
    .filter(([, name, more]) => !solidity.includes(`function ${name}${more ? "" : "("}`))
    .map(([text]) => text)
  t.same(missing, [])
})
