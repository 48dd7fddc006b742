import type { WebContext } from "./context.ts"

/** The gateway's state in a few figures, for scripts: GET /api/status. Energies are strings of whole Wh. */
export function statusOf({
  config,
  journal,
  clock,
  settlement,
  evidence,
  storage,
  backup,
  deliveries,
}: WebContext) {
  const { accepted, doubtful } = journal.readings.counts()
  const refused = journal.quarantine.counts()
  const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0)
  return {
    site: config.site,
    time: clock.now(),
    readings: accepted + sum(doubtful) + sum(refused),
    accepted,
    quarantined: sum(doubtful) + sum(refused),
    quarantinedByReason: Object.fromEntries([...doubtful, ...refused]),
    settledUpTo: settlement.settledUpTo,
    settlement: {
      state: settlement.state,
      batch: settlement.batch,
      since: settlement.since,
      doing: settlement.doing,
      problem: settlement.problem,
      problemSince: settlement.problemSince,
      warnings: settlement.warnings,
      nodes: settlement.nodes,
      account: settlement.account && { ...settlement.account, wei: settlement.account.wei.toString() },
      // Meters by their public ids: a name may say whose home it is.
      challenges: settlement.challenges.map(({ batch, meterId, deadline, answered, problem }) => ({
        batch: Number(batch),
        meterId,
        deadline,
        answered,
        problem,
      })),
      beyondChallenge: settlement.beyondChallenge.length,
    },
    ...(evidence && { evidence: evidence.status() }),
    storage: { problem: storage?.problem, usedBytes: journal.usedBytes() },
    ...(config.backup && backup && { backup: { ...backup, elsewhere: deliveries ?? [] } }),
    recovered: journal.lastRecovery()?.time,
    batches: Object.fromEntries(journal.batches.countsByState()),
  }
}
