import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import t from "tap"
import { Clock, type Reading } from "../protocol/reading.ts"
import { ceilingWh } from "./ceiling.ts"
import {
  type Anchor,
  type DoubtReason,
  type JudgeRules,
  judge,
  type KeyUse,
  type MeterLimits,
  type MeterState,
  newMeterState,
  type RegisterName,
  registerNames,
} from "./judge.ts"

const start = 1_780_272_000
const meter: MeterLimits = { ratedW: 5000, startTime: start, startWh: 1_000_000n }
const rules: JudgeRules = { headroomBasisPoints: 1000, clockToleranceSeconds: 120 }

function reading(sequence: number, seconds: number, over: Partial<Reading> = {}): Reading {
  return {
    sequence,
    time: start + seconds,
    clock: Clock.synchronised,
    clockSets: 1,
    boots: 1,
    ...over,
  }
}

interface Circumstances {
  received?: number
  use?: KeyUse
}

/** Judges one reading after the other; each is received when it says it was taken, or as given. */
function run(readings: readonly (Reading & Circumstances)[], by = rules, of = meter) {
  let state: MeterState = newMeterState
  const verdicts = readings.map(({ received, use, ...reading }) => {
    const result = judge(state, reading, received ?? reading.time, of, by, use)
    state = result.state
    return result.verdict
  })
  const reasons = verdicts.map((verdict) => (verdict.accepted ? "accepted" : verdict.reason))
  return { state, verdicts, reasons }
}

const generated = (sequence: number, seconds: number, wh: number, over: Partial<Reading> = {}) =>
  reading(sequence, seconds, { generatedWh: meter.startWh + BigInt(wh), ...over })

t.test("each reason to doubt a reading is given where it applies, and says what was seen", async (t) => {
  const cases: [DoubtReason, RegExp, (Reading & Circumstances)[]][] = [
    ["out-of-order", /sequence 7 came after sequence 7/, [generated(7, 60, 1), generated(7, 120, 2)]],
    [
      "key-not-in-force",
      /key at 2026-06-01T00:02:00Z is another/,
      [generated(7, 60, 1), { ...generated(8, 120, 2), use: { signed: 0, inForce: 1 } }],
    ],
    ["out-of-order", /sequence 3 came after sequence 7/, [generated(7, 60, 1), generated(3, 120, 2)]],
    ["clock-unsynchronised", /clock quality 1/, [generated(0, 60, 1, { clock: Clock.informative })]],
    ["clock-unsynchronised", /clock quality 0/, [generated(0, 60, 1, { clock: Clock.unknown })]],
    ["clock-unsynchronised", /clock quality 3/, [generated(0, 60, 1, { clock: Clock.relative })]],
    ["clock-implausible", /commissioned 2026-06-01T00:00:00Z/, [generated(0, -1, 0)]],
    ["clock-implausible", /1970-01-01T00:00:00Z/, [generated(0, -start, 0)]],
    ["clock-ahead", /received 2026-06-01T00:01:00Z/, [{ ...generated(0, 181, 1), received: start + 60 }]],
    [
      "clock-ahead",
      /9007199254740991 s after 1970/,
      [{ ...generated(0, 0, 1), time: Number.MAX_SAFE_INTEGER, received: start }],
    ],
    ["clock-backwards", /2026-06-01T00:01:00Z/, [generated(0, 60, 1), generated(1, 60, 1)]],
    ["clock-backwards", /2026-06-01T00:01:00Z/, [generated(0, 60, 1), generated(1, 59, 1)]],
    [
      "record-in-doubt",
      /^the meter has an error; the clock went back$/,
      [generated(0, 60, 1, { doubts: ["the meter has an error", "the clock went back"] })],
    ],
    ["register-missing", /no generatedWh/, [generated(0, 60, 1), reading(1, 120, { importedWh: 5n })]],
    [
      "register-unexpected",
      /has importedWh/,
      [generated(0, 60, 1), generated(1, 120, 2, { importedWh: 5n })],
    ],
    ["register-fell", /fell from 1000001 to 1000000 Wh/, [generated(0, 60, 1), generated(1, 120, 0)]],
    ["register-fell", /fell from 1000000 to 0 Wh/, [reading(0, 60, { generatedWh: 0n })]],
    ["over-rated", /rose by 94 Wh in 60 s, 5000 W allow 92 Wh/, [generated(0, 60, 1), generated(1, 120, 95)]],
    ["over-rated", /rose by 2 Wh in 0 s, 5000 W allow 0 Wh/, [generated(0, 0, 2)]],
    [
      "register-late",
      /rose by 5000 Wh in 60 s; the next reading has to stand by it/,
      [generated(0, 60, 0), generated(1, 10_000, 0), generated(2, 10_060, 5000)],
    ],
    [
      "register-jumped",
      /is 1009000 Wh and has not come back below 1009000 Wh/,
      [generated(0, 60, 0), generated(1, 120, 9000), generated(2, 86_400, 9000)],
    ],
  ]
  for (const [reason, detail, readings] of cases) {
    const verdict = run(readings).verdicts.at(-1)!
    t.match(verdict, { accepted: false, reason, detail }, `${reason}: ${detail}`)
  }
  const named: Record<DoubtReason, true> = {
    "out-of-order": true,
    "key-not-in-force": true,
    "clock-unsynchronised": true,
    "clock-implausible": true,
    "clock-ahead": true,
    "clock-backwards": true,
    "record-in-doubt": true,
    "register-missing": true,
    "register-unexpected": true,
    "register-fell": true,
    "over-rated": true,
    "register-jumped": true,
    "register-late": true,
  }
  t.same(new Set(cases.map(([reason]) => reason)), new Set(Object.keys(named)), "each has a case")
})

