import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { isInstalled } from "./process.ts"
import { notMeasured, type Options, type Row } from "./row.ts"
import { inFolder } from "./site.ts"

const program = fileURLToPath(new URL("arm-process.js", import.meta.url))

/**
 * What taking in a reading costs in machine instructions and in system calls: the difference between a process that
 * signs readings and one that signs and takes them in. Counted on this machine; an ARM core has other instructions.
 */
export async function arm({ quick }: Options): Promise<Row[]> {
  const count = quick ? 2_000 : 20_000
  return [await instructions(count), await systemCalls(count)]
}

async function instructions(count: number): Promise<Row> {
  const what = "instructions to verify and store a reading"
  for (const [name, counter] of [
    ["perf", byPerf],
    ["callgrind", byCallgrind],
  ] as const) {
    const readings = name === "perf" ? count : Math.min(count, 500)
    const [take, sign] = [counter(readings, "take"), counter(readings, "sign")]
    if (take === undefined || sign === undefined) continue
    return {
      what,
      ours: (take - sign) / readings,
      unit: "instructions",
      better: "lower",
      note: `${process.arch}, user mode, ${readings.toLocaleString("en-US")} readings, by ${name}; most of them are Ed25519's`,
    }
  }
  return {
    what,
    ours: 0,
    unit: notMeasured,
    better: "lower",
    note: "perf may not count here, and valgrind is not installed",
  }
}

function byPerf(count: number, work: string): number | undefined {
  if (!isInstalled("perf")) return undefined
  const args = ["stat", "-x", ",", "-e", "instructions:u", process.execPath, program, String(count), work]
  const { stderr, status } = spawnSync("perf", args, { encoding: "utf8" })
  const line = stderr?.split("\n").find((text) => text.includes("instructions"))
  const counted = Number(line?.split(",")[0])
  return status === 0 && Number.isFinite(counted) ? counted : undefined
}

/** Counts every instruction, and takes some fifty times as long. Without V8's optimising compiler, as a gateway runs. */
function byCallgrind(count: number, work: string): number | undefined {
  if (!isInstalled("valgrind")) return undefined
  const { stderr, status } = spawnSync(
    "valgrind",
    [
      "--tool=callgrind",
      "--callgrind-out-file=/dev/null",
      process.execPath,
      "--no-opt",
      "--single-threaded",
      program,
      String(count),
      work,
    ],
    { encoding: "utf8" },
  )
  const counted = Number(stderr?.match(/refs:\s+([\d,]+)/)?.[1]?.replaceAll(",", ""))
  return status === 0 && Number.isFinite(counted) ? counted : undefined
}

async function systemCalls(count: number): Promise<Row> {
  const what = "system calls to verify and store a reading, 100 a commit"
  if (!isInstalled("strace"))
    return { what, ours: 0, unit: notMeasured, better: "lower", note: "strace is not installed here" }
  return inFolder(async (folder) => {
    const counted = (work: string) => {
      const file = join(folder, `${work}.txt`)
      spawnSync("strace", [
        "-f",
        "-c",
        "-U",
        "calls,name",
        "-o",
        file,
        process.execPath,
        program,
        String(count),
        work,
      ])
      return Number(readFileSync(file, "utf8").match(/^\s*(\d+)\s+total/m)?.[1])
    }
    return {
      what,
      ours: (counted("take") - counted("sign")) / count,
      unit: "calls",
      better: "lower",
      note: "the same on ARM, but for what Node itself does there",
    }
  })
}
