import { readFileSync } from "node:fs"
import t from "tap"
import { parse } from "yaml"
import { sharingKeyShape } from "../protocol/sharing-key.ts"
import { accountsShape } from "../protocol/tariff.ts"

t.test("every example of docs/sharing.md is a sharing key", async (t) => {
  const examples = [
    ...readFileSync("docs/sharing.md", "utf8").matchAll(/```yaml\n(sharingKey:[^`]*)```/g),
  ].map(([, text]) => (parse(text!) as { sharingKey: unknown }).sharingKey)
  const names = examples.map((example) => sharingKeyShape.parse(example).name)
  t.same(names.sort(), ["equal", "pairs", "priority", "static", "table"])
})

t.test("and its example of accounts is one", async (t) => {
  const [, text] = /```yaml\n(accounts:[^`]*)```/.exec(readFileSync("docs/sharing.md", "utf8"))!
  const { accounts } = parse(text!) as { accounts: unknown }
  t.equal(accountsShape.parse(accounts).tariffs.length, 1)
})
