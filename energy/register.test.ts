import fc from "fast-check"
import t from "tap"
import { ceilingWh } from "./ceiling.ts"
import {
  countedKinds,
  doubtedKinds,
  judgeRegister,
  moduliWh,
  newRegister,
  type RegisterMemory,
  type RegisterVerdict,
} from "./register.ts"

const bounds = { ratedW: 5000, headroomBasisPoints: 1000, clockToleranceSeconds: 120 }

/** A register as gateways and auditors follow it, reading by reading. */
function follow(startWh: bigint, step = 0n) {
  let last = { wh: startWh, time: 0 }
  let memory: RegisterMemory = newRegister(startWh, 0)
  return {
    show(time: number, shown: bigint): RegisterVerdict {
      const verdict = judgeRegister(last, shown, time, step, memory, bounds)
      memory = verdict.memory
      if ("countedWh" in verdict) last = { wh: verdict.countedWh, time }
      return verdict
    },
    counted: () => last.wh,
    memory: () => memory,
  }
}

/** What really happened: energy in watt-seconds, which only rises and by no more than rated power allows. */
interface Truth {
  time: number
  wattSeconds: bigint
}

/** A counter that shows it: from where, with which step, and where it rolls over. */
interface Display {
  /** The truth when it showed `firstWh`. */
  from: bigint
  firstWh: bigint
  step: bigint
  modulus: bigint | undefined
}

function shownBy({ from, firstWh, step, modulus }: Display, { wattSeconds }: Truth): bigint {
  const wh = firstWh + (wattSeconds - from) / 3600n
  const whole = (wh / step) * step
  return modulus === undefined ? whole : whole % modulus
}

interface Shown extends Truth {
  shown: bigint
  /** What no reading can show: measured by another counter before its first reading, in watt-seconds. */
  lost: bigint
  /** How often its counter began anew. */
  began: number
  /** Far enough from any restart for faults of the display to be told from it. */
  steady: boolean
}

/** How a counter begins anew between two readings. */
const beginnings = ["reset", "replaced"] as const
/** Values at which other counters begin: far from each other and from what any counter reached shortly before. */
const firstValues = [3_000_000n, 2_000_000n, 4_500_000n, 2_600_000n, 5_200_000n, 3_600_000n]

