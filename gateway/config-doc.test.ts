import { readFileSync } from "node:fs"
import t from "tap"
import { configurationPage, settings } from "./config-doc.ts"

t.test(
  "docs/configuration.md is what the schema says: commonwatt config doc > docs/configuration.md",
  async (t) => {
    t.equal(readFileSync("docs/configuration.md", "utf8"), configurationPage())
  },
)

t.test("every setting says what it means", async (t) => {
  const all = settings()
  t.ok(all.length > 60)
  for (const { place, schema } of all) t.ok(schema.description, place)
})