t.test("a later key has sequence numbers of its own, and an earlier one spoils none of them", async (t) => {
  const first = { signed: 0, inForce: 0 }
  const second = { signed: 1, inForce: 1 }
  const { reasons, state } = run([
    { ...generated(7, 60, 1), use: first },
    { ...generated(1, 120, 2), use: second },
    { ...generated(Number.MAX_SAFE_INTEGER, 90, 2), use: first },
    { ...generated(Number.MAX_SAFE_INTEGER - 1, 240, 3), use: { signed: 0, inForce: 1 } },
    { ...generated(2, 180, 3), use: second },
    { ...generated(2, 240, 4), use: second },
  ])
  t.same(reasons, [
    "accepted",
    "accepted",
    "key-not-in-force",
    "key-not-in-force",
    "accepted",
    "out-of-order",
  ])
  t.match(state, { keyIndex: 1, sequence: 2, anchor: { time: start + 180 } })
})

t.test(
  "what a rule remembers of a reading is the same whether its key was in force or its clock ahead",
  async (t) => {
    const ahead = { ...generated(8, 4000, 1), received: start + 120 }
    const before = run([generated(7, 60, 1), ahead]).state
    const after = run([generated(7, 60, 1), { ...ahead, use: { signed: 0, inForce: 1 } }]).state
    t.same(after, before)
  },
)

t.test("nothing is remembered of what is signed with a key that is not in force", async (t) => {
  const { state } = run([generated(7, 60, 1)])
  for (const use of [
    { signed: 0, inForce: 1 },
    { signed: 2, inForce: 1 },
  ])
    t.same(run([generated(7, 60, 1), { ...generated(8, 120, 2), use }]).state, state)
})

t.test("a meter at the grid may leave out a register until it has counted something", async (t) => {
  const { verdicts, state } = run([
    reading(0, 60, { importedWh: 5n }),
    reading(1, 120, { importedWh: 7n, exportedWh: 3n }),
    reading(2, 180, { importedWh: 7n, exportedWh: 9n }),
    reading(3, 240, { importedWh: 7n, exportedWh: 9n, generatedWh: 5n }),
  ])
  t.match(verdicts, [
    { accepted: true },
    { accepted: true },
    { accepted: true },
    { accepted: false, reason: "register-unexpected" },
  ])
  t.same(state.anchor?.registers, { importedWh: 7n, exportedWh: 9n })
})

t.test("at the edges of the rules a reading counts", async (t) => {
  t.same(run([generated(0, 0, 0)]).reasons, ["accepted"], "at the moment of commissioning")
  t.same(
    run([{ ...generated(0, 180, 1), received: start + 60 }]).reasons,
    ["accepted"],
    "ahead by the tolerance",
  )
  t.same(
    run([generated(0, 60, 0), generated(1, 120, 92)]).reasons,
    ["accepted", "accepted"],
    "at the ceiling",
  )
  t.same(run([generated(0, 60, 0), generated(9, 61, 0)]).reasons, ["accepted", "accepted"], "lost sequences")
  t.same(
    run([{ ...generated(0, 60, 0), received: start + 40 * 86_400 }]).reasons,
    ["accepted"],
    "a reading that was kept for a month on its way",
  )
})

