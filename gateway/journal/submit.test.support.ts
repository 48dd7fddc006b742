import { writeSync } from "node:fs"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { openJournal } from "./journal.ts"

/**
 * A process that submits readings for ever and says each number once it is acknowledged, until it is killed.
 * Arguments: the journal's directory and the first number.
 */
const [, , directory, first] = process.argv
const meter = testMeter("roof")
const journal = openJournal(directory!, [meter])
const intake = createIntake([meter], journal, rules, testClock(start + 100_000_000))

let next = Number(first)
/** Several are on their way at once, so that commits have one or many of them. */
async function submitForEver(): Promise<void> {
  for (;;) {
    const sequence = next++
    const outcome = await intake.submit({ source: "test", bytes: meter.says(sequence) })
    // Not to a stream, which could still hold it when the process ends.
    if (outcome.kind === "authentic") writeSync(1, `${sequence}\n`)
  }
}
for (let i = 0; i < 8; i++) void submitForEver()
