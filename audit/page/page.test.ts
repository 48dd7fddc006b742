import t from "tap"
import type { Hex } from "../../protocol/hex.ts"
import type { AuditReport } from "../audit.ts"
import type { CheckName } from "../checks.ts"
import { checks } from "../checks.ts"
import { kWh, moment } from "../words.ts"
import { reportAsPage } from "./page.ts"

const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex
const account = `0x${"ab".repeat(20)}` as Hex
const noon = 1_780_315_200

function reportOf(over: Partial<AuditReport> = {}): AuditReport {
  return {
    ok: true,
    chainId: 31_337,
    oracle: account,
    toBlock: 99n,
    checks: (Object.keys(checks) as CheckName[]).map((name) => ({
      name,
      title: checks[name],
      examined: 1,
      findings: [],
      skipped: [],
    })),
    readings: 5,
    counted: 4,
    doubtful: [],
    missing: [{ meterId: word(7), after: 4, until: 8 }],
    batches: 1,
    mintedWh: 3214n,
    certificatesWh: 0n,
    auditedWh: 3214n,
    retiredWh: 0n,
    credits: [{ site: 1, household: account, credit: -250n }],
    pools: [],
    challenges: { made: 0, answered: 0, unanswered: 0 },
    slashed: [],
    cancelled: [],
    validators: [{ validator: account, asked: 1, signed: 1, cancelled: 0 }],
    gasUsed: 1n,
    twins: [],
    emissionFactors: [],
    fromCache: 0,
    ledger: {
      batches: [
        {
          where: "site 1 batch 1",
          site: 1,
          number: 1n,
          oracle: account,
          from: noon - 3600,
          time: noon,
          root: word(1),
          evidence: "bafyexample",
          leaves: 1,
          block: 7n,
          transaction: word(2),
          verdict: "holds",
          reasons: [],
          readings: 5,
          counted: 4,
          doubtful: 1,
          fromCache: false,
        },
      ],
      meters: [
        {
          meterId: word(7),
          site: 1,
          household: account,
          assurance: "meter",
          ratedW: 5000,
          startWh: 0n,
          startTime: noon - 3600,
          events: [{ what: "was registered", time: noon - 3600, block: 3n, transaction: word(3) }],
          readings: 5,
          counted: 4,
          doubtful: { "register-fell": 1 },
          missing: [{ after: 4, until: 8 }],
          paidUpToWh: 3214n,
          mintedWh: 3214n,
          findings: [],
        },
      ],
      payments: [
        {
          where: "site 1 batch 1 meter",
          site: 1,
          number: 1n,
          meterId: word(7),
          household: account,
          fromWh: 0n,
          toWh: 3214n,
          fromTime: noon - 3600,
          toTime: noon,
          factor: 10_000,
          commonsShare: 0,
          mints: [{ account, wh: 3214n, certificates: undefined }],
          block: 9n,
          transaction: word(4),
          findings: [],
        },
      ],
    },
    ...over,
  }
}

const notes = { madeAt: noon, evidence: "http://127.0.0.1:8080", command: "commonwatt audit --rpc …" }

t.test("the page tells the verdict, each mint with its reason, each meter and each batch", async (t) => {
  const page = reportAsPage(reportOf(), notes)
  t.match(page, /Every minted Wh is accounted for/)
  for (const part of [
    "3.214 kWh",
    "register-fell: 1",
    "5 to 7",
    "bafyexample",
    "was registered",
    "-250",
    word(7),
  ])
    t.ok(page.includes(part), part)
})

t.test("the first Wh that is not accounted for stands above everything else", async (t) => {
  const report = reportOf({ ok: false, auditedWh: 0n })
  report.checks
    .at(-3)!
    .findings.push({ check: "mints", where: "transaction 0x1", what: "Wh 1 has no origin" })
  const page = reportAsPage(report, notes)
  t.match(page, /The first that is not: <b>transaction 0x1<\/b>: Wh 1 has no origin/)
  t.ok(page.indexOf("has no origin") < page.indexOf("What was checked"))
  t.match(page, /3\.214 kWh are open/)
  t.notMatch(page, /Every minted Wh is accounted for/)
})

t.test("what was skipped is never shown as an accounted Wh", async (t) => {
  const report = reportOf({ ok: false })
  report.checks[4]!.skipped.push("no --evidence was given")
  report.checks[4]!.examined = 0
  const page = reportAsPage(report, notes)
  t.match(page, /could not be checked/)
  t.match(page, /<li><b>evidence<\/b>: no --evidence was given<\/li>/)
  t.match(page, />skipped</)
})

t.test("the page loads nothing, runs nothing, and takes no word for markup", async (t) => {
  const hostile = `<script>alert("1")</script><img src=x onerror='alert(2)'>`
  const report = reportOf({ ok: false, cancelled: [{ where: hostile, why: hostile }] })
  report.checks[0]!.findings.push({ check: "contracts", where: hostile, what: hostile })
  report.ledger.batches[0]!.reasons.push(hostile)
  report.ledger.meters[0]!.events.push({ what: hostile, time: undefined, block: 1n, transaction: word(1) })
  const page = reportAsPage(report, { ...notes, evidence: hostile, command: hostile })
  t.notMatch(page, /<(script|img|link|iframe)|<[^>]*\ssrc=|href="(?!#)|@import|url\(/i)
  t.match(page.replaceAll("&#39;", "'"), /Policy" content="default-src 'none'; style-src 'sha256-/)
})

t.test("a page stays of a size that a telephone can open, and says what it left out", async (t) => {
  const report = reportOf()
  const [line] = report.ledger.batches
  report.ledger.batches = Array.from({ length: 5000 }, (_, i) => ({ ...line!, number: BigInt(i + 1) }))
  const page = reportAsPage(report, notes)
  t.ok(page.length < 3_000_000, `${page.length}`)
  t.match(page, /The newest 2000 of 5000; all are in the JSON report/)
})

t.test("energy is written to the Wh and a moment in UTC", async (t) => {
  t.equal(kWh(0n), "0.000 kWh")
  t.equal(kWh(-1n), "-0.001 kWh")
  t.equal(kWh(1_234_567_890n), "1,234,567.890 kWh")
  t.equal(moment(noon), "2026-06-01 12:00 UTC")
  t.equal(moment(noon + 1), "2026-06-01 12:00:01 UTC")
})
