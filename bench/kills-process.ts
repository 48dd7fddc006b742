import { writeSync } from "node:fs"
import { metersOf, openStore } from "./site.ts"

/** A process that takes in readings for ever and says on stdout, a line each, which of them are acknowledged. Argument: folder. */
const [folder] = process.argv.slice(2) as [string]
const [meter] = metersOf(1)
const { journal, intake } = openStore(folder, [meter!])
const atOnce = 10
for (let next = journal.readings.state(meter!.key.meterId).sequence + 1; ; next += atOnce)
  await Promise.all(
    Array.from({ length: atOnce }, async (_, i) => {
      await intake.submit({ source: "bench", bytes: meter!.says(next + i) })
      writeSync(1, `${next + i}\n`)
    }),
  )
