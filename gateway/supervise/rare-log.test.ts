import fc from "fast-check"
import t from "tap"
import { createRareLog } from "./rare-log.ts"

t.test("however much there is of a kind, a few lines of it are written, and then their number", async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("malformed", "replayed"), fc.nat(600_000)), { maxLength: 300 }),
      (events) => {
        let now = 0
        const lines: Record<string, unknown>[] = []
        const log = createRareLog(
          (details) => void lines.push(details),
          () => now,
        )
        for (const [kind, ms] of events) {
          now += ms
          log.line(kind, { kind })
        }
        log.sum(true)
        const more = lines.reduce((sum, line) => sum + Number(line.more ?? 0), 0)
        const hours = Math.ceil((now + 1) / 3_600_000)
        const written = lines.filter((line) => line.more === undefined).length
        return written + more === events.length && lines.length <= 2 * 6 * hours
      },
    ),
  )
})

t.test("kinds that somebody invents share one", async (t) => {
  let lines = 0
  const log = createRareLog(
    () => void lines++,
    () => 0,
  )
  for (let n = 0; n < 10_000; n++) log.line(`kind ${n}`, {})
  t.ok(lines < 100, `${lines} lines`)
})
