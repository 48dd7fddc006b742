import { execFile } from "node:child_process"
import type { Logger } from "pino"
import type { Progress, Stall } from "./progress.ts"

/** How the program speaks to systemd; sd_notify(3) lists the assignments. */
export interface ServiceManager {
  /** How often systemd wants to hear that it is alive, milliseconds; undefined where no watchdog is set. */
  watchdogMs: number | undefined
  /** Resolves once systemd has taken it; rejects where it cannot be told. */
  tell(...assignments: string[]): Promise<void>
}

/** A manager that does not listen must not hold up the end of the program. */
const patienceMs = 10_000

/**
 * systemd, where it started this process with `Type=notify`; undefined elsewhere.
 *
 * Node has no datagram sockets of the unix family, so systemd's own program speaks: 14 ms of a core each time, and for
 * long enough that systemd still finds out who spoke (the barrier of sd_notify). The unit needs `NotifyAccess=all`.
 */
export function serviceManager(environment: NodeJS.ProcessEnv = process.env): ServiceManager | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment
  if (!NOTIFY_SOCKET) return undefined
  const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  const watchdogMs = forUs && Number(WATCHDOG_USEC) > 0 ? Number(WATCHDOG_USEC) / 1000 : undefined
  return {
    watchdogMs,
    tell: (...assignments) =>
      new Promise((resolve, reject) => {
        const options = { env: environment, timeout: patienceMs }
        execFile("systemd-notify", ["--", ...assignments], options, (error) =>
          error ? reject(error) : resolve(),
        )
      }),
  }
}

/** What systemd hears: that things go on, or what stands still; then it is not fed. */
export function report(stalls: readonly Stall[], status: string): string[] {
  if (stalls.length === 0) return ["WATCHDOG=1", `STATUS=${oneLine(status)}`]
  return [
    `STATUS=${oneLine(stalls.map(({ what, seconds }) => `${what} stands still for ${seconds} s`).join("; "))}`,
  ]
}

/** Of the time that systemd waits: three may be lost on a busy box. */
const feedsPerWatchdog = 4

/**
 * Says that the program is ready, and from then on that it goes on, as long as it does.
 * @param status one line for `systemctl status`.
 * @returns call it when the program begins to stop.
 */
export async function superviseUnder(
  systemd: ServiceManager | undefined,
  { progress, status, log }: { progress: Progress; status: () => string; log: Logger },
): Promise<() => Promise<void>> {
  if (!systemd) return async () => {}
  let heard = true
  const tell = async (...assignments: string[]) => {
    try {
      await systemd.tell(...assignments)
      heard = true
    } catch (error) {
      if (heard)
        log.error(
          { reason: (error as Error).message },
          "systemd cannot be told; its watchdog will start this anew",
        )
      heard = false
    }
  }
  let stood = ""
  let speaking = false
  const speak = async () => {
    // One that systemd does not take in time is not followed by a second beside it.
    if (speaking) return
    speaking = true
    const stalls = progress.stalls()
    const what = stalls.map((stall) => stall.what).join("; ")
    if (what && what !== stood) log.error({ stalls }, "stands still; the watchdog is not fed")
    stood = what
    await tell(...report(stalls, status()))
    speaking = false
  }
  await tell("READY=1", `STATUS=${oneLine(status())}`)
  const timer = systemd.watchdogMs
    ? setInterval(() => void speak(), systemd.watchdogMs / feedsPerWatchdog)
    : undefined
  return async () => {
    clearInterval(timer)
    await tell("STOPPING=1", "STATUS=stopping")
  }
}

/** A line break would begin another assignment; nobody reads further than this. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 300)
}
