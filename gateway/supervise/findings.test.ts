import fc from "fast-check"
import t from "tap"
import type { Facts, MeterFacts } from "./facts.ts"
import { findings } from "./findings.ts"

const now = 1_800_000_000
const day = 86_400
const meter = (name: string, more: Partial<MeterFacts> = {}): MeterFacts => ({
  name,
  meterId: `0x${"1".repeat(64)}`,
  bus: undefined,
  signedBy: "meter",
  lastCounted: now - 60,
  patienceSeconds: 900,
  unreachable: undefined,
  doubt: undefined,
  stillSince: undefined,
  waits: undefined,
  ...more,
})

/** A gateway with nothing wrong, but for what is given. */
function gateway(
  more: Partial<Omit<Facts, "machine">> & { machine?: Partial<Facts["machine"]> } = {},
): Facts {
  const { machine, ...rest } = more
  return {
    now,
    meters: [meter("Roof"), meter("Grid", { bus: "cellar" })],
    settlement: { settledUpTo: now - 3600, doing: "up to date", problem: undefined, challenges: [] },
    settleEverySeconds: 3600,
    anomalies: [],
    validators: [{ name: "ash", missed: 0, of: 5, refusal: undefined }],
    quarantine: [{ reason: "malformed", total: 4000, lately: 3 }],
    machine: {
      wallNow: now,
      clockGood: true,
      certificates: [{ file: "cert.pem", notAfter: now + 31 * day, problem: undefined }],
      disk: { freeBytes: 8e9, totalBytes: 32e9 },
      wornPercent: 10,
      writtenBytesPerDay: 40e6,
      starts: [now - 2 * day, now - 3600],
      ...machine,
    },
    evidence: { factor: 2, kept: 5, underReplicated: 0, missing: 0, problem: undefined },
    storage: { problem: undefined },
    backup: { newest: now - day, problem: undefined },
    deliveries: [
      { url: "http://a.example", newest: undefined, problem: undefined, refused: false },
      { url: "http://b.example", newest: now - day, problem: "no answer", refused: false },
    ],
    ...rest,
  }
}

const codes = (facts: Facts) => findings(facts).map(({ code, severity }) => `${severity} ${code}`)
const settlement = (more: Partial<Facts["settlement"]>) =>
  gateway({ settlement: { ...gateway().settlement, ...more } })
const node = (name: string, state: string) => ({ name, state, detail: undefined })
const account = (more: object) => ({ address: "0xaa" as const, wei: 1n, enoughFor: 9, low: true, ...more })

t.test("a gateway with which nothing is wrong is healthy", async (t) => {
  t.same(codes(gateway()), [])
})

