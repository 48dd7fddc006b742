import { mkdirSync, statSync } from "node:fs"
import { join } from "node:path"
import type { PublicClient } from "viem"
import { PersonError } from "../../protocol/error.ts"
import type { Identity } from "../../protocol/seal.ts"
import type { EvidenceSource } from "../evidence-source.ts"
import type { History } from "../record.ts"
import type { KeptChecks } from "../sites.ts"
import { openChainCache } from "./chain.ts"
import { keepChecks } from "./checks.ts"
import { keepEvidence } from "./evidence.ts"

/** What an audit remembers of earlier ones. */
export interface Cache {
  /** Asks the node only what is not known yet. */
  client: PublicClient
  evidence(place: string): EvidenceSource
  checks(history: History, identities: readonly Identity[]): KeptChecks
  /** Once an audit is done. */
  save(): Promise<void>
}

/**
 * Opens a directory in which an auditor keeps what was checked. It is the auditor's own: whoever can write to it can
 * tell the auditor anything.
 * @throws PersonError where others can.
 */
export async function openCache(
  directory: string,
  client: PublicClient,
  tell: (what: string) => void,
): Promise<Cache> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new PersonError(`The cache ${directory} cannot be made.`, {
      context: [(cause as Error).message],
      cause,
    })
  }
  const { mode, uid } = statSync(directory)
  if ((mode & 0o022) !== 0 || (process.getuid && uid !== process.getuid()))
    throw new PersonError(`Others than you can write to the cache ${directory}.`, {
      context: ["Who can write there can make an audit say anything."],
      next: `Use a directory of your own, or: chmod go-w ${directory}`,
    })
  const chain = await openChainCache(join(directory, "chain"), client, tell)
  return {
    client: chain.client,
    evidence: (place) => keepEvidence(join(directory, "evidence"), place),
    checks: (history, identities) =>
      keepChecks(join(directory, "checks"), history, identities, async (blockNumber) => {
        const { hash } = await chain.client.getBlock({ blockNumber })
        return hash ?? ""
      }),
    save: chain.save,
  }
}
