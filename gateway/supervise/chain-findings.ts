import type { Facts, SettlementFacts } from "./facts.ts"
import { type Finding, howLong, within } from "./finding.ts"

const day = 86_400
/** A window for doubts may last days: only what stands longer than that is stuck. */
const stuckDays = 4
/** A problem that heals within a batch or two is not worth a night's sleep. */
const heldAlarmSeconds = day
const backupDays = 8
/** Of the last batches a validator has to have missed all, and so many at least. */
const missedAtLeast = 3

/** What settlement depends on: chain, money, validators, evidence. */
export function chainFindings(
  facts: Pick<
    Facts,
    | "settlement"
    | "settleEverySeconds"
    | "validators"
    | "evidence"
    | "backup"
    | "deliveries"
    | "now"
    | "machine"
  >,
): Finding[] {
  const { settlement, now } = facts
  return [
    ...chain(settlement, now),
    ...stuck(settlement, facts.settleEverySeconds, now),
    ...money(settlement.account),
    ...doubts(settlement.challenges),
    ...facts.validators.flatMap(validator),
    ...evidence(facts.evidence),
    ...backup(facts.backup, facts.machine.wallNow),
    ...(facts.deliveries ?? []).flatMap((one) => delivery(one, facts.machine.wallNow)),
  ]
}

const waits = "Readings are kept and nothing is lost; households get their GREEN later."

function chain({ nodes = [], problem, problemSince }: SettlementFacts, now: number): Finding[] {
  const bad = nodes.filter(({ state }) => state !== "good")
  const severity = problemSince !== undefined && now - problemSince < heldAlarmSeconds ? "warning" : "alarm"
  if (nodes.length > 0 && bad.length === nodes.length)
    return [
      {
        code: "chain-unreachable",
        severity,
        about: undefined,
        what: `No node of the chain can be relied on: ${bad.map(nodeInWords).join("; ")}.`,
        means: waits,
        next: "See whether the box reaches the internet; if it does, ask who runs the nodes, or add another to chain.rpc.",
        since: problemSince,
      },
    ]
  return [
    ...(problem === undefined
      ? []
      : [
          {
            code: "settlement-held",
            severity,
            about: undefined,
            what: `Settlement cannot go on: ${within(problem)}.`,
            means: waits,
            next: "If it lasts, do what the sentence says; a validator or a node that is away comes back by itself.",
            since: problemSince,
          } as const,
        ]),
    ...bad.map(
      (node): Finding => ({
        code: "node",
        severity: "warning",
        about: node.name,
        what: `A node of the chain is not used: ${nodeInWords(node)}.`,
        means: "Settlement goes on with the others; without them it would wait.",
        next: "Ask who runs it, or replace it in chain.rpc.",
        since: undefined,
      }),
    ),
  ]
}

function nodeInWords({ name, state, detail }: { name: string; state: string; detail: string | undefined }) {
  return `${name} ${state === "away" ? "does not answer" : `is ${state}`}${detail === undefined ? "" : ` (${detail})`}`
}

function stuck({ state, since, batch, doing }: SettlementFacts, every: number, now: number): Finding[] {
  if (state === undefined || state === "collected" || since === undefined) return []
  if (now - since <= stuckDays * day + 2 * every) return []
  return [
    {
      code: "settlement-stuck",
      severity: "alarm",
      about: batch === undefined ? undefined : `batch ${batch}`,
      what: `Batch ${batch ?? "at hand"} has been ${state} for ${howLong(now - since)}: ${within(doing)}.`,
      means: waits,
      next: "Compare with the chain: commonwatt audit --help. Ask the validators whether they are up.",
      since,
    },
  ]
}

function money(account: SettlementFacts["account"]): Finding[] {
  if (!account?.low) return []
  const { address, wei, enoughFor } = account
  const empty = wei === 0n || enoughFor === 0
  return [
    {
      code: "balance-low",
      severity: empty ? "alarm" : "warning",
      about: undefined,
      what: empty
        ? `The site's account ${address} has no gas money for another batch.`
        : `The site's account ${address} has gas money for about ${enoughFor} more batches.`,
      means: empty ? waits : "When it is empty nothing is settled; readings are kept meanwhile.",
      next: `Send gas money to ${address}.`,
      since: undefined,
    },
  ]
}

