import type { OpenedEvidence } from "../protocol/evidence.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { readingDigest } from "../protocol/reading.ts"
import { readSigned } from "../protocol/signed-reading.ts"
import { isMeterStatement, leafOf, type MeterStatement } from "../protocol/statement.ts"
import { priceAt, tariffAt } from "../protocol/tariff.ts"
import { buildTree, proofOf } from "../protocol/tree.ts"
import type { AuditReport } from "./audit.ts"
import { collectCredits, type ExplainedCredit } from "./explain-credits.ts"
import type { BatchLine, Payment } from "./ledger.ts"
import { inForce, type MeterLife, meterAt } from "./meter-life.ts"
import { type History, type Proposed, proposalOf } from "./record.ts"
import type { KeptBatch, Reader } from "./sites.ts"
import { moment } from "./words.ts"

/** What somebody wants explained. Times are Unix seconds, the end is not included. */
export type Question =
  | { about: "household"; household: Hex; from: number; to: number }
  | { about: "batch"; site: number | undefined; number: bigint }
  | { about: "mint"; transaction: Hex }

/** One signed reading as it stands in the evidence. */
export interface ShownReading {
  meterId: Hex
  sequence: number
  time: number
  received: number
  /** The register as the meter showed it, Wh. */
  generatedWh: bigint | undefined
  digest: Hex
  /** Why it does not count; undefined when it does. */
  doubt: string | undefined
  /** Its bytes, for `commonwatt verify`. */
  bytes: Hex
}

/** A settlement with everything that it rests on. */
export interface ExplainedPayment {
  payment: Payment
  /** The leaf that it was settled by, its place in the tree, and its branch. */
  statement: MeterStatement | undefined
  leaf: { index: number; hash: Hex; proof: Hex[] } | undefined
  /** The reading that the statement quotes; undefined where it is sealed, or in a batch that was not looked into. */
  reading: ShownReading | undefined
  /** The key that was in force at the statement's time, and since when, where it is not the meter's first. */
  key: { publicKey: Hex; from: number } | undefined
  /** Registered restarts between what the meter showed and what is counted. */
  restarts: { finalWh: bigint; firstWh: bigint; time: number }[]
  batch: BatchLine | undefined
  proposed: { signers: Hex[]; validAt: number } | undefined
}

/** What went through one generation meter in one interval. */
export interface ExplainedInterval {
  meterId: Hex
  start: number
  /** Undefined is a gap. */
  generatedWh: bigint | undefined
  /** The reading that stands for the interval's end. */
  closing: ShownReading | undefined
}

/** What a household took part in, in one interval; undefined is a gap. */
export interface ExplainedShare {
  start: number
  energy: OpenedEvidence["households"][number]["records"][number]["energy"]
  /** By which key its surplus was divided. */
  sharingKey: string
  /** What a shared kWh was worth then, whole token units; undefined where it has no price. */
  unitsPerKWh: number | undefined
}

export interface Explanation {
  question: Question
  /** Whether the whole audit held; what follows is only worth as much. */
  auditOk: boolean
  firstFinding: string | undefined
  payments: ExplainedPayment[]
  /** Only for a household: its intervals in the time asked for. */
  intervals: ExplainedInterval[]
  shares: ExplainedShare[]
  /** What that came to in its account. */
  credits: ExplainedCredit[]
  /** What is not shown, and why. */
  notShown: string[]
}

/** Looks into the batches that a question is about while they are checked, and explains afterwards. */
export function createExplainer(question: Question) {
  let history: History | undefined
  const opened = new Map<Proposed, Opened>()
  const credits = question.about === "household" ? collectCredits(question) : undefined
  let theirSites: ReadonlySet<number> = new Set()

  return {
    reader(all: History): Reader {
      history = all
      const wanted = wantedBy(question, all)
      if (question.about === "household")
        theirSites = new Set(metersOf(all, question.household).flatMap(sitesOf))
      const counts = (proposal: Proposed) =>
        theirSites.has(proposal.site) && credits?.wants(proposal) === true
      return {
        wants: (proposal) => wanted.has(proposal) || counts(proposal),
        read(proposal, evidence, checked) {
          if (counts(proposal)) credits!.read(evidence)
          if (wanted.has(proposal)) opened.set(proposal, extract(evidence, checked))
        },
      }
    },

    /** @param report of the audit that this explainer's reader was part of. */
    explain(report: AuditReport): Explanation {
      if (!history) throw new Error("The audit has not begun.")
      const explanation = explain(question, history, opened, report)
      if (!credits) return explanation
      const { credits: stated, unstatedSince } = credits.explain(report)
      const notShown = [...explanation.notShown]
      if (unstatedSince !== undefined)
        notShown.push(
          `what it gave and received since ${moment(unstatedSince)} is not in its account yet: that is stated later`,
        )
      return { ...explanation, credits: stated, notShown }
    },
  }
}

