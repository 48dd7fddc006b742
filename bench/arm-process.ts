import { inFolder, metersOf, openStore, readingsOf } from "./site.ts"

/** A process that signs so many readings and, if it is told so, takes them in. Arguments: readings, "take" or "sign". */
const [count, work] = process.argv.slice(2)
const meters = metersOf(4)
const readings = readingsOf(meters, 1, Number(count))
await inFolder(async (folder) => {
  const { journal, intake } = openStore(folder, meters)
  if (work === "take")
    for (let i = 0; i < readings.length; i += 100)
      await Promise.all(readings.slice(i, i + 100).map((bytes) => intake.submit({ source: "bench", bytes })))
  journal.close()
})
