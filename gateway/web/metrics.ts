import { collectDefaultMetrics, Gauge, Registry } from "prom-client"
import type { WebContext } from "./context.ts"

/** Metrics in Prometheus' format; names are stable. Values are read when asked for. No household's load curve. */
export function createMetrics(context: WebContext): Registry {
  const { journal, config, settlement, clock, unreachable, evidence, storage } = context
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, read: (self: Gauge) => void, labelNames: string[] = []) =>
    new Gauge({
      name: `commonwatt_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        read(this)
      },
    })

  gauge(
    "readings",
    "Authentic readings in the journal, by verdict",
    (g) => {
      const { accepted, doubtful } = journal.readings.counts()
      g.set({ verdict: "accepted" }, accepted)
      for (const [reason, n] of doubtful) g.set({ verdict: reason }, n)
    },
    ["verdict"],
  )
  gauge(
    "refused_messages",
    "Messages that are not authentic readings, by reason, ever",
    (g) => {
      for (const [reason, n] of journal.quarantine.counts()) g.set({ reason }, n)
    },
    ["reason"],
  )
  gauge(
    "meter_last_reading_seconds",
    "Time of a meter's last reading that counts, Unix seconds",
    (g) => {
      for (const { name, key } of config.meters)
        g.set({ meter: name }, journal.readings.state(key.meterId).anchor?.time ?? 0)
    },
    ["meter"],
  )
  gauge(
    "meter_unreachable",
    "1 while a polled meter does not answer",
    (g) => {
      for (const meter of config.meters)
        if (meter.modbus) g.set({ meter: meter.name }, unreachable.has(meter) ? 1 : 0)
    },
    ["meter"],
  )
  gauge(
    "batches",
    "Batches in the journal, by state",
    (g) => {
      for (const [state, n] of journal.batches.countsByState()) g.set({ state }, n)
    },
    ["state"],
  )
  gauge("settled_up_to_seconds", "Time up to which everything is settled on chain, Unix seconds", (g) =>
    g.set(settlement.settledUpTo),
  )
  gauge("settlement_problem", "1 while settlement cannot go on", (g) => g.set(settlement.problem ? 1 : 0))
  gauge("challenges_open", "Doubted statements of the pending batch that are not answered", (g) =>
    g.set(settlement.challenges.filter(({ answered }) => !answered).length),
  )
  gauge("storage_problem", "1 while readings cannot be stored, as when the disk is full", (g) =>
    g.set(storage?.problem ? 1 : 0),
  )
  if (evidence) {
    gauge("evidence_batches", "Batches whose evidence is on this disk, of all sites", (g) =>
      g.set(evidence.status().kept),
    )
    gauge("evidence_under_replicated", "Batches of this site that too few places are known to hold", (g) =>
      g.set(evidence.status().underReplicated),
    )
    gauge("evidence_missing", "Batches that were proposed on chain and that no peer has given yet", (g) =>
      g.set(evidence.status().missing),
    )
  }
  gauge("clock_seconds", "The gateway's clock, Unix seconds", (g) => g.set(clock.now()))
  return registry
}
