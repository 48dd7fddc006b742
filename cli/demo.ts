import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseDay, parseFaults } from "../demo/options.ts"
import { runDemo } from "../demo/run.ts"
import { faultNames } from "../device-sim/main.ts"
import { readFactorsFile } from "../protocol/factors-file.ts"
import { type Command, optional, untilStopped, wholeNumber } from "./command.ts"

export const demo: Command = {
  name: "demo",
  summary: "the whole system on this machine, with simulated meters",
  help: `
Usage: commonwatt demo [--days N] [--once] [--speed N] [--homes N | --data FILE] [--from DAY]
                       [--fault [LIST]] [--factors FILE] [--seed N] [--port N] [--dir DIR]

  --days N       virtual days: how many --once runs, or how far back an endless run begins; default 1, or 30
  --once         ends after the days, audits itself, prints a JSON object as the last line of stdout;
                 exit code 0 only if the audit holds and generated, minted and audited energy agree
  --speed N      virtual seconds per second, 1 to 20000; default 4320 with --once (a day in 20 s), else 1440.
                 Virtual time never overtakes the wall clock; an endless run goes on in real time from there
  --homes N      how many modelled homes, 2 to 40; default 6
  --data FILE    replays real homes: a CSV with the columns hour, homeN_load_wh, homeN_pv_wh
  --from DAY     the first day, as 2026-06-14; default yesterday (or 30 days ago), or the data's first whole day
  --factors FILE what the grid emits, hour by hour, for commonwatt claim: the format is in docs/impact.md
  --fault LIST   makes meters lie; all, or some of the list below, separated by commas. Without LIST: all
  --seed N       another seed, another world; default 1
  --port N       the page's port, if it is free; default 8080
  --dir DIR      keeps everything there; a directory of an earlier run is continued. Default: a temporary
                 one, which a --once run that went well removes again

Faults:
${Object.entries(faultNames)
  .map(([name, what]) => `  ${name.padEnd(14)} ${what}`)
  .join("\n")}

Nothing in it is a mock: meters on real sockets, broker, journal, validators, chain and contracts are the real ones.
The homes are simulated, the keys are worthless, and the money is play money.

Example:
  commonwatt demo --days 1 --once --fault
`,
  options: {
    days: { type: "string" },
    once: { type: "boolean" },
    speed: { type: "string" },
    homes: { type: "string" },
    data: { type: "string" },
    from: { type: "string" },
    factors: { type: "string" },
    fault: { type: "string" },
    seed: { type: "string" },
    port: { type: "string" },
    dir: { type: "string" },
  },
  complete: (args) =>
    args.flatMap((arg, i) => {
      const next = args[i + 1]
      return arg === "--fault" && (next === undefined || next.startsWith("--")) ? ["--fault=all"] : [arg]
    }),
  async run(values) {
    const signal = untilStopped()
    const once = values.once === true
    const say = (line: string) => process.stderr.write(`${line}\n`)
    const data = optional(values, "data")
    const from = optional(values, "from")
    const factors = optional(values, "factors")
    const fault = optional(values, "fault")
    const dir = optional(values, "dir")
    const directory = dir === undefined ? mkdtempSync(join(tmpdir(), "commonwatt-demo-")) : resolve(dir)
    const summary = await runDemo(
      {
        days: wholeNumber(values, "days", once ? 1 : 30, 1, 3650),
        once,
        speed: wholeNumber(values, "speed", once ? 4320 : 1440, 1, 20_000),
        seed: wholeNumber(values, "seed", 1, 0, 0xffffffff),
        homes: wholeNumber(values, "homes", 6, 2, 40),
        data: data === undefined ? undefined : resolve(data),
        factors: factors === undefined ? undefined : readFactorsFile(factors).table,
        from: from === undefined ? undefined : parseDay(from),
        faults: fault === undefined ? [] : parseFaults(fault),
        directory,
        port: wholeNumber(values, "port", 8080, 1, 65_000),
      },
      signal,
      say,
    )
    if (!summary) {
      say(`Stopped. To go on from here: npx commonwatt demo --dir ${directory}`)
      return once ? 1 : 0
    }
    if (dir === undefined) rmSync(directory, { recursive: true, force: true })
    process.stdout.write(`${JSON.stringify(summary)}\n`)
    const { generatedWh, mintedWh, auditedWh, auditOk } = summary
    return auditOk && generatedWh === mintedWh && mintedWh === auditedWh ? 0 : 1
  },
}
