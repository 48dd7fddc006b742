// Turns tap's closing line into the plain one, says which tests failed, and passes the verdict on.
import { readFileSync } from "node:fs"

const [, , log, status] = process.argv
const text = readFileSync(log, "utf8")
const closing = [...text.matchAll(/^# \{ total: \d+.*\}$/gm)].at(-1)?.[0] ?? ""
const count = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(closing)?.[1] ?? 0)
const passed = count("pass")
const failed = count("fail") + (status !== "0" && count("fail") === 0 ? 1 : 0)
const skipped = count("skip")
const lines = text.split("\n")
const failures = lines.flatMap((line, at) =>
  /^\s*not ok /.test(line) && !/# (SKIP|TODO)/i.test(line) ? lines.slice(at, at + 25) : [],
)
if (failures.length > 0) console.log(["What failed, and what tap says of it:", ...failures].join("\n"))
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
