import { existsSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Identity } from "../../protocol/seal.ts"
import { before, type Position } from "../meter-life.ts"
import { sharingKeyOf } from "../policies.ts"
import type { SiteMemory } from "../recompute.ts"
import { type History, metersAt, type Proposed, rulesOf } from "../record.ts"
import type { KeptBatch, KeptChecks } from "../sites.ts"
import { codeHash } from "./code.ts"
import { keep, kept, sha256, write } from "./kept.ts"

/** A site's memory grows with its meters: besides the newest it is kept behind each of so many batches. */
const batchesPerMemory = 64

/**
 * What was recomputed and held, each under a hash of all that it followed from: the code, the proposal and its block,
 * the meters as registered then, the rules, the keys at hand, and all batches before. Where any of these is another,
 * nothing is found, and the batch is recomputed. What did not hold is never kept.
 */
export function keepChecks(
  directory: string,
  history: History,
  identities: readonly Identity[],
  hashOf: (block: bigint) => Promise<string>,
): KeptChecks {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const code = codeHash()
  const keys = sha256([...identities].sort().join(" "))
  const changes = history.meters.flatMap(positionsOf)
  const registered = new Map<number, string>()
  const registeredAt = (at: Position): string => {
    const count = changes.filter((change) => before(change, at)).length
    const digest = registered.get(count) ?? sha256(write(metersAt(history, at)))
    registered.set(count, digest)
    return digest
  }
  const keyOf = async (proposal: Proposed, previous: string): Promise<string> => {
    const { oracle, site, number, root, evidence, time, leafCount, at } = proposal
    return sha256(
      write([
        ...[code, keys, previous, history.chainId, oracle, site, number, root, evidence, time, leafCount],
        ...[at.block, at.transaction, await hashOf(at.block), registeredAt(at)],
        ...[rulesOf(history, proposal)?.rules ?? null, sharingKeyOf(history, proposal) ?? null],
      ]),
    )
  }
  const checkFile = (key: string) => join(directory, `${key}.json`)
  const memoryFile = (key: string) => join(directory, `${key}.memory.json`)
  /** The key of each site's newest batch that is kept, and how many there are before it. */
  const newest = new Map<number, { key: string; count: number }>()

  return {
    async before(proposals) {
      const found: { proposal: Proposed; checked: KeptBatch; key: string }[] = []
      let key = ""
      for (const proposal of proposals) {
        if (proposal.cancelled !== undefined) continue
        key = await keyOf(proposal, key)
        const checked = kept(checkFile(key)) as KeptBatch | undefined
        if (!checked) break
        found.push({ proposal, checked, key })
      }
      while (found.length > 0) {
        const last = found.at(-1)!
        const memory = kept(memoryFile(last.key)) as SiteMemory | undefined
        if (memory) {
          newest.set(last.proposal.site, { key: last.key, count: found.length })
          return { checks: new Map(found.map(({ proposal, checked }) => [proposal, checked])), memory }
        }
        found.pop()
      }
      return { checks: new Map() }
    },

    async put(proposal, checked) {
      const last = newest.get(proposal.site) ?? { key: "", count: 0 }
      const key = await keyOf(proposal, last.key)
      const { memory, ...rest } = checked
      keep(memoryFile(key), memory)
      keep(checkFile(key), rest)
      if (last.count % batchesPerMemory !== 0 && existsSync(memoryFile(last.key)))
        rmSync(memoryFile(last.key))
      newest.set(proposal.site, { key, count: last.count + 1 })
    },
  }
}

function positionsOf(life: History["meters"][number]): Position[] {
  const { restarts, ratings, moves, households, keys, statuses, certificates, end } = life
  const changes = [restarts, ratings, moves, households, keys, statuses, certificates].flat()
  return [life.at, ...changes.map(({ at }) => at), ...(end ? [end.at] : [])]
}
