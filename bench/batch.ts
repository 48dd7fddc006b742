import { run } from "./process.ts"
import { median, type Options, type Row } from "./row.ts"

interface Made {
  rulesMs: number
  treeMs: number
  evidenceMs: number
  proofMs: number
  maxMB: number
  grownMB: number
  evidenceBytes: number
}

/** Time and memory of one batch of 10, 1,000 and 100,000 meters, each in a process of its own. */
export async function batch({ quick }: Options): Promise<Row[]> {
  const rows: Row[] = []
  let smaller: { count: number; ms: number } | undefined
  for (const count of quick ? [10, 1_000] : [10, 1_000, 100_000]) {
    const made: Made[] = []
    for (let i = 0; i < (count > 10_000 ? 1 : 3); i++)
      made.push(await run<Made>("batch-process.js", [String(count)]))
    const of = (name: keyof Made) => median(made.map((one) => one[name]))
    const ms = of("rulesMs") + of("treeMs") + of("evidenceMs") + of("proofMs")
    const meters = count.toLocaleString("en-US")
    const note = `rules ${Math.round(of("rulesMs"))}, tree ${Math.round(of("treeMs"))}, evidence ${Math.round(of("evidenceMs"))}, proofs ${Math.round(of("proofMs"))} ms; ${Math.round(of("evidenceBytes") / count)} bytes of evidence a meter`
    rows.push(
      {
        what: `batch of ${meters} meters, with evidence and all proofs`,
        ours: ms,
        unit: "ms",
        better: "lower",
        // Linear growth is 1; a tree's proofs grow a little faster.
        ...(smaller && {
          against: {
            what: `so many times the one of ${smaller.count.toLocaleString("en-US")}`,
            value: (smaller.ms * count) / smaller.count,
          },
        }),
        note,
      },
      {
        what: `peak memory, batch of ${meters} meters`,
        ours: of("maxMB"),
        unit: "MB RSS",
        better: "lower",
        note: `${Math.round(of("grownMB"))} MB more than before the batch; readings are held in memory for it`,
      },
    )
    smaller = { count, ms }
  }
  return rows
}
