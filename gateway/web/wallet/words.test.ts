import t from "tap"
import { localeOf } from "../locale.ts"
import { languageCodes } from "../words/languages.ts"
import { type Tongue, tongueOf } from "./words.ts"

const tongues = new Map(
  languageCodes.map((code): [string, Tongue] => [code, tongueOf(localeOf(code, "UTC"))]),
)
const english = tongues.get("en")!.words

t.test("every phrase has the same places for values in every language", async (t) => {
  const places = (phrase: string) => (phrase.match(/\{\w+\}/g) ?? []).sort()
  const wrong: string[] = []
  for (const [code, { words }] of tongues)
    for (const [name, phrase] of Object.entries(words)) {
      const same = String(places(phrase)) === String(places(english[name as keyof typeof english]))
      if (!same || phrase.trim() !== phrase || phrase === "") wrong.push(`${code} ${name}`)
    }
  t.same(wrong, [])
})

t.test("each language has phrases of its own", async (t) => {
  for (const [code, { words }] of tongues) {
    const same = Object.entries(words).filter(
      ([name, phrase]) => phrase === english[name as keyof typeof english],
    )
    t.ok(code === "en" || same.length < 10, `${code}: ${same.map(([name]) => name).join(", ")}`)
  }
})

t.test("each language has a decimal sign that an amount is read with", async (t) => {
  for (const [code, { decimalSign }] of tongues) t.match(decimalSign, /^[.,٫]$/, code)
})
