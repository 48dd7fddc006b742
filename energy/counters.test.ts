import t from "tap"
import type { CounterVectors } from "../protocol/vectors/counters.ts"
import { loadVectors } from "../protocol/vectors/load.ts"
import { type DoubtReason, judge, type MeterState, newMeterState } from "./judge.ts"
import { countedKinds, doubtedKinds, judgeRegister, newRegister } from "./register.ts"

const { meter, rules, cases } = loadVectors<CounterVectors>("counters")

for (const { name, register, startWh, readings } of cases)
  t.test(`counters.json: ${name}`, async (t) => {
    const limits = { ...meter, startWh: BigInt(startWh ?? 0) }
    let state: MeterState = newMeterState
    for (const [sequence, row] of readings.entries()) {
      const time = meter.startTime + row.time
      const shown = BigInt(row.shown)
      const last = state.anchor?.registers[register] ?? (startWh === undefined ? undefined : limits.startWh)
      const from = state.anchor?.time ?? meter.startTime
      const reading = {
        sequence,
        time,
        clock: 2,
        clockSets: 0,
        boots: 0,
        [register]: shown,
        ...(row.resolutionWh !== undefined && { resolutionWh: row.resolutionWh }),
      } as const
      const received = meter.startTime + (row.received ?? row.time)
      const { verdict, state: after } = judge(state, reading, received, limits, rules)
      if (last === undefined) t.equal(row.kind, "first")
      else if (!row.reason?.startsWith("clock")) {
        const memory = state.registers[register] ?? newRegister(last, from)
        const step = BigInt(row.resolutionWh ?? 0)
        const judged = judgeRegister({ wh: last, time: from }, shown, time, step, memory, {
          ...meter,
          ...rules,
        })
        t.equal(judged.kind, row.kind, `${row.time} s: ${judged.kind}`)
      }
      t.equal(verdict.accepted ? undefined : verdict.reason, row.reason as DoubtReason | undefined)
      state = after
      t.equal(state.anchor?.registers[register] ?? limits.startWh, BigInt(row.countedWh), `${row.time} s`)
    }
  })

t.test("each kind has a case, words, and a reason where it does not count", async (t) => {
  const kinds = new Set(cases.flatMap(({ readings }) => readings.map(({ kind }) => kind)))
  t.same(kinds, new Set(Object.keys({ ...countedKinds, ...doubtedKinds })))
  for (const { readings } of cases)
    for (const { kind, reason } of readings) t.equal(kind in doubtedKinds, reason !== undefined)
})