const spans = fc.array(
  fc.record({
    begins: fc.constantFrom(...beginnings),
    /** Readings at this period, seconds. */
    period: fc.constantFrom(60, 300, 300, 900, 1200),
    hours: fc.integer({ min: 8, max: 10 }),
    /** Of rated power, from reading to reading in turn. */
    percents: fc.array(fc.integer({ min: 50, max: 100 }), { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 5 },
)
const counters = fc.record({
  step: fc.constantFrom(1n, 1n, 1n, 10n, 100n, 1000n),
  /** It begins so far below a modulus, or far from any. */
  belowModulus: fc.option(
    fc.record({ modulus: fc.constantFrom(...moduliWh), wh: fc.integer({ min: 1000, max: 5000 }) }),
  ),
})

/** An honest meter: truth, and its counter through resets, rollovers and replacements, each just after a reading. */
function* honest(
  parts: readonly {
    begins: (typeof beginnings)[number]
    period: number
    hours: number
    percents: number[]
  }[],
  display: Display,
): Generator<Shown> {
  const truth: Truth = { time: 0, wattSeconds: 0n }
  let used = 0
  let lost = 0n
  for (const [n, { begins, period, hours, percents }] of parts.entries()) {
    if (n > 0)
      display = {
        ...display,
        from: truth.wattSeconds,
        firstWh: begins === "reset" ? 0n : firstValues[used++ % firstValues.length]!,
        modulus: undefined,
      }
    const readings = Math.floor((hours * 3600) / period)
    for (let i = 1; i <= readings; i++) {
      truth.time += period
      const measured = BigInt(Math.floor((bounds.ratedW * period * percents[i % percents.length]!) / 100))
      truth.wattSeconds += measured
      if (n > 0 && i === 1 && begins === "replaced") lost += measured
      const steady = i * period > 3 * 3600 && (readings - i) * period > 3 * 3600
      yield { ...truth, shown: shownBy(display, truth), lost, began: n, steady }
    }
  }
  // The evening: what had to wait for rated power to allow it has its time.
  for (let i = 0; i < 8; i++) {
    truth.time += 900
    yield { ...truth, shown: shownBy(display, truth), lost, began: parts.length - 1, steady: false }
  }
}

function displayOf({
  step,
  belowModulus,
}: {
  step: bigint
  belowModulus: { modulus: bigint; wh: number } | null
}) {
  const near = belowModulus && belowModulus.modulus - BigInt(belowModulus.wh)
  const firstWh = ((near ?? 1_234_000n) / step) * step
  const modulus = belowModulus && belowModulus.modulus % step === 0n ? belowModulus.modulus : undefined
  return { from: 0n, firstWh, step, modulus }
}

t.test(
  "through resets, rollovers and other counters the sum of an honest meter is exact, to its counters' resolution",
  async (t) => {
    const kinds = new Map<string, number>()
    fc.assert(
      fc.property(spans, counters, (parts, counter) => {
        const display = displayOf(counter)
        const register = follow(display.firstWh, display.step)
        let truth = 0n
        let showable = 0n
        let restarts = 0n
        for (const { time, shown, wattSeconds, lost } of honest(parts, display)) {
          const { kind } = register.show(time, shown)
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
          if (kind === "reset" || kind === "rollover" || kind === "replaced") restarts++
          truth = wattSeconds / 3600n
          showable = (wattSeconds - lost) / 3600n
          if (register.counted() - display.firstWh > truth + display.step) return false
        }
        return register.counted() - display.firstWh + display.step * (restarts + 1n) >= showable
      }),
      { numRuns: 150 },
    )
    for (const kind of ["normal", "reset", "rollover", "replaced", "dip"])
      t.ok((kinds.get(kind) ?? 0) > 20, `${kind}: ${kinds.get(kind)}`)
  },
)

/** What a display does wrong for a run of readings. @param at the value where the run began. */
const faults: Record<
  string,
  { most: number; lie(shown: bigint, at: bigint, n: bigint): bigint | undefined }
> = {
  zero: { most: 400, lie: () => 0n },
  "a leading digit lost": { most: 2, lie: (shown) => BigInt(`0${String(shown).slice(1)}`) },
  "its last digit lost": { most: 3, lie: (shown) => shown / 10n },
  "one digit lower": { most: 2, lie: (shown) => (shown >= 10_000n ? shown - 10_000n : shown) },
  "a little lower": { most: 60, lie: (shown) => (shown >= 10n ? shown - 10n : shown) },
  absent: { most: 400, lie: () => undefined },
  frozen: { most: 40, lie: (_, at) => at },
  "one wild value": { most: 1, lie: (shown, _, n) => shown + 100_000n + n },
  "wild and standing": { most: 200, lie: (_, at) => at + 100_000_000n },
  "wild and going on": { most: 200, lie: (shown) => shown + 100_000_000n },
}
const lies = fc.array(
  fc.record({
    fault: fc.constantFrom(...Object.keys(faults)),
    after: fc.integer({ min: 4, max: 40 }),
    readings: fc.nat({ max: 400 }),
    n: fc.nat({ max: 1_000_000 }),
  }),
  { minLength: 1, maxLength: 15 },
)

t.test(
  "whatever a display shows wrongly, never is more counted than was measured, and at the end nothing is missing",
  async (t) => {
    let told = 0
    let believed = 0
    fc.assert(
      fc.property(spans, counters, lies, (parts, counter, lies) => {
        const display = displayOf({ ...counter, belowModulus: null })
        const register = follow(display.firstWh, display.step)
        const queue = [...lies]
        let wait = queue[0]!.after
        let run: { left: number; at: bigint; fault: string; n: bigint } | undefined
        let restarts = 0n
        let truth = 0n
        let showable = 0n
        for (const { time, shown, wattSeconds, lost, began, steady } of honest(parts, display)) {
          truth = wattSeconds / 3600n
          showable = (wattSeconds - lost) / 3600n
          // One fault at a time: the next one comes when the register is believed again.
          const over = (register.memory().counter?.restarts ?? 0) === began
          if (steady && over && !run && queue.length > 0 && wait-- <= 0) {
            const { fault, readings, n } = queue.shift()!
            run = { left: 1 + (readings % faults[fault]!.most), at: shown, fault, n: BigInt(n) }
            wait = queue[0]?.after ?? 0
          }
          if (!steady) run = undefined
          const value = run ? faults[run.fault]!.lie(shown, run.at, run.n) : shown
          if (run) told++
          if (run && --run.left === 0) run = undefined
          if (value === undefined) continue
          const { kind } = register.show(time, value)
          if (kind === "reset" || kind === "rollover" || kind === "replaced") restarts++
          if (kind === "back") believed++
          if (register.counted() - display.firstWh > truth + display.step) return false
        }
        return register.counted() - display.firstWh + display.step * (restarts + 1n) >= showable
      }),
      { numRuns: 300 },
    )
    t.ok(told > 10_000, `${told} wrong values`)
    t.ok(believed > 20, `${believed} counters came back that were thought to be gone`)
  },
)

t.test(
  "a glitch within what rated power allows is counted once, and paid back before anything more is",
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 80 }), { minLength: 100, maxLength: 200 }),
        fc.array(fc.record({ at: fc.nat({ max: 99 }), wh: fc.integer({ min: 1, max: 1300 }) }), {
          maxLength: 10,
        }),
        (rises, glitches) => {
          const register = follow(5_000_000n)
          let shown = 5_000_000n
          let most = 0n
          for (const [i, rise] of rises.entries()) {
            shown += BigInt(rise)
            const wh = glitches.find(({ at }) => at === i)?.wh ?? 0
            register.show(60 * (i + 1), shown + BigInt(wh))
            const over = register.counted() - shown
            if (wh === 0 && over > most) return false
            most = over > 0n ? over : 0n
          }
          return register.counted() <= shown + 1300n
        },
      ),
    )
    const register = follow(5_000_000n)
    const kinds = [5_000_050n, 5_000_130n, 5_000_090n, 5_000_120n, 5_000_140n].map(
      (shown, i) => register.show(60 * (i + 1), shown).kind,
    )
    t.same(kinds, ["normal", "normal", "behind", "behind", "normal"])
    t.equal(register.counted(), 5_000_140n)
  },
)

