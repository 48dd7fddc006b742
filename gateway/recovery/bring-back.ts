import { setTimeout as sleep } from "node:timers/promises"
import type { Logger } from "pino"
import { blocksAt } from "../../evidence/peer.ts"
import { createProposedHeads } from "../../evidence/proposed.ts"
import type { EvidenceStore } from "../../evidence/store.ts"
import { PersonError } from "../../protocol/error.ts"
import { readAccountKey } from "../../protocol/key-file.ts"
import { siteIdentity } from "../../protocol/site-identity.ts"
import { type Config, validatorUrls } from "../config.ts"
import type { Loss } from "./marker.ts"
import { type RecoveryReport, recover } from "./recover.ts"

const pauseMs = 10_000

/** Recovery with the gateway's own chain, key, peers and validators. */
export async function bringBack(
  loss: Loss,
  {
    config,
    store,
    now,
    stopping,
    log,
  }: { config: Config; store: EvidenceStore; now: () => number; stopping: AbortSignal; log: Logger },
): Promise<RecoveryReport> {
  const { chain, site, replicate } = config
  const heads = createProposedHeads(chain)
  const { identity } = await siteIdentity(readAccountKey(chain.keyFile, "The site's key"))
  return recover(loss, {
    config,
    store,
    elsewhere: [...new Set([...(replicate?.peers ?? []), ...validatorUrls(config)])].map((url) =>
      blocksAt(url),
    ),
    proposed: async () => (await heads([site]))[0],
    identities: [identity],
    now,
    async pause() {
      await sleep(pauseMs, undefined, { signal: stopping }).catch(() => {})
      if (stopping.aborted)
        throw new PersonError("The gateway was stopped before its journal was back.", {
          next: "Start it again; it goes on where it was.",
        })
    },
    log: (what, details) => log.warn(details, what),
  })
}
