import { X509Certificate } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statfsSync } from "node:fs"
import { join } from "node:path"
import type { Config } from "../config.ts"
import type { CertificateFacts, MachineFacts } from "./facts.ts"
import { readStarts } from "./starts.ts"

/** Before so much time the rate of writing says nothing, seconds. */
const writtenAfterSeconds = 6 * 3600

/** What the box says of itself. A thin edge: it only reads. @param wallNow Unix seconds of the wall clock. */
export function machineFacts(config: Config, wallNow: number): MachineFacts {
  return {
    wallNow,
    clockGood: clockGood(config),
    certificates: certificateFiles(config).map(certificateFacts),
    disk: diskFacts(config.dataDir),
    wornPercent: wornPercent(),
    writtenBytesPerDay: writtenBytesPerDay(process.uptime()),
    starts: readStarts(config.dataDir),
  }
}

/** Readings of plain meters carry how good the gateway's own clock is. */
export function clockGood({ pace, timeSync }: Pick<Config, "pace" | "timeSync">): boolean {
  if (pace || timeSync === "trusted") return true
  // systemd-timesyncd makes this file once it has set the clock from the network.
  return existsSync("/run/systemd/timesync/synchronized")
}

export function certificateFiles({ mqtt, web }: Pick<Config, "mqtt" | "web">): string[] {
  const { tls, broker } = mqtt
  return [tls?.certFile, tls?.caFile, broker?.certFile, broker?.caFile, web.tls?.certFile].filter(
    (file) => file !== undefined,
  )
}

/** The first to expire of those in a file: a chain holds as long as its weakest link. */
export function certificateFacts(file: string): CertificateFacts {
  try {
    const all = readFileSync(file, "utf8").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
    const ends = (all ?? []).map((pem) => Date.parse(new X509Certificate(pem).validTo) / 1000)
    return { file, notAfter: ends.length > 0 ? Math.min(...ends) : undefined, problem: undefined }
  } catch (error) {
    return { file, notAfter: undefined, problem: (error as Error).message }
  }
}

export function diskFacts(directory: string): MachineFacts["disk"] {
  try {
    const { bavail, blocks, bsize } = statfsSync(directory)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    return undefined
  }
}

/**
 * Of the eMMC or SD memory that has used most of its life, tenths as it says itself (JEDEC JESD84-B51, 7.4.38 and
 * 7.4.39: 0x01 is 0 to 10 %, 0x0B is beyond its life; shown by Linux as life_time).
 * @param root where Linux shows its MMC hosts.
 */
export function wornPercent(root = "/sys/class/mmc_host"): number | undefined {
  let most: number | undefined
  try {
    for (const host of readdirSync(root))
      for (const card of readdirSync(join(root, host))) {
        const file = join(root, host, card, "life_time")
        if (!existsSync(file)) continue
        // 0x00 is: not told.
        for (const tenths of readFileSync(file, "utf8").trim().split(/\s+/).map(Number))
          if (tenths > 0 && tenths <= 11) most = Math.max(most ?? 0, Math.min(100, tenths * 10))
      }
  } catch {
    return most
  }
  return most
}

/** What this process sent to disk (proc(5), io: write_bytes), as a rate; undefined before there was time enough. */
export function writtenBytesPerDay(uptimeSeconds: number, file = "/proc/self/io"): number | undefined {
  if (uptimeSeconds < writtenAfterSeconds) return undefined
  try {
    const [, bytes] = /^write_bytes: (\d+)$/m.exec(readFileSync(file, "utf8")) ?? []
    return bytes === undefined ? undefined : (Number(bytes) / uptimeSeconds) * 86_400
  } catch {
    return undefined
  }
}
