import t from "tap"
import type { Hex } from "../protocol/hex.ts"
import { type CountedReading, type MeterPart, statementOf } from "./batch.ts"
import { judge, type MeterLimits, type MeterState, newMeterState } from "./judge.ts"
import { type Restart, statedBy } from "./restart.ts"

const start = 1_780_272_000
const limits: MeterLimits = { ratedW: 5000, startTime: start, startWh: 1_000_000n }
const rules = { headroomBasisPoints: 1000, clockToleranceSeconds: 120 }
const meterId: Hex = `0x${"1".repeat(64)}`

/** The readings that count of a meter that shows these values, every quarter of an hour. */
function counted(shown: readonly bigint[]): CountedReading[] {
  let state: MeterState = newMeterState
  return shown.flatMap((generatedWh, i) => {
    const time = start + 900 * (i + 1)
    const reading = { sequence: i, time, clock: 2, clockSets: 0, boots: 0, generatedWh } as const
    const judged = judge(state, reading, time, limits, rules)
    state = judged.state
    const digest: Hex = `0x${i.toString(16).padStart(64, "0")}`
    return judged.verdict.accepted ? [{ ...state.anchor!, digest }] : []
  })
}

const rising = (from: bigint, n: number) => Array.from({ length: n }, (_, i) => from + 500n * BigInt(i))
/** It reaches 1,003,500 and is reset; believed with its fifth value, 2,300. */
const reset = counted([...rising(1_000_000n, 8), ...rising(300n, 8)])
/** Between the eighth reading and the ninth. */
const between = start + 900 * 8 + 450
const right: Restart = { time: between, finalWh: 1_003_500n, firstWh: 0n }

const stated = (
  readings: readonly CountedReading[],
  restarts: readonly Restart[],
  over: Partial<MeterPart> = {},
) =>
  statementOf(
    {
      meterId,
      household: "0xaa",
      ...limits,
      restarts,
      before: undefined,
      stated: undefined,
      counted: readings,
      ...over,
    },
    rules.headroomBasisPoints,
  )

t.test("behind a reset that is not registered the last reading before it stays quoted", async (t) => {
  t.equal(reset.at(-1)?.registers.generatedWh, 1_003_500n + 3_800n, "it is counted all the same")
  t.match(stated(reset, []), { generatedWh: 1_003_500n, time: start + 900 * 8 })
  const last = statedBy(reset.at(-1)!, [], 5000, 1000)
  t.match("waits" in last && last.waits, /began anew 1 time.*0 restart.*commonwatt provision meter restart/)
})

t.test("with the restart registered all that was counted meanwhile is stated", async (t) => {
  t.match(stated(reset, [right]), { generatedWh: 1_007_300n, time: start + 900 * 16 })
  const before = reset.at(-2)!
  t.match(
    stated([reset.at(-1)!], [right], { before, stated: stated(reset.slice(0, 8), [])! }),
    { generatedWh: 1_007_300n },
    "also where the batches between did not know it",
  )
})

t.test(
  "the operator may know what was measured unseen, within what rated power allows, and no more",
  async (t) => {
    t.match(
      stated(reset, [{ ...right, finalWh: 1_003_700n }]),
      { generatedWh: 1_007_500n },
      "read off its display",
    )
    const much = { ...right, finalWh: 1_009_000n }
    t.match(stated(reset, [much]), { generatedWh: 1_003_500n }, "waits")
    const last = statedBy(reset.at(-1)!, [much], 5000, 1000)
    t.match("waits" in last && last.waits, /add 1009000 Wh, its readings explain at most 100\d{4} Wh/)
    t.match(
      stated(reset, [{ ...right, finalWh: 900_000n }]),
      { generatedWh: 1_003_500n },
      "nor does it go back",
    )
    t.match(statedBy(reset.at(-1)!, [{ time: start, finalWh: 0n, firstWh: 10_000n }], 5000, 1000), {
      waits: /take off more than it shows/,
    })
  },
)

t.test(
  "a restart at a wrong time is none: it begins neither before nor after the register did",
  async (t) => {
    t.match(stated(reset, [{ ...right, time: start + 900 * 17 }]), { generatedWh: 1_003_500n }, "too late")
    const early = [{ ...right, time: start + 1350 }]
    t.match(stated(reset.slice(0, 8), early), { time: start + 900, generatedWh: 1_000_000n }, "too early")
  },
)

t.test(
  "a restart that is registered later changes no statement before it: statements only go forward",
  async (t) => {
    let last: ReturnType<typeof stated>
    for (let n = 1; n <= reset.length; n++) {
      const next = stated(reset.slice(n - 1, n), n < 11 ? [] : [right], {
        before: reset[n - 2],
        stated: last,
      })
      if (last) t.ok(next!.generatedWh >= last.generatedWh && next!.time >= last.time)
      last = next
    }
    t.equal(last?.generatedWh, 1_007_300n)
    t.match(stated([], [right], { stated: last }), last!, "without a reading it stands")
  },
)

t.test("another counter counts on from its own value, once it is registered", async (t) => {
  const up = counted([...rising(1_000_000n, 8), ...rising(7_000_000n, 8)])
  t.equal(up.at(-1)?.registers.generatedWh, 1_007_000n)
  t.match(stated(up, []), { generatedWh: 1_003_500n })
  const restart = { time: between, finalWh: 1_003_700n, firstWh: 6_999_900n }
  t.match(stated(up, [restart]), { generatedWh: 1_003_700n + 3_600n })
})
