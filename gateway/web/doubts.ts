import { statedBy } from "../../energy/restart.ts"
import type { WebContext } from "./context.ts"

/** Something that was received and does not count. */
export interface Doubt {
  received: number
  /** The meter's name, if it is one of this site's. */
  meter: string | undefined
  /** A new reading that its meter signed and that is in doubt; anything else was refused. */
  signed: boolean
  reason: string
  detail: string
}

export interface Doubts {
  /** How many there ever were, by reason, most first. */
  counts: [reason: string, count: number][]
  /** The newest of both kinds, newest first. */
  newest: Doubt[]
  /** Meters whose readings count and are not stated, and why: a restart of their register is not registered, or wrongly. */
  waiting: { meter: string; because: string }[]
}

/** New rows up to this many are counted one by one; beyond it the journal counts them all again. */
const countedOneByOne = 200

/** Reads what does not count. The journal's own count goes through all readings, so it is asked for once. */
export function createDoubts(
  { journal, config }: Pick<WebContext, "journal" | "config">,
  limitOfEach: number,
) {
  const names = new Map(config.meters.map(({ key, name }) => [key.meterId, name]))
  let counted: { upTo: bigint; doubtful: Map<string, number> } | undefined

  function doubtfulCounts(): ReadonlyMap<string, number> {
    const newest = journal.readings.doubtful(1)[0]?.id ?? 0n
    if (counted && counted.upTo === newest) return counted.doubtful
    const rows = counted ? journal.readings.doubtful(countedOneByOne) : []
    const upTo = counted?.upTo ?? 0n
    const news = rows.filter(({ id }) => id > upTo)
    if (!counted || news.length === countedOneByOne) {
      counted = { upTo: newest, doubtful: journal.readings.counts().doubtful }
    } else {
      for (const { reason } of news)
        if (reason) counted.doubtful.set(reason, (counted.doubtful.get(reason) ?? 0) + 1)
      counted.upTo = newest
    }
    return counted.doubtful
  }

  function waiting(): Doubts["waiting"] {
    return config.meters.flatMap(({ key, name, restarts, ratedW }) => {
      const { anchor } = journal.readings.state(key.meterId)
      if (anchor?.registers.generatedWh === undefined) return []
      const said = statedBy(anchor, restarts, ratedW, config.rules.headroomBasisPoints)
      return "waits" in said ? [{ meter: name, because: said.waits }] : []
    })
  }

  return (): Doubts => {
    const refused = journal.quarantine.newest(limitOfEach).map(
      ({ received, meterId, reason, detail }): Doubt => ({
        received,
        meter: meterId && names.get(meterId),
        signed: false,
        reason,
        detail,
      }),
    )
    const doubtful = journal.readings.doubtful(limitOfEach).map(
      ({ received, meterId, reason, detail }): Doubt => ({
        received,
        meter: names.get(meterId),
        signed: true,
        reason: reason ?? "",
        detail: detail ?? "",
      }),
    )
    return {
      counts: [...journal.quarantine.counts(), ...doubtfulCounts()].sort(([, a], [, b]) => b - a),
      newest: [...refused, ...doubtful].sort((a, b) => b.received - a.received),
      waiting: waiting(),
    }
  }
}