t.test("what a grid meter showed before its first reading that counts is never counted", async (t) => {
  const { state, reasons } = run([reading(0, 60, { importedWh: 10n ** 12n, exportedWh: 10n ** 11n })])
  t.same(reasons, ["accepted"])
  t.same(state.anchor, { time: start + 60, registers: { importedWh: 10n ** 12n, exportedWh: 10n ** 11n } })
})

t.test("one register in doubt makes the whole reading doubtful", async (t) => {
  const { reasons, state } = run([
    reading(0, 60, { importedWh: 500n, exportedWh: 500n }),
    reading(1, 120, { importedWh: 510n, exportedWh: 499n }),
    reading(2, 180, { importedWh: 9000n, exportedWh: 510n }),
    reading(3, 240, { importedWh: 520n, exportedWh: 510n }),
  ])
  t.same(reasons, ["accepted", "register-fell", "over-rated", "accepted"])
  t.same(state.anchor?.registers, { importedWh: 520n, exportedWh: 510n })
})

/**
 * What a meter may show, as raw numbers: nested arbitraries take most of a minute to draw as much. Registers rise
 * soundly, at the ceiling or just above it, glitch, drop, or stand still; clocks jump, sequences repeat and get
 * lost, readings come late or early.
 */
const moves = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), {
  minLength: 1,
  maxLength: 60,
  size: "max",
})

function* show(moves: readonly [number, number, number, number][], coarse: boolean) {
  let state: MeterState = newMeterState
  let sequence = 0
  let time = start
  const sound = { generatedWh: meter.startWh, importedWh: 500n }
  const shown = { ...sound }
  for (const [a, b, c, d] of moves) {
    sequence = Math.max(0, sequence + (a % 10 > 0 ? 1 : ((a >> 4) % 9) - 3))
    const pace = b % 16
    const some = b >> 4
    time = Math.max(
      0,
      time + (pace < 11 ? 1 + (some % 20) : pace < 15 ? some % 4000 : (some % 104_000) - 4000),
    )
    const received = time + ((a >> 8) % 12 > 0 ? 0 : ((a >> 12) % 8000) - 4000)
    for (const [name, by] of [["generatedWh", c] as const, ["importedWh", d] as const]) {
      const last = state.anchor?.registers[name] ?? sound[name]
      const most = ceilingWh(meter.ratedW, time - (state.anchor?.time ?? start), rules.headroomBasisPoints)
      const kind = by % 16
      const n = by >> 4
      if (kind < 6) shown[name] = last + (BigInt(n) % (most + 1n))
      else if (kind < 11) shown[name] = last + most + BigInt(n % 20 === 0 ? 1 : 0)
      else if (kind < 12) shown[name] = last + 10n ** BigInt(n % 9)
      else if (kind < 13) shown[name] = BigInt(n % 2_000_000)
      else if (kind < 14) shown[name] = 0n
      else shown[name] = last
    }
    if ((a >> 16) % 5 === 0) continue
    const reading: Reading = {
      sequence,
      time,
      clock: (b >> 20) % 12 > 0 ? Clock.synchronised : Clock.informative,
      clockSets: 0,
      boots: 0,
      ...shown,
      ...(coarse && (c >> 24) % 3 > 0 && { resolutionWh: 2 + (d % 999_999) }),
    }
    const before = state
    const result = judge(state, reading, received, meter, rules)
    state = result.state
    yield { reading, received, before, ...result }
  }
}