/** What is kept of a batch's evidence for the explanation. */
interface Opened {
  evidence: OpenedEvidence
  readings: Map<Hex, ShownReading>
}

function extract(evidence: OpenedEvidence, checked: KeptBatch): Opened {
  const doubts = new Map(checked.doubtful.map((d) => [d.digest, `${d.reason}: ${d.detail}`]))
  const readings = new Map<Hex, ShownReading>()
  for (const { meterId, scheme, readings: list } of [
    ...evidence.meters,
    ...evidence.households.flatMap(({ meters }) => meters),
  ])
    for (const { bytes, received } of list) {
      const { reading } = readSigned(scheme, bytes)
      const digest = readingDigest(bytes)
      readings.set(digest, {
        meterId,
        sequence: reading.sequence,
        time: reading.time,
        received,
        generatedWh: reading.generatedWh,
        digest,
        doubt: doubts.get(digest),
        bytes: toHex(bytes),
      })
    }
  return { evidence, readings }
}

/** The meters that were a household's at some time. */
function metersOf(history: History, household: Hex): MeterLife[] {
  return history.meters.filter(
    (life) =>
      life.household === household || life.households.some((change) => change.household === household),
  )
}

function paysFor(question: Question, history: History) {
  if (question.about === "mint")
    return history.settled.filter(({ at }) => at.transaction === question.transaction)
  if (question.about === "batch")
    return history.settled.filter(
      ({ site, number }) =>
        number === question.number && (question.site === undefined || site === question.site),
    )
  const meters = new Map(metersOf(history, question.household).map((life) => [life.meterId, life]))
  return history.settled.filter((s) => {
    const life = meters.get(s.meterId)
    const isTheirs = life && meterAt(life, s.at).household === question.household
    return isTheirs && s.toTime > question.from && s.fromTime < question.to
  })
}

function wantedBy(question: Question, history: History): ReadonlySet<Proposed> {
  const wanted = new Set<Proposed>()
  for (const settled of paysFor(question, history)) {
    const proposal = proposalOf(history, settled)
    if (proposal) wanted.add(proposal)
  }
  if (question.about === "batch")
    for (const proposal of history.proposals)
      if (
        proposal.number === question.number &&
        (question.site === undefined || proposal.site === question.site)
      )
        wanted.add(proposal)
  if (question.about === "household") {
    const sites = new Set(metersOf(history, question.household).flatMap(sitesOf))
    for (const site of sites) {
      let begins = 0
      for (const proposal of history.proposals.filter((p) => p.site === site && p.cancelled === undefined)) {
        if (Number(proposal.time) > question.from && begins < question.to) wanted.add(proposal)
        begins = Number(proposal.time)
      }
    }
  }
  return wanted
}

const sitesOf = ({ site, moves }: MeterLife) => [site, ...moves.map((move) => move.site)]

