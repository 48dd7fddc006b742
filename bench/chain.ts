import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { notMeasured, type Row } from "./row.ts"

const folder = "contracts/snapshots"

/** Gas of EVM operations since the Berlin and London forks (EIP-2028, 2929, 2200, 3529), of keccak256 and of ecrecover. */
const gas = {
  transaction: 21_000,
  byteOfCalldata: 16,
  zeroByteOfCalldata: 4,
  coldSlotOverwritten: 5_000,
  coldSlotRead: 2_100,
  coldAccount: 2_600,
  log: 375,
  logTopic: 375,
  logByte: 8,
  keccak: 30,
  keccakWord: 6,
  /** With the call of a precompile. */
  ecrecover: 3_100,
} as const

/**
 * What no design can do without that puts a new root under an old site's number, once enough of those validators have
 * signed that are in force today: the transaction, a selector with root, evidence and time, signatures of 65 bytes, one
 * slot for the root and one for number and time overwritten, the recoveries, and a log by which it is found; and, as
 * validators can be replaced, a slot that says which they are, their addresses, in calldata against a hash or out of a
 * contract's code, whichever is less, and the digest that they sign, a domain's and a struct's of eight words (EIP-712).
 */
export function proposeFloor(signatures: number, validators: number): number {
  const calldata = 4 + 3 * 32 + signatures * 65
  const padding = 24 // a time and a number fill their words but for 8 bytes
  const keccak = (bytes: number) => gas.keccak + gas.keccakWord * Math.ceil(bytes / 32)
  const addresses = 20 * validators
  const set = Math.min(addresses * gas.byteOfCalldata + keccak(addresses), gas.coldAccount)
  return (
    gas.transaction +
    (calldata - padding) * gas.byteOfCalldata +
    padding * gas.zeroByteOfCalldata +
    2 * gas.coldSlotOverwritten +
    gas.coldSlotRead +
    set +
    keccak(8 * 32) +
    keccak(2 + 2 * 32) +
    signatures * gas.ecrecover +
    gas.log +
    2 * gas.logTopic +
    64 * gas.logByte
  )
}

/**
 * The same for settling meters of a standing batch again, each with a household of its own: the root read; the supply
 * overwritten; for each meter its statement as calldata (key, register, time), two slots of its registration read, its
 * own slot and its household's balance overwritten, and the token's log of the transfer.
 */
export function settleFloor(meters: number): number {
  const calldata = 48 * gas.byteOfCalldata + 48 * gas.zeroByteOfCalldata
  const transferLog = gas.log + 3 * gas.logTopic + 32 * gas.logByte
  const each = calldata + 2 * gas.coldSlotRead + 2 * gas.coldSlotOverwritten + transferLog
  return gas.transaction + gas.coldAccount + gas.coldSlotRead + gas.coldSlotOverwritten + meters * each
}

/** What others publish, gas for one submission. Sources: docs/performance.md. */
const published = [
  { what: "Chronicle Scribe, 5 signers", value: 81_025 },
  { what: "Glow's weekly report", value: 197_428 },
]

/** Gas as the contracts' own tests wrote it down. */
export async function chain(): Promise<Row[]> {
  const snapshots = readdirSync(folder).filter((name) => name.endsWith(".json"))
  const rows: Row[] = []
  for (const file of snapshots.sort()) {
    // Beside gas the folder has what was compiled and how it is laid out.
    const entries = Object.entries(
      JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, unknown>,
    ).filter(([, value]) => typeof value === "string" && /^\d+$/.test(value))
    for (const [name, value] of entries)
      rows.push(rowOf(`gas, ${file.replace(".json", "")}: ${name}`, name, Number(value)))
  }
  for (const wanted of ["propose", "settle, 1 ", "settle, 10 ", "settle, 100 ", "challenge", "answer"])
    if (!rows.some(({ what }) => what.includes(`: ${wanted}`)))
      rows.push({
        what: `gas: ${wanted.trim()}`,
        ours: 0,
        unit: notMeasured,
        better: "lower",
        note: `the snapshots in ${folder} have no such entry`,
      })
  const propose = rows.find(({ what }) => /propose.*repeat/.test(what))
  for (const peer of published)
    if (propose)
      rows.push({
        what: `gas, a repeated proposal to ${peer.what}`,
        ours: propose.ours,
        unit: "gas",
        against: peer,
        better: "lower",
      })
  return rows
}

function rowOf(what: string, name: string, ours: number): Row {
  const row: Row = { what, ours, unit: "gas", better: "lower" }
  const [, signatures, validators] = name.match(/^propose, (\d+) of (\d+), repeat$/) ?? []
  if (signatures !== undefined)
    return {
      ...row,
      against: { what: "floor by opcodes", value: proposeFloor(Number(signatures), Number(validators)) },
      budget: { of: "ratio", bound: 1.25 },
    }
  const repeated = name.match(/^settle, (\d+) meters?, repeat$/)?.[1]
  if (repeated !== undefined)
    return { ...row, against: { what: "floor by opcodes", value: settleFloor(Number(repeated)) } }
  return row
}
