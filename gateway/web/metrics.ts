import { collectDefaultMetrics, Gauge, Registry } from "prom-client"
import type { Health } from "../supervise/health.ts"
import type { WebContext } from "./context.ts"

/**
 * Metrics in Prometheus' format; names are stable (docs/metrics.md). Values are read when asked for. Anyone may read
 * them: meters go by their public ids, for a name may say whose home it is, and nothing tells what a home uses.
 */
export function createMetrics(context: WebContext, health?: Health): Registry {
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
      for (const { key } of config.meters)
        g.set({ meter: key.meterId }, journal.readings.state(key.meterId).anchor?.time ?? 0)
    },
    ["meter"],
  )
  gauge(
    "meter_unreachable",
    "1 while a polled meter does not answer",
    (g) => {
      for (const meter of config.meters)
        if (meter.modbus) g.set({ meter: meter.key.meterId }, unreachable.has(meter) ? 1 : 0)
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
  if (health) healthMetrics(gauge, health)
  return registry
}

type NewGauge = (name: string, help: string, read: (self: Gauge) => void, labelNames?: string[]) => Gauge

function healthMetrics(gauge: NewGauge, health: Health): void {
  gauge(
    "findings",
    "What is wrong, by severity: alarm or warning",
    (g) => {
      const { findings } = health.look()
      for (const kind of ["alarm", "warning"] as const)
        g.set({ severity: kind }, findings.filter(({ severity }) => severity === kind).length)
    },
    ["severity"],
  )
  gauge(
    "finding",
    "What is wrong, by its code: how many meters, buses, files … it is wrong with; no line where nothing is",
    (g) => {
      for (const { code, severity } of health.look().findings) g.inc({ code, severity })
    },
    ["code", "severity"],
  )
  gauge("clock_good", "1 while somebody vouches for this machine's clock", (g) =>
    g.set(health.look().facts.machine.clockGood ? 1 : 0),
  )
  gauge("disk_free_bytes", "Room left on the journal's disk", (g) =>
    setKnown(g, health.look().facts.machine.disk?.freeBytes),
  )
  gauge("disk_size_bytes", "Size of the journal's disk", (g) =>
    setKnown(g, health.look().facts.machine.disk?.totalBytes),
  )
  gauge("disk_worn_ratio", "Of a flash memory's life, how much is used at most, as it says itself", (g) =>
    setKnown(g, ratio(health.look().facts.machine.wornPercent)),
  )
  gauge("disk_written_bytes_per_day", "What the gateway writes; absent in its first six hours", (g) =>
    setKnown(g, health.look().facts.machine.writtenBytesPerDay),
  )
  gauge(
    "certificate_expires_seconds",
    "When the first of the certificates (MQTT, pages) expires, Unix seconds",
    (g) => {
      const ends = health.look().facts.machine.certificates.flatMap(({ notAfter }) => notAfter ?? [])
      setKnown(g, ends.length > 0 ? Math.min(...ends) : undefined)
    },
  )
  gauge("starts_in_a_day", "How often the gateway was started within the last 24 hours", (g) => {
    const { starts, wallNow } = health.look().facts.machine
    g.set(starts.filter((at) => at > wallNow - 86_400).length)
  })
  gauge(
    "gas_enough_for_batches",
    "For how many batches the site's gas money is enough; absent before it is known",
    (g) => setKnown(g, health.look().facts.settlement.account?.enoughFor),
  )
}

const ratio = (percent: number | undefined) => (percent === undefined ? undefined : percent / 100)

/** What is not known has no line: a 0 would be a figure. */
function setKnown(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove()
  else gauge.set(value)
}
