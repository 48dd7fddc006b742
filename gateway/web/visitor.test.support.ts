import type { MiddlewareHandler } from "hono"
import { cborBlock } from "../../protocol/block.ts"
import type { Hex } from "../../protocol/hex.ts"
import { toHex } from "../../protocol/hex.ts"
import { readingDigest } from "../../protocol/reading.ts"
import { leafOf, type MeterStatement } from "../../protocol/statement.ts"
import { buildTree, rootOf } from "../../protocol/tree.ts"
import type { BatchState } from "../journal/batches.ts"
import type { WebEnv } from "./context.ts"
import type { openVillage } from "./village.test.support.ts"

type Village = ReturnType<typeof openVillage>

/** Logs in whoever the cookie `visitor` names by the number of its home. For tests alone: it asks for no proof. */
export function visitors({ config }: Pick<Village, "config">): MiddlewareHandler<WebEnv> {
  return (c, next) => {
    const number = /(?:^|; )visitor=(\d+)/.exec(c.req.header("cookie") ?? "")?.[1]
    c.set("household", number === undefined ? undefined : config.households[Number(number)])
    return next()
  }
}

export const as = (number: number) => ({ headers: { cookie: `visitor=${number}` } })

/** A batch of what every roof stands at, quoting its last reading. @returns the CID of its evidence. */
export function addBatch(village: Village, number: bigint, state: BatchState = "settled"): string {
  const { journal, config } = village
  const statements = config.meters.flatMap(({ key: { meterId } }): MeterStatement[] => {
    const last = journal.readings.lastCounted(meterId)
    const generatedWh = last?.registers.generatedWh
    if (!last || generatedWh === undefined) return []
    return [{ kind: 1, meterId, generatedWh, time: last.time, reading: readingDigest(last.bytes) }]
  })
  const block = cborBlock({ number })
  const hash = (what: number): Hex => `0x${(Number(number) * 4 + what).toString(16).padStart(64, "0")}`
  journal.batches.add({
    number,
    time: village.context.clock.now(),
    root: statements.length > 0 ? toHex(rootOf(buildTree(statements.map(leafOf)))) : hash(0),
    evidence: block.cid,
    statements,
    blocks: [block],
    lastReadings: [],
  })
  journal.batches.setState(number, state, village.context.clock.now())
  for (const [i, name] of ["ash", "birch", "cedar"].entries())
    journal.batches.putAttestation(number, {
      validator: `http://${name}.example:9000`,
      validatorSet: 1,
      signer: undefined,
      signature: i < 2 ? "0x00" : undefined,
      refusal: i < 2 ? undefined : "a reading is not signed by its meter",
    })
  for (const [i, kind] of (["propose", "settle"] as const).entries())
    journal.batches.putTransaction({ hash: hash(i + 1), number, kind, raw: "0x", sent: i })
  return block.cid.toString()
}