t.test(
  "whatever a meter shows, no more counts than rated power allows since its register was first seen where it stood",
  async (t) => {
    let counted = 0
    fc.assert(
      fc.property(moves, (moves) => {
        // When each register was first seen where it stands, worked out here and not taken from the state.
        const anchors: (Anchor & { since: Partial<Record<RegisterName, number>> })[] = [
          { time: start, registers: { generatedWh: meter.startWh }, since: { generatedWh: start } },
        ]
        for (const { verdict, state } of show(moves, false)) {
          if (!verdict.accepted) continue
          const last = anchors.at(-1)!
          const { time, registers } = state.anchor!
          const since = registerNames.map((name) => [
            name,
            registers[name] === last.registers[name] ? last.since[name] : time,
          ])
          anchors.push({ time, registers, since: Object.fromEntries(since) })
        }
        for (const [i, from] of anchors.entries())
          for (const to of anchors.slice(i + 1))
            for (const name of registerNames) {
              const [before, after] = [from.registers[name], to.registers[name]]
              if (before === undefined || after === undefined) continue
              counted++
              if (after < before) return false
              const seconds = to.time - from.since[name]!
              if (after - before > ceilingWh(meter.ratedW, seconds, rules.headroomBasisPoints)) return false
            }
        return true
      }),
      { numRuns: 1000 },
    )
    t.ok(counted > 20_000, `${counted} differences were looked at`)
  },
)

t.test(
  "a step that a meter claims is allowed for once, and up to a quarter of an hour of rated power",
  async (t) => {
    const cap = ceilingWh(meter.ratedW, 900, rules.headroomBasisPoints)
    fc.assert(
      fc.property(moves, (moves) => {
        const anchors: { since: number; wh: bigint }[] = [{ since: start, wh: meter.startWh }]
        for (const { verdict, reading, state } of show(moves, true))
          if (verdict.accepted && reading.generatedWh! > anchors.at(-1)!.wh) {
            const step = BigInt(reading.resolutionWh ?? 0)
            const to = { since: state.registers.generatedWh!.since, wh: reading.generatedWh! }
            for (const from of anchors) {
              const most = ceilingWh(meter.ratedW, reading.time - from.since, rules.headroomBasisPoints)
              if (to.wh < from.wh || to.wh - from.wh > most + (step < cap ? step : cap)) return false
            }
            anchors.push(to)
          }
        return true
      }),
      { numRuns: 500 },
    )
    const { reasons } = run([
      generated(0, 10, 0),
      generated(1, 20, 1300, { resolutionWh: 1_000_000 }),
      generated(2, 30, 2600, { resolutionWh: 1_000_000 }),
      generated(3, 40, 3900, { resolutionWh: 1_000_000 }),
    ])
    t.same(
      reasons,
      ["accepted", "accepted", "over-rated", "over-rated"],
      "claiming it again and again gains nothing",
    )
  },
)

t.test("rounding in a meter's favour at each reading does not add up", async (t) => {
  // 5,000 W allow 1.53 Wh a second, and a register may show 2; it may not show 2 each second.
  const each = (wh: number) => Array.from({ length: 3600 }, (_, i) => generated(i, i + 1, wh * (i + 1)))
  const { state, reasons } = run(each(2))
  t.ok(reasons.includes("over-rated"))
  t.ok(state.anchor!.registers.generatedWh! - meter.startWh <= 5501n)
})

t.test("judging is a pure function: the same again, and nothing that it was given is changed", async (t) => {
  const freeze = <T extends object>(value: T): T => {
    for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) freeze(inner)
    return Object.freeze(value)
  }
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(moves, (moves) => {
        for (const { reading, received, before, verdict, state } of show(moves, true)) {
          const again = judge(
            freeze(structuredClone(before)),
            freeze(reading),
            received,
            freeze({ ...meter }),
            rules,
          )
          if (!isDeepStrictEqual(again, { verdict, state })) return false
          freeze(before)
        }
        return true
      }),
      { numRuns: 50 },
    ),
  )
})

/** A meter that does nothing wrong: its register shows whole Wh, or whole steps, of energy below rated power. */
const honest = fc.record({
  headroom: fc.constantFrom(0, 1, 1000, 2500),
  stepWh: fc.constantFrom(1, 1, 1, 2, 8, 63, 1000),
  parts: fc.array(
    fc.record({
      seconds: fc.oneof(fc.constantFrom(1, 1, 10, 60, 900), fc.integer({ min: 1, max: 100_000 })),
      percent: fc.oneof(fc.constantFrom(0, 100, 100, 100), fc.integer({ min: 0, max: 100 })),
      lost: fc.boolean(),
    }),
    { minLength: 2, maxLength: 60, size: "max" },
  ),
})

