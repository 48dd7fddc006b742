import type { Hex } from "../protocol/hex.ts"
import type { CheckResult } from "./checks.ts"
import type { History } from "./record.ts"

const nobody: Hex = `0x${"00".repeat(20)}`

/**
 * Follows GREEN and certificates from account to account: nobody gave what it had not, and each balance is what its
 * transfers come to.
 */
export function checkTransfers(
  { transfers, standing }: Pick<History, "transfers" | "standing">,
  check: CheckResult,
): void {
  check.examined = transfers.length
  const find = (where: string, what: string) => check.findings.push({ check: check.name, where, what })
  const held = new Map<string, bigint>()
  const add = (account: Hex, id: bigint | undefined, wh: bigint) => {
    if (account === nobody) return 0n
    const sum = (held.get(nameOf(account, id)) ?? 0n) + wh
    held.set(nameOf(account, id), sum)
    return sum
  }
  for (const { id, from, to, wh, at } of transfers) {
    const left = add(from, id, -wh)
    if (left < 0n)
      find(
        `transaction ${at.transaction}`,
        `${nameOf(from, id)} gave ${wh} Wh, ${-left} Wh of it out of nowhere`,
      )
    add(to, id, wh)
  }
  for (const { account, id, wh } of standing.balances) {
    const name = nameOf(account, id)
    const sum = held.get(name) ?? 0n
    if (wh !== sum) find(name, `has ${wh} Wh, and its transfers come to ${sum} Wh`)
  }
}

const nameOf = (account: Hex, id: bigint | undefined) =>
  `account ${account} ${id === undefined ? "GREEN" : `certificates ${id}`}`
