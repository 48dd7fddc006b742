import { readFileSync } from "node:fs"
import t from "tap"
import { parse } from "yaml"
import { sharingKeyShape } from "../protocol/sharing-key.ts"

t.test("every example of docs/sharing.md is a sharing key", async (t) => {
  const examples = [
    ...readFileSync("docs/sharing.md", "utf8").matchAll(/```yaml\n(sharingKey:[^`]*)```/g),
  ].map(([, text]) => (parse(text!) as { sharingKey: unknown }).sharingKey)
  const names = examples.map((example) => sharingKeyShape.parse(example).name)
  t.same(names.sort(), ["equal", "pairs", "priority", "static", "table"])
})