t.test("of an honest meter every reading counts, and the sum is exact", async (t) => {
  let judged = 0
  fc.assert(
    fc.property(honest, ({ headroom, stepWh, parts }) => {
      const step = BigInt(stepWh)
      let seconds = 0
      let wattSeconds = 0n
      const register = () => (meter.startWh / step + wattSeconds / 3600n / step) * step
      const shown: Reading[] = []
      parts.forEach((part, sequence) => {
        seconds += part.seconds
        wattSeconds += BigInt((part.seconds * meter.ratedW * part.percent) / 100)
        if (part.lost && sequence < parts.length - 1) return
        shown.push(
          reading(sequence, seconds, {
            generatedWh: register(),
            importedWh: register(),
            ...(stepWh > 1 && { resolutionWh: stepWh }),
          }),
        )
      })
      const from = { ...meter, startWh: (meter.startWh / step) * step }
      const { state, reasons } = run(shown, { ...rules, headroomBasisPoints: headroom }, from)
      judged += reasons.length
      return (
        reasons.every((reason) => reason === "accepted") && state.anchor?.registers.generatedWh === register()
      )
    }),
    { numRuns: 400 },
  )
  t.ok(judged > 4000, `${judged} readings`)
})

t.test("a clock that is off within the tolerance never shuts an honest meter out", async (t) => {
  const errors = fc.array(fc.integer({ min: -60, max: 60 }), { minLength: 20, maxLength: 200, size: "max" })
  let late = 0
  fc.assert(
    fc.property(errors, fc.constantFrom(1, 5, 10, 60), (errors, period) => {
      // At rated power all the time; each reading's time is wrong by something else.
      const shown = errors.map((error, i) => ({
        ...generated(i, (i + 1) * period + error + 60, Math.floor(((i + 1) * period * meter.ratedW) / 3600)),
        received: start + (i + 1) * period + 60,
      }))
      const seconds = errors.length * period
      const energy = Math.floor((seconds * meter.ratedW) / 3600)
      const evening = generated(errors.length, seconds + 3600, energy)
      const { reasons, state } = run([...shown, evening])
      late += reasons.filter((reason) => reason === "over-rated").length
      return (
        !reasons.includes("register-jumped") &&
        reasons.at(-1) === "accepted" &&
        state.anchor!.registers.generatedWh === meter.startWh + BigInt(energy)
      )
    }),
  )
  t.ok(late > 100, `${late} readings had to wait for the clock`)
})

t.test("a register that drops to 0 and comes back loses nothing and gains nothing", async (t) => {
  const dips = fc.array(
    fc.record({
      after: fc.nat({ max: 29 }),
      wh: fc.nat({ max: 999_999 }),
      seconds: fc.integer({ min: 1, max: 9 }),
    }),
    {
      minLength: 1,
      maxLength: 20,
    },
  )
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 13 }), { minLength: 30, maxLength: 30 }), dips, (rises, dips) => {
      let wh = 0
      const sound = rises.map((rise, i) => {
        wh += rise
        return generated(100 * i, 10 * (i + 1), wh)
      })
      const dipped = dips
        .map(({ after, wh, seconds }, n) =>
          reading(100 * after + 1 + n, 10 * (after + 1) + seconds, { generatedWh: BigInt(wh) }),
        )
        .sort((a, b) => a.sequence - b.sequence)
      const all = [...sound, ...dipped].sort((a, b) => a.sequence - b.sequence)
      const { reasons, state } = run(all)
      const fell = reasons.filter((reason) => reason === "register-fell").length
      return (
        fell === dips.length &&
        reasons.filter((reason) => reason === "accepted").length === sound.length &&
        state.anchor!.registers.generatedWh === meter.startWh + BigInt(wh)
      )
    }),
  )
  t.same(
    run([
      generated(0, 10, 5),
      reading(1, 20, { generatedWh: 0n }),
      generated(2, 30, 12),
      generated(3, 40, 20),
    ]).reasons,
    ["accepted", "register-fell", "accepted", "accepted"],
  )
})

t.test("a meter that was reset counts on from where it stood, once it is there again", async (t) => {
  const readings = [
    generated(0, 60, 50),
    reading(1, 120, { generatedWh: 0n }),
    reading(2, 86_400, { generatedWh: 40_000n }),
    generated(3, 90 * 86_400, 49),
    generated(4, 91 * 86_400, 51),
  ]
  const { reasons, state } = run(readings)
  t.same(reasons, ["accepted", "register-fell", "register-fell", "register-fell", "accepted"])
  t.equal(state.anchor!.registers.generatedWh, meter.startWh + 51n)
})

