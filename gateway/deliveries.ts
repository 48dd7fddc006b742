import { basename } from "node:path"
import type { Logger } from "pino"
import { readBackupName } from "../protocol/backup-file.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Config } from "./config.ts"
import { type Keeper, KeeperProblem, keeperAt } from "./keeper/client.ts"

/** How it is with this gateway's back-ups at another one. */
export interface DeliveryStatus {
  url: string
  /** When the newest back-up was made that is known to be there whole, Unix seconds; 0 for none, undefined before it was asked. */
  newest: number | undefined
  problem: string | undefined
  /** It answers, and does not keep them or not as they were. */
  refused: boolean
}

/** What is kept is looked at again each day; who is away or refuses is asked again a few times an hour. */
const lookSeconds = 86_400
const againSeconds = 900

/**
 * Brings back-ups to the gateways that agreed to keep them, and sees each day that they still have them.
 * @param now seconds of a clock that never steps.
 */
export function createDeliveries({
  config,
  siteKey,
  now,
  stopping,
  log,
}: {
  config: Pick<Config, "backup" | "site">
  siteKey: Hex
  now: () => number
  stopping: AbortSignal
  log: Pick<Logger, "info" | "error">
}) {
  const status: DeliveryStatus[] = []
  const urls = config.backup?.to ?? []
  const places = urls.map((url, n) => {
    status.push({ url, newest: undefined, problem: undefined, refused: false })
    return { keeper: keeperAt(url, siteKey, { stopping }), status: status[n]!, seen: "", next: 0 }
  })

  return {
    status: status as readonly DeliveryStatus[],
    /** Does what is next at each of them. Never throws; what is wrong stands in the status. */
    async look(): Promise<void> {
      if (places.length === 0 || !config.backup) return
      const { backupsIn } = await import("./recovery/backup.ts")
      const files = backupsIn(config.backup.directory, config.site)
      const [newest] = files
      if (newest === undefined) return
      for (const place of places) {
        if (stopping.aborted) return
        if (place.seen === newest && now() < place.next) continue
        if (place.status.problem !== undefined && now() < place.next) continue
        place.next = now() + againSeconds
        try {
          const sent = await deliverNewest(place.keeper, files)
          Object.assign(place.status, { newest: madeAt(newest), problem: undefined, refused: false })
          place.seen = newest
          place.next = now() + lookSeconds
          if (sent)
            log.info({ to: place.status.url, file: basename(newest) }, "back-up kept by another gateway")
        } catch (error) {
          if (stopping.aborted) return
          const { message: problem } = error as Error
          if (problem !== place.status.problem)
            log.error({ to: place.status.url, problem }, "a back-up is not kept by another gateway")
          const refused = error instanceof KeeperProblem && error.refused
          Object.assign(place.status, { newest: place.status.newest ?? 0, problem, refused })
        }
      }
    },
  }
}

/**
 * Brings the newest of some back-ups to a keeper, after the one that is half there: a line so slow that a back-up takes
 * longer than a day would otherwise never bring one to its end.
 * @param files the newest first. @returns whether anything was sent.
 * @throws KeeperProblem
 */
export async function deliverNewest(keeper: Keeper, files: readonly string[]): Promise<boolean> {
  const [newest] = files
  if (newest === undefined) return false
  const { kept, part } = await keeper.list()
  const isThere = kept.some(({ name }) => name === basename(newest))
  if (!isThere) {
    const begun = files.find((file) => basename(file) === part?.name)
    if (begun !== undefined && begun !== newest) await keeper.deliver(begun)
    await keeper.deliver(newest)
  }
  if (!(await keeper.has(newest)))
    throw new KeeperProblem(`what it keeps as ${basename(newest)} is not what it was sent`, true)
  return !isThere
}

function madeAt(file: string): number {
  return readBackupName(basename(file))?.made ?? 0
}
