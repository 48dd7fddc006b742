import type { Facts, MeterFacts } from "./facts.ts"
import { type Finding, howLong, within } from "./finding.ts"

const catchesUp =
  "Its register counts on, so no energy is lost; none of it is settled until the meter is heard again."

/** Meters and the lines that they are on. A line that is silent as a whole is said once. */
export function meterFindings({ meters, now }: Pick<Facts, "meters" | "now">): Finding[] {
  const silent = new Set(meters.filter((meter) => isSilent(meter, now)))
  const buses = new Set([...silent].flatMap(({ bus }) => bus ?? []))
  const deadBuses = [...buses].filter((bus) =>
    meters.every((meter) => meter.bus !== bus || (silent.has(meter) && meter.unreachable !== undefined)),
  )
  return [
    ...deadBuses.map((bus) =>
      busSilent(
        bus,
        meters.filter((meter) => meter.bus === bus),
      ),
    ),
    ...meters.flatMap((meter) => {
      const saidWithBus = meter.bus !== undefined && deadBuses.includes(meter.bus)
      return [
        ...(silent.has(meter) && !saidWithBus ? [meterSilent(meter, now)] : []),
        ...(meter.stillSince !== undefined && !silent.has(meter)
          ? [meterFrozen(meter.name, meter.stillSince, now)]
          : []),
        ...(meter.waits === undefined ? [] : [meterWaits(meter.name, meter.waits)]),
      ]
    }),
  ]
}

function isSilent({ lastCounted, patienceSeconds }: MeterFacts, now: number): boolean {
  return now - (lastCounted ?? 0) > patienceSeconds
}

function busSilent(bus: string, meters: readonly MeterFacts[]): Finding {
  const heard = meters.flatMap(({ lastCounted }) => lastCounted ?? [])
  return {
    code: "bus-silent",
    severity: "alarm",
    about: bus,
    what: `No meter on the bus ${bus} answers (${meters.length === 1 ? "its one meter" : `all ${meters.length} meters`}): ${within(meters[0]!.unreachable ?? "")}.`,
    means: catchesUp.replace("Its register counts on", "Their registers count on"),
    next: "Look at the adapter, its cable and its power first; then read the meters by hand: commonwatt read --config FILE.",
    since: heard.length > 0 ? Math.max(...heard) : undefined,
  }
}

function meterSilent(meter: MeterFacts, now: number): Finding {
  const { name, lastCounted, unreachable, doubt, bus } = meter
  const since = lastCounted
  const ever = lastCounted === undefined ? "ever" : `for ${howLong(now - lastCounted)}`
  if (doubt && doubt.since >= (lastCounted ?? 0))
    return {
      code: "meter-doubted",
      severity: "alarm",
      about: name,
      what: `${name} speaks, and nothing it said has counted ${ever}: ${doubt.reason}.`,
      means:
        "What it counted meanwhile waits in its register, and is not settled while its readings are in doubt.",
      next: "The operator's page says under Quarantine what the reason means; compare the meter's display with its last reading.",
      since,
    }
  return {
    code: "meter-silent",
    severity: "alarm",
    about: name,
    what: `Nothing has come from ${name} ${ever}${unreachable === undefined ? "" : `: ${within(unreachable)}`}.`,
    means: catchesUp,
    next:
      bus === undefined
        ? "See that the meter has power and network, and that the broker lets it in."
        : `See that the meter has power and that its wire to the bus ${bus} is sound; other meters on the bus are heard.`,
    since,
  }
}

function meterFrozen(name: string, since: number, now: number): Finding {
  return {
    code: "meter-frozen",
    severity: "warning",
    about: name,
    what: `${name} answers, and no register of it has moved for ${howLong(now - since)}.`,
    means:
      "Nothing is counted for it. If the roof gives power or the home uses any, the meter or its wiring is at fault.",
    next: "Look at the meter's display and at the breaker; an empty home or snow on the roof is a reason too.",
    since,
  }
}

function meterWaits(name: string, waits: string): Finding {
  return {
    code: "meter-not-minted",
    severity: "warning",
    about: name,
    what: `The readings of ${name} count, and nothing is minted for them: ${within(waits)}.`,
    means: "The household is paid once the restart of its register is registered.",
    next: "Run: commonwatt provision meter restart --help",
    since: undefined,
  }
}
