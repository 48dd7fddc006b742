import { statSync } from "node:fs"
import type { Logger } from "pino"
import type { Recipient } from "../protocol/seal.ts"
import type { Config } from "./config.ts"

/** Makes back-ups by itself, as often as the configuration says. */
export function createBackups({
  config,
  configFile,
  recipient,
  now,
  log,
}: {
  config: Config
  configFile: string | undefined
  /** The site's own: so that its journal can be brought back without anybody. */
  recipient: Recipient
  /** Unix seconds of the wall clock. */
  now: () => number
  log: Logger
}) {
  const status: { newest: number; problem: string | undefined } = { newest: 0, problem: undefined }
  return {
    status,
    /** Makes one if the newest is old enough. Never throws; what is wrong stands in the status. */
    async look(): Promise<void> {
      const { backup, site, dataDir } = config
      if (!backup || configFile === undefined) return
      try {
        const { backupsIn, keepNewest, makeBackup } = await import("./recovery/backup.ts")
        const newest = backupsIn(backup.directory, site)[0]
        status.newest = newest === undefined ? 0 : Math.floor(statSync(newest).mtimeMs / 1000)
        if (now() - status.newest < backup.everyHours * 3600 && now() >= status.newest) return
        const { directory, recipients } = backup
        const { file, bytes, absent } = await makeBackup({
          configFile,
          site,
          dataDir,
          directory,
          recipients: [...recipients, recipient],
          now: now(),
        })
        keepNewest(directory, site, backup.keep)
        status.newest = now()
        status.problem = undefined
        log.info({ file, bytes, absent }, "back-up made")
      } catch (error) {
        const problem = (error as Error).message
        if (problem !== status.problem) log.error({ problem }, "no back-up could be made")
        status.problem = problem
      }
    },
  }
}
