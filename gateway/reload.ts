import { isDeepStrictEqual } from "node:util"
import type { Config } from "./config.ts"

/** Of a new configuration: what is in force at once, and what waits for a restart. */
export interface Reloaded {
  taken: string[]
  waiting: string[]
}

/** What a running gateway takes, as its log and docs/configuration.md name it. */
export const reloadable = [
  "name",
  "logLevel",
  "validators",
  "auditors",
  "households (names and recipients, not who they are)",
  "settlement.waitSeconds",
  "mqtt.tls.revoked",
  "emissionFactors",
] as const

/**
 * Takes from a new configuration what can change under way, into the running one, in place: its parts hold it.
 * Both were checked.
 */
export function reload(running: Config, next: Config): Reloaded {
  const taken: string[] = []
  const take = (what: (typeof reloadable)[number], now: unknown, then: unknown, change: () => void) => {
    if (isDeepStrictEqual(now, then)) return
    change()
    taken.push(what)
  }
  const { name, logLevel, validators, auditors, households, settlement } = next
  take("name", running.name, name, () => Object.assign(running, { name }))
  take("logLevel", running.logLevel, logLevel, () => {
    if (logLevel === undefined) delete running.logLevel
    else running.logLevel = logLevel
  })
  take("validators", running.validators, validators, () => refill(running.validators, validators))
  take("auditors", running.auditors, auditors, () => refill(running.auditors, auditors))
  const addresses = (all: Config["households"]) => all.map(({ address }) => address)
  if (isDeepStrictEqual(addresses(running.households), addresses(households)))
    take("households (names and recipients, not who they are)", running.households, households, () =>
      refill(running.households, households),
    )
  const { waitSeconds } = settlement
  take("settlement.waitSeconds", running.settlement.waitSeconds, waitSeconds, () => {
    running.settlement.waitSeconds = waitSeconds
  })
  const [tls, { revoked } = {}] = [running.mqtt.tls, next.mqtt.tls]
  if (tls && next.mqtt.tls)
    take("mqtt.tls.revoked", tls.revoked, revoked, () => {
      if (revoked === undefined) delete tls.revoked
      else tls.revoked = revoked
    })
  const { emissionFactors } = next
  take("emissionFactors", running.emissionFactors, emissionFactors, () => {
    if (emissionFactors) running.emissionFactors = emissionFactors
    else delete running.emissionFactors
  })
  const settings = [...new Set([...Object.keys(running), ...Object.keys(next)])] as (keyof Config)[]
  return { taken, waiting: settings.filter((one) => !isDeepStrictEqual(running[one], next[one])) }
}

function refill<T>(list: T[], entries: readonly T[]): void {
  list.splice(0, list.length, ...entries)
}