t.test("what is owed from a glitch is still owed after a reset", async (t) => {
  const register = follow(5_000_000n)
  for (let i = 1; i <= 200; i++) register.show(60 * i, 5_000_000n + 10n * BigInt(i))
  register.show(60 * 201, 5_002_080n)
  t.equal(register.show(60 * 202, 5_002_020n).kind, "behind")
  const kinds = Array.from({ length: 70 }, (_, i) => register.show(60 * (203 + i), BigInt(10 * (i + 1))).kind)
  t.equal(kinds.filter((kind) => kind === "reset").length, 1)
  t.equal(register.counted(), 5_002_020n + 700n)
})

t.test("an inverter that sleeps gains nothing and loses nothing, however it shows its sleep", async (t) => {
  const night = (asleep: (i: number) => bigint | undefined) => {
    const register = follow(8_000_000n)
    let shown = 8_000_000n
    for (let i = 1; i <= 300; i++) {
      shown += 40n
      register.show(60 * i, shown)
    }
    for (let i = 301; i <= 900; i++) {
      const value = asleep(i)
      if (value !== undefined) register.show(60 * i, value)
    }
    for (let i = 901; i <= 1200; i++) {
      shown += 40n
      // At wake-up it shows 0 for three minutes, and measures meanwhile.
      register.show(60 * i, i <= 903 ? 0n : shown)
    }
    return register.counted() - shown
  }
  t.equal(
    night(() => 8_012_000n),
    0n,
    "frozen at its last value",
  )
  t.equal(
    night(() => undefined),
    0n,
    "not available",
  )
  t.equal(
    night(() => 0n),
    0n,
    "at 0",
  )
  t.equal(
    night((i) => (i % 2 === 0 ? 0n : undefined)),
    0n,
    "at 0 now and then",
  )
  t.equal(
    night((i) => (i % 7 === 0 ? 0n : 8_012_000n)),
    0n,
    "dipping",
  )
})

t.test("a device that has a daily register alone is counted from midnight to midnight", async (t) => {
  const register = follow(0n)
  let counted = 0n
  for (let day = 0; day < 20; day++) {
    let shown = 0n
    for (let i = 0; i < 288; i++) {
      const sun = i >= 84 && i < 228
      if (sun) {
        shown += 100n + BigInt((day * i) % 90)
      }
      register.show(day * 86_400 + 300 * (i + 1), shown)
    }
    counted += shown
    t.equal(register.counted(), counted)
  }
  t.equal(register.memory().counter?.restarts, 19)
})

t.test("a meter that shows whatever it likes gets no more counted than its rated power makes", async (t) => {
  const kinds = new Map<string, number>()
  const moves = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), {
    minLength: 20,
    maxLength: 120,
    size: "max",
  })
  fc.assert(
    fc.property(moves, (moves) => {
      const register = follow(2_000_000n)
      const counters = [2_000_000n, 0n, 60_000n, 3_000_000n, 9_990_000n]
      const anchors = [{ since: 0, wh: 2_000_000n }]
      let at = 0
      let time = 0
      for (const [a, b, c] of moves) {
        time += a % 5 === 0 ? (a >> 4) % 90_000 : 600 + ((a >> 4) % 900)
        if (b % 11 === 0) at = (b >> 5) % counters.length
        if (b % 17 === 0) counters[at] = BigInt((b >> 5) % 70_000)
        counters[at]! += BigInt(c % 3 === 0 ? (c >> 4) % 20_000 : (c >> 4) % 1000)
        const verdict = register.show(time, counters[at]!)
        kinds.set(verdict.kind, (kinds.get(verdict.kind) ?? 0) + 1)
        if (!("countedWh" in verdict) || verdict.countedWh === anchors.at(-1)!.wh) continue
        for (const { since, wh } of anchors)
          if (verdict.countedWh - wh > ceilingWh(bounds.ratedW, time - since, bounds.headroomBasisPoints))
            return false
        if (verdict.countedWh < anchors.at(-1)!.wh) return false
        anchors.push({ since: time, wh: verdict.countedWh })
      }
      return true
    }),
    { numRuns: 1000 },
  )
  for (const kind of [...Object.keys(countedKinds), ...Object.keys(doubtedKinds)])
    if (kind !== "first" && kind !== "frozen") t.ok((kinds.get(kind) ?? 0) > 0, `${kind}: ${kinds.get(kind)}`)
})