function explain(
  question: Question,
  history: History,
  opened: ReadonlyMap<Proposed, Opened>,
  report: AuditReport,
): Explanation {
  const wanted = new Set(paysFor(question, history))
  const payments = history.settled.flatMap((settled, i): ExplainedPayment[] =>
    wanted.has(settled) ? [explainPayment(history, opened, report, report.ledger.payments[i]!, i)] : [],
  )
  const first = report.checks.flatMap(({ findings }) => findings)[0]
  const notShown = new Set<string>()
  const intervals: ExplainedInterval[] = []
  const shares: ExplainedShare[] = []
  if (question.about === "household") {
    const theirs = new Set(metersOf(history, question.household).map(({ meterId }) => meterId))
    const inTime = ({ start }: { start: number }) => start >= question.from && start < question.to
    for (const { evidence, readings } of opened.values()) {
      const { intervalSeconds } = evidence.rules
      for (const { meterId, start, generatedWh } of evidence.generation)
        if (theirs.has(meterId) && inTime({ start }))
          intervals.push({
            meterId,
            start,
            generatedWh,
            closing: closingOf(readings, meterId, start + intervalSeconds, intervalSeconds),
          })
      const household = evidence.households.find((part) => part.household === question.household)
      const tariffs = evidence.rules.version === 1 ? [] : (evidence.rules.accounts?.tariffs ?? [])
      const priceOf = (start: number) => {
        const tariff = tariffAt(tariffs, start)
        return tariff && priceAt(tariff, start)
      }
      if (household)
        for (const { start, energy } of household.records.filter(inTime))
          shares.push({
            ...{ start, energy, sharingKey: evidence.rules.sharingKey.name },
            unitsPerKWh: priceOf(start),
          })
      else if (evidence.sealed.includes(question.household))
        notShown.add("what it used, gave and received is sealed: give the household's or an auditor's --key")
    }
  }
  if (payments.length === 0) notShown.add("nothing was settled for it")
  if (payments.some(({ reading }) => !reading))
    notShown.add("a reading that is quoted from an earlier batch, or sealed, is named by its digest alone")
  return {
    question,
    auditOk: report.ok,
    firstFinding: first && `${first.where}: ${first.what}`,
    payments,
    intervals: intervals.sort((a, b) => a.start - b.start || (a.meterId < b.meterId ? -1 : 1)),
    shares: shares.sort((a, b) => a.start - b.start),
    credits: [],
    notShown: [...notShown],
  }
}

function explainPayment(
  history: History,
  opened: ReadonlyMap<Proposed, Opened>,
  report: AuditReport,
  payment: Payment,
  index: number,
): ExplainedPayment {
  const settled = history.settled[index]!
  const proposal = proposalOf(history, settled)
  const here = proposal && opened.get(proposal)
  const statements = here?.evidence.statements ?? []
  const at = statements.findIndex(
    (s) => isMeterStatement(s) && s.meterId === settled.meterId && s.time === settled.toTime,
  )
  const statement = statements[at] as MeterStatement | undefined
  const life = history.meters.find(({ meterId }) => meterId === settled.meterId)
  const set =
    proposal &&
    inForce(
      history.validators.filter(({ oracle }) => oracle === proposal.oracle),
      proposal.at,
    )
  return {
    payment,
    statement,
    leaf: statement && {
      index: at,
      hash: toHex(leafOf(statement)),
      proof: proofOf(buildTree(statements.map(leafOf)), at).map(toHex),
    },
    reading:
      statement && [...opened.values()].flatMap(({ readings }) => readings.get(statement.reading) ?? [])[0],
    key: keyAt(life, settled.toTime),
    restarts: (life?.restarts ?? [])
      .filter(({ time }) => time <= settled.toTime)
      .map(({ finalWh, firstWh, time }) => ({ finalWh, firstWh, time })),
    batch:
      proposal &&
      report.ledger.batches.find(
        ({ site, number, oracle }) =>
          site === proposal.site && number === proposal.number && oracle === proposal.oracle,
      ),
    proposed: proposal && {
      signers: (set?.validators ?? []).filter((_, i) => (proposal.signers >> BigInt(i)) & 1n),
      validAt: proposal.validAt,
    },
  }
}

function keyAt(life: MeterLife | undefined, time: number): ExplainedPayment["key"] {
  const key = life?.keys.findLast(({ from }) => from <= time)
  return key && { publicKey: key.publicKey, from: key.from }
}

/** The last reading that counts at or before a boundary, if it is younger than an interval: as `energy/` takes it. */
function closingOf(
  readings: ReadonlyMap<Hex, ShownReading>,
  meterId: Hex,
  boundary: number,
  intervalSeconds: number,
): ShownReading | undefined {
  let closing: ShownReading | undefined
  for (const reading of readings.values())
    if (
      reading.meterId === meterId &&
      reading.doubt === undefined &&
      reading.time <= boundary &&
      reading.time > boundary - intervalSeconds &&
      reading.time >= (closing?.time ?? 0)
    )
      closing = reading
  return closing
}