t.test(
  "a jump that no clock explains never counts, however long it stays and whatever follows it",
  async (t) => {
    let believed = 0
    // 5,000 W and 10 % for 60 s and 120 s more: up to 275 Wh could be a clock that was set.
    const jump = fc.integer({ min: 277, max: 10_000_000 })
    const later = fc.array(
      fc.record({ seconds: fc.integer({ min: 1, max: 100_000_000 }), wh: fc.nat({ max: 5000 }) }),
      {
        minLength: 1,
        maxLength: 20,
      },
    )
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(jump, later, (jump, later) => {
          const shown = [generated(0, 60, 1), generated(1, 120, 1 + jump)]
          let seconds = 120
          let wh = 1 + jump
          for (const [i, more] of later.entries()) {
            seconds += more.seconds
            wh += more.wh
            shown.push(generated(i + 2, seconds, wh))
          }
          const { reasons, state } = run(shown)
          const counted = state.anchor!.registers.generatedWh! - meter.startWh
          believed += reasons.lastIndexOf("accepted") > 0 ? 1 : 0
          return reasons[1] === "over-rated" && counted >= 1n && counted <= 1n + BigInt(wh - (1 + jump))
        }),
      ),
    )
    t.ok(believed > 10, `${believed} were believed to be other counters`)
  },
)

t.test("a register that stood still and then shows what was measured meanwhile is believed", async (t) => {
  const frozen = Array.from({ length: 12 }, (_, i) => generated(i, 300 * (i + 1), 400))
  const { reasons, state } = run([...frozen, generated(12, 3900, 5000), generated(13, 4200, 5400)])
  t.same(
    reasons.slice(-3),
    ["accepted", "register-late", "accepted"],
    "5,000 W make 5,500 Wh in the hour since it first stood there, and it is shown twice",
  )
  t.equal(state.anchor!.registers.generatedWh, meter.startWh + 5400n)
  t.same(
    run([...frozen, generated(12, 3900, 1700)]).reasons.at(-1),
    "accepted",
    "what is late by a quarter of an hour is believed at once",
  )
  t.same(
    run([
      ...frozen,
      generated(12, 3900, 5000),
      generated(13, 4200, 450),
      generated(14, 4500, 460),
    ]).reasons.slice(-3),
    ["register-late", "accepted", "accepted"],
    "a wild value after a long stand-still never counts",
  )
  t.equal(run([...frozen, generated(12, 3900, 6000)]).reasons.at(-1), "over-rated", "more than that is not")
})

t.test("a glitch upwards that goes away costs nothing", async (t) => {
  const { reasons, state } = run([
    generated(0, 60, 10),
    generated(1, 120, 100_020),
    generated(2, 180, 30),
    generated(3, 240, 40),
    generated(4, 86_400, 90_000),
  ])
  t.same(reasons, ["accepted", "over-rated", "accepted", "accepted", "accepted"])
  t.equal(state.registers.generatedWh?.jumped, undefined)
  t.equal(state.anchor!.registers.generatedWh, meter.startWh + 90_000n)
})

t.test("the lowest of several jumps is what a register must come back below", async (t) => {
  const shown = [
    generated(0, 60, 0),
    generated(1, 120, 9000),
    generated(2, 130, 5000),
    generated(3, 86_400, 6000),
  ]
  t.same(run(shown).reasons, ["accepted", "over-rated", "over-rated", "register-jumped"])
  t.same(run([...shown, generated(4, 86_460, 4999)]).reasons.at(-1), "accepted")
})

t.test("a reading that does not count still takes its sequence number and moves nothing else", async (t) => {
  const before = run([generated(0, 60, 10)]).state
  const fallen = judge(before, generated(5, 120, 9), start + 120, meter, rules).state
  t.same(
    { ...fallen, registers: {} },
    { ...before, sequence: 5, registers: {} },
    "a fall is remembered as such",
  )
  for (const doubtful of [
    generated(5, 120, 20, { clock: Clock.unknown }),
    generated(5, 50, 20),
    reading(5, 120, { exportedWh: 1n }),
  ]) {
    const { state } = judge(before, doubtful, start + 120, meter, rules)
    t.same(state, { ...before, sequence: 5 })
  }
  t.same(
    judge(before, generated(0, 120, 20), start + 120, meter, rules).state,
    before,
    "out of order: nothing at all",
  )
})
