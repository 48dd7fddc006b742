import { run } from "./process.ts"
import { median, type Options, type Row } from "./row.ts"
import { inFolder } from "./site.ts"

interface Made {
  buildMs: number
  proofMs: number
  maxMB: number
  grownMB: number
  evidenceBytes: number
}

/** The flags that a gateway on a small box runs with. */
const small = ["--max-old-space-size=64", "--max-semi-space-size=1"]

/**
 * Time and memory of one batch, from the readings in a journal to the evidence in it and all proofs, each in a process of
 * its own: by the count of meters, an hour of quarters each; and by the count of readings, four meters a second.
 */
export async function batch({ quick }: Options): Promise<Row[]> {
  return [...(await byMeters(quick ? [10, 1_000] : [10, 1_000, 100_000])), ...(await byReadings(quick))]
}

async function byMeters(counts: readonly number[]): Promise<Row[]> {
  const rows: Row[] = []
  let smaller: { count: number; ms: number } | undefined
  for (const count of counts) {
    const made = await make([count, 5, 900], count > 10_000 ? 1 : 3)
    const of = (name: keyof Made) => median(made.map((one) => one[name]))
    const ms = of("buildMs") + of("proofMs")
    const meters = count.toLocaleString("en-US")
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
        note: `from and into the journal ${Math.round(of("buildMs"))}, proofs ${Math.round(of("proofMs"))} ms; ${Math.round(of("evidenceBytes") / count)} bytes of evidence a meter`,
      },
      {
        what: `peak memory, batch of ${meters} meters`,
        ours: of("maxMB"),
        unit: "MB RSS",
        better: "lower",
        note: `${Math.round(of("grownMB"))} MB more than before the batch`,
      },
    )
    smaller = { count, ms }
  }
  return rows
}

async function byReadings(quick: boolean): Promise<Row[]> {
  const rows: Row[] = []
  let smaller: { what: string; value: number } | undefined
  for (const hours of quick ? [1] : [1, 24]) {
    const [made] = await make([4, 3600 * hours + 1, 1, "sealed"], 1, small)
    const { maxMB, grownMB, buildMs, evidenceBytes } = made!
    rows.push({
      what: `peak memory, batch of 4 meters at 1 s, ${hours} h`,
      ours: maxMB,
      unit: "MB RSS",
      better: "lower",
      ...(smaller && { against: smaller }),
      note: `${(4 * (3600 * hours + 1)).toLocaleString("en-US")} readings, two meters of them sealed; ${Math.round(grownMB)} MB more than before the batch, ${(evidenceBytes / 1e6).toFixed(1)} MB of evidence, ${(buildMs / 1000).toFixed(1)} s; ${small.join(" ")}`,
    })
    smaller = { what: `${hours} h`, value: maxMB }
  }
  return rows
}

/** Fills a journal once for each, so that the batch's own process has seen none of that. */
async function make(
  size: readonly (number | string)[],
  times: number,
  flags: readonly string[] = [],
): Promise<Made[]> {
  const made: Made[] = []
  for (let i = 0; i < times; i++)
    await inFolder(async (folder) => {
      const args = [folder, ...size.map(String)]
      await run("batch-process.js", ["fill", ...args])
      made.push(await run<Made>("batch-process.js", ["build", ...args], flags))
    })
  return made
}