function doubts(challenges: SettlementFacts["challenges"]): Finding[] {
  const open = challenges.filter(({ answered }) => !answered)
  if (open.length === 0) return []
  const deadline = Math.min(...open.map((challenge) => challenge.deadline))
  return [
    {
      code: "challenge-open",
      severity: "alarm",
      about: undefined,
      what: `${open.length === 1 ? "A statement" : `${open.length} statements`} of this site ${open.length === 1 ? "was" : "were"} doubted on chain, and must be answered by ${iso(deadline)}.`,
      means:
        "The gateway answers by itself; without an answer in time the batch is cancelled and the site's stake is lost.",
      next: "See that the box reaches the chain and has gas money; then look again in some minutes.",
      since: undefined,
    },
  ]
}

function validator({ name, missed, of, refusal }: Facts["validators"][number]): Finding[] {
  if (refusal !== undefined)
    return [
      {
        code: "validator-refuses",
        severity: "alarm",
        about: name,
        what: `The validator ${name} refused the last batch: ${within(refusal)}.`,
        means:
          "It recomputed the batch and came to another result. If others refuse too, nothing is settled.",
        next: "Read its reason. If it is right, this gateway must be looked at before anything else.",
        since: undefined,
      },
    ]
  if (missed < of || missed < missedAtLeast) return []
  return [
    {
      code: "validator-missing",
      severity: "warning",
      about: name,
      what: `The validator ${name} signed none of the last ${of} batches.`,
      means: "The others were enough so far; with fewer of them nothing could be settled.",
      next: "Ask whoever runs it whether it is up and reaches this gateway's evidence.",
      since: undefined,
    },
  ]
}

function evidence(found: Facts["evidence"]): Finding[] {
  if (!found) return []
  const { factor, underReplicated, missing, problem } = found
  return [
    ...(underReplicated > 0 && factor > 1
      ? [
          {
            code: "evidence-under-replicated",
            severity: "warning" as const,
            about: undefined,
            what: `The evidence of ${underReplicated} ${underReplicated === 1 ? "batch is" : "batches are"} in fewer than ${factor} places.`,
            means: "If this box were lost, nobody could recompute what they minted.",
            next: "See that the peers in replicate.peers are up; they fetch the rest by themselves.",
            since: undefined,
          },
        ]
      : []),
    ...(missing > 0 || problem !== undefined
      ? [
          {
            code: "evidence-missing",
            severity: "alarm" as const,
            about: undefined,
            what:
              missing > 0
                ? `The evidence of ${missing} proposed ${missing === 1 ? "batch is" : "batches are"} nowhere to be had at the moment.`
                : `Evidence cannot be kept: ${within(problem ?? "")}.`,
            means: "An auditor cannot recompute it, and validators will not sign what they cannot see.",
            next: "Make room on the disk, see that peers are up, or restore the last back-up (docs/operators.md).",
            since: undefined,
          },
        ]
      : []),
  ]
}

function backup(found: Facts["backup"], now: number): Finding[] {
  if (!found || (found.problem === undefined && now - found.newest <= backupDays * day)) return []
  const age =
    found.newest === 0
      ? "There is no back-up yet"
      : `The newest back-up is ${howLong(now - found.newest)} old`
  return [
    {
      code: "backup-old",
      severity: "warning",
      about: undefined,
      what: `${age}${found.problem === undefined ? "" : `: ${within(found.problem)}`}.`,
      means: "If this box were lost, what is not settled yet would be lost with it.",
      next: "See that the place for back-ups is there and has room (docs/operators.md).",
      since: found.newest === 0 ? undefined : found.newest,
    },
  ]
}

/** One that is away is given the same time as a stick that was pulled; one that refuses will not do it by itself. */
function delivery(
  { url, newest, problem, refused }: NonNullable<Facts["deliveries"]>[number],
  now: number,
): Finding[] {
  if (newest === undefined || (!refused && now - newest <= backupDays * day)) return []
  const age =
    newest === 0
      ? `The gateway at ${url} is not known to have a back-up of this one`
      : `The newest back-up that the gateway at ${url} is known to have is ${howLong(now - newest)} old`
  return [
    {
      code: "backup-elsewhere",
      severity: "warning",
      about: url,
      what: `${age}${problem === undefined ? "" : `: ${within(problem)}`}.`,
      means: "If this box and the disk beside it were lost together, that copy would be missed.",
      next: refused
        ? "Ask its operator: keepBackups must name the address of this site's key, with room enough (docs/operators.md)."
        : "See that both gateways reach each other; what was begun goes on by itself.",
      since: newest === 0 ? undefined : newest,
    },
  ]
}

function iso(time: number): string {
  return new Date(time * 1000).toISOString().replace(".000", "")
}