t.test("each thing that goes wrong is named, and nothing else is", async (t) => {
  const wrong: [string, Facts][] = [
    ["alarm meter-silent", gateway({ meters: [meter("Roof", { lastCounted: now - 901 }), meter("Grid")] })],
    ["alarm meter-silent", gateway({ meters: [meter("Roof", { lastCounted: undefined })] })],
    [
      "alarm meter-doubted",
      gateway({
        meters: [meter("Roof", { lastCounted: now - day, doubt: { reason: "clock-ahead", since: now - 9 } })],
      }),
    ],
    ["warning meter-frozen", gateway({ meters: [meter("Roof", { stillSince: now - 3 * day })] })],
    ["warning meter-not-minted", gateway({ meters: [meter("Roof", { waits: "its register began anew" })] })],
    [
      "alarm clock-unsynchronised",
      gateway({ meters: [meter("Plain", { signedBy: "gateway" })], machine: { clockGood: false } }),
    ],
    ["warning clock-unsynchronised", gateway({ machine: { clockGood: false } })],
    ["warning disk-full", gateway({ machine: { disk: { freeBytes: 3e9, totalBytes: 32e9 } } })],
    ["alarm disk-full", gateway({ machine: { disk: { freeBytes: 90e6, totalBytes: 1e9 } } })],
    ["warning disk-worn", gateway({ machine: { wornPercent: 80 } })],
    ["alarm disk-worn", gateway({ machine: { wornPercent: 100 } })],
    ["warning disk-writes", gateway({ machine: { writtenBytesPerDay: 201e6 } })],
    [
      "warning certificate",
      gateway({ machine: { certificates: [{ file: "a", notAfter: now + 29 * day, problem: undefined }] } }),
    ],
    [
      "alarm certificate",
      gateway({ machine: { certificates: [{ file: "a", notAfter: now - 1, problem: undefined }] } }),
    ],
    [
      "alarm certificate",
      gateway({ machine: { certificates: [{ file: "a", notAfter: undefined, problem: "gone" }] } }),
    ],
    ["warning restarts", gateway({ machine: { starts: [1, 2, 3, 4, 5].map((n) => now - n * 600) } })],
    ["alarm storage", gateway({ storage: { problem: "the disk is full" } })],
    ["alarm settlement-held", settlement({ problem: "the oracle refuses" })],
    ["warning settlement-held", settlement({ problem: "a validator is away", problemSince: now - 600 })],
    ["alarm settlement-held", settlement({ problem: "a validator is away", problemSince: now - 2 * day })],
    [
      "alarm chain-unreachable",
      settlement({ problem: "no node", nodes: [node("a", "away"), node("b", "behind")] }),
    ],
    ["warning node", settlement({ nodes: [node("a", "good"), node("b", "disagrees")] })],
    ["alarm settlement-stuck", settlement({ state: "proposed", batch: 7, since: now - 6 * day })],
    ["warning balance-low", settlement({ account: account({}) })],
    ["alarm balance-low", settlement({ account: account({ wei: 0n, enoughFor: undefined }) })],
    ["alarm challenge-open", settlement({ challenges: [{ answered: false, deadline: now + 60 }] })],
    [
      "warning validator-missing",
      gateway({ validators: [{ name: "ash", missed: 3, of: 3, refusal: undefined }] }),
    ],
    [
      "alarm validator-refuses",
      gateway({ validators: [{ name: "ash", missed: 1, of: 1, refusal: "a bad sum" }] }),
    ],
    [
      "warning evidence-under-replicated",
      gateway({ evidence: { ...gateway().evidence!, underReplicated: 1 } }),
    ],
    ["alarm evidence-missing", gateway({ evidence: { ...gateway().evidence!, missing: 1 } })],
    ["warning backup-old", gateway({ backup: { newest: 0, problem: undefined } })],
    [
      "warning backup-elsewhere",
      gateway({ deliveries: [{ url: "http://b.example", newest: 0, problem: "no answer", refused: false }] }),
    ],
    [
      "warning backup-elsewhere",
      gateway({
        deliveries: [{ url: "http://b.example", newest: now, problem: "it answers 413", refused: true }],
      }),
    ],
    [
      "warning quarantine-growing",
      gateway({ quarantine: [{ reason: "malformed", total: 100, lately: 100 }] }),
    ],
    [
      "warning below-clear-sky",
      gateway({
        anomalies: [{ kind: "below-clear-sky", roofs: ["A"], says: "A gave 60 % of what it gave" }],
      }),
    ],
    [
      "warning above-clear-sky",
      gateway({
        anomalies: [{ kind: "above-clear-sky", roofs: ["A"], says: "A counted more than the sun" }],
      }),
    ],
    [
      "warning twins",
      gateway({ anomalies: [{ kind: "twins", roofs: ["A", "B"], says: "A and B counted the same" }] }),
    ],
    ["alarm quarantine-growing", gateway({ quarantine: [{ reason: "equivocation", total: 1, lately: 1 }] })],
  ]
  for (const [expected, facts] of wrong) t.same(codes(facts), [expected], expected)
  for (const [, facts] of wrong)
    for (const { what, means, next } of findings(facts))
      for (const words of [what, means, next]) t.match(words, /^[A-Z0-9].{20,}[a-z)FILELP%.]$/s)
})

t.test(
  "a bus that is silent is said once, and a silent meter on a bus that speaks is the meter's own affair",
  async (t) => {
    const dead = { bus: "cellar", lastCounted: now - day, unreachable: "timed out" }
    t.same(codes(gateway({ meters: [meter("A", dead), meter("B", dead)] })), ["alarm bus-silent"])
    t.same(codes(gateway({ meters: [meter("A", dead), meter("B", { bus: "cellar" })] })), [
      "alarm meter-silent",
    ])
  },
)

t.test("one failed poll is no finding", async (t) => {
  t.same(codes(gateway({ meters: [meter("A", { bus: "cellar", unreachable: "timed out" })] })), [])
})

t.test("what waits for a window to pass is not stuck", async (t) => {
  t.same(codes(settlement({ state: "proposed", batch: 7, since: now - 3 * day })), [])
  t.same(codes(settlement({ state: "collected", since: now - 300 * day })), [])
})

t.test("alarms come first, and of those the oldest", async () => {
  const ages = fc.array(fc.record({ age: fc.nat(40 * day), still: fc.boolean() }), { maxLength: 8 })
  fc.assert(
    fc.property(ages, (all) => {
      const found = findings(
        gateway({
          meters: all.map(({ age, still }, i) =>
            meter(`M${i}`, still ? { stillSince: now - age } : { lastCounted: now - age }),
          ),
        }),
      )
      const ranks = found.map(({ severity, since }) => (severity === "alarm" ? 0 : 1e12) + (since ?? 1e11))
      return ranks.every((rank, i) => i === 0 || ranks[i - 1]! <= rank)
    }),
  )
})
