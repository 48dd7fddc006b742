import { metersOf, openStore } from "./site.ts"

/** A process that takes in a reading a minute of four meters and says its memory at each tenth. Arguments: folder, minutes. */
const [folder, count] = process.argv.slice(2) as [string, string]
const minutes = Number(count)
const meters = metersOf(4)
const { journal, intake } = openStore(folder, meters)
const rssMB: number[] = []
const perCommit = 50
for (let first = 1; first <= minutes; first += perCommit) {
  const sequences = Array.from({ length: Math.min(perCommit, minutes - first + 1) }, (_, i) => first + i)
  await Promise.all(
    sequences.flatMap((n) => meters.map((meter) => intake.submit({ source: "bench", bytes: meter.says(n) }))),
  )
  if (sequences.at(-1)! * 10 >= (rssMB.length + 1) * minutes) rssMB.push(process.memoryUsage.rss() / 2 ** 20)
}
journal.close()
process.send!({ rssMB })
