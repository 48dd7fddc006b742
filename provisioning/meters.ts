import { hashTypedData } from "viem"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import { type Assurance, meterIdOf, type Scheme } from "../protocol/meter.ts"
import { type Deployment, scheduled } from "./deploy.ts"
import { type Act, govern, type Operator } from "./operator.ts"

/** What an operator states when a meter is commissioned, and what the meter's key signs. */
export interface Statement {
  household: Hex
  site: number
  scheme: Scheme
  assurance: Assurance
  /** Where its energy comes from; 1, solar, if left out. */
  source?: number
  ratedW: number
  startTime: number
  startWh: bigint
  publicKey: Hex
}

export interface MeterRegistration extends Statement {
  /** The key's signature under `registrationDigest`, 64 bytes; empty for a meter that signs in its maker's format. */
  possession: Hex
}

const registrationTypes = {
  Registration: [
    { name: "meterId", type: "bytes32" },
    { name: "household", type: "address" },
    { name: "site", type: "uint32" },
    { name: "assurance", type: "uint8" },
    { name: "source", type: "uint8" },
    { name: "ratedW", type: "uint32" },
    { name: "startWh", type: "uint64" },
    { name: "startTime", type: "uint64" },
  ],
} as const

/** The 32 bytes that a meter's key signs to be registered so, on this chain, by this registry: an EIP-712 digest. */
export function registrationDigest(
  { chainId, registry }: Pick<Deployment, "chainId" | "registry">,
  meter: Statement,
): Hex {
  const { household, site, assurance, source = 1, ratedW, startWh, startTime } = meter
  return hashTypedData({
    domain: { name: "Commonwatt MeterRegistry", version: "1", chainId, verifyingContract: registry },
    types: registrationTypes,
    primaryType: "Registration",
    message: {
      meterId: meterIdOf(meter.scheme, fromHex(meter.publicKey)),
      ...{ household, site, assurance, source, ratedW, startWh, startTime: BigInt(startTime) },
    },
  })
}

/** Registering an Ed25519 meter takes about 265,000 gas, a transaction at most 16,777,216 (EIP-7825). */
const metersPerTransaction = 40

/** The one that meets who reads the display and registers at once: the chain's clock is its last block's. */
function inWords(reason: string): string {
  const [, start, block] = /^InvalidStartTime\((\d+), (\d+)\)$/.exec(reason) ?? []
  if (start === undefined || Number(start) <= Number(block)) return reason
  return `${reason}: commissioned ${Number(start) - Number(block)} s after the chain's last block; wait so long, or give the time when the display was read`
}

/**
 * Registers meters, some in each transaction.
 * @throws PersonError with the contract's reason; meters of earlier transactions stay registered.
 */
export async function registerMeters(
  operator: Operator,
  { authority, registry }: Deployment,
  meters: readonly MeterRegistration[],
): Promise<void> {
  for (let i = 0; i < meters.length; i += metersPerTransaction) {
    const part = meters.slice(i, i + metersPerTransaction)
    try {
      const outcome = await govern(operator, authority, {
        says: `registering ${part.length} meters`,
        address: registry,
        abi: meterRegistryAbi,
        functionName: "register",
        args: [part.map(asArgument)],
      })
      if (!("done" in outcome)) throw scheduled(outcome.waitsUntil)
    } catch (error) {
      if (!(error instanceof PersonError) || error.context.length === 0) throw error
      throw new PersonError("The registry refuses to register these meters.", {
        context: error.context.map(inWords),
        next:
          i === 0
            ? "None of them was registered. Mend the one it names and try again."
            : `The first ${i} of the list are registered. Mend the one it names and try again with the rest.`,
        cause: error,
      })
    }
  }
}

function asArgument({ possession, startTime, source = 1, ...meter }: MeterRegistration) {
  return { ...meter, source, startTime: BigInt(startTime), proof: possession }
}

/** What may become of a meter. Times are Unix seconds. */
export type Change =
  | { action: "suspend" | "reactivate" | "revoke" }
  | { action: "restart"; finalWh: bigint; firstWh: bigint; time: number }
  | { action: "power"; ratedW: number; time: number }
  | { action: "move"; site: number }
  | { action: "hand-over"; household: Hex; time: number }
  | { action: "end"; finalWh: bigint; time: number }
  | { action: "replace"; finalWh: bigint; time: number; by: MeterRegistration }

export const changes = [
  "suspend",
  "reactivate",
  "revoke",
  "restart",
  "power",
  "move",
  "hand-over",
  "end",
  "replace",
] as const satisfies Change["action"][]

/** MeterRegistry's Status. */
export const status = { none: 0, active: 1, suspended: 2, revoked: 3, ended: 4 } as const

const at = (time: number) => new Date(time * 1000).toISOString().replace(".000Z", "Z")

/** A change in one line, for a person to review. */
export function describeChange(meterId: Hex, change: Change): string {
  const meter = `meter ${meterId}`
  switch (change.action) {
    case "suspend":
      return `suspend ${meter}: nothing is paid until it is active again`
    case "reactivate":
      return `reactivate ${meter}: what it counted meanwhile is paid`
    case "revoke":
      return `revoke ${meter} for good: what was not paid is never paid`
    case "restart":
      return `restart ${meter}: its register ended at ${change.finalWh} Wh and goes on from ${change.firstWh} Wh since ${at(change.time)}`
    case "power":
      return `power of ${meter}: ${change.ratedW} W since ${at(change.time)}`
    case "move":
      return `move ${meter} to site ${change.site}, from the next second on`
    case "hand-over":
      return `hand over ${meter} to household ${change.household} since ${at(change.time)}`
    case "end":
      return `end ${meter} at ${change.finalWh} Wh, ${at(change.time)}`
    case "replace": {
      const by = meterIdOf(change.by.scheme, fromHex(change.by.publicKey))
      return `replace ${meter}, which ended at ${change.finalWh} Wh, ${at(change.time)}, by meter ${by} from ${change.by.startWh} Wh`
    }
  }
}

/** @throws PersonError with the contract's reason, when it is not registered, or while it waits for a delay. */
export async function changeMeter(
  operator: Operator,
  { authority, registry }: Deployment,
  meterId: Hex,
  change: Change,
): Promise<void> {
  const contract = { address: registry, abi: meterRegistryAbi } as const
  const meter = await operator.readContract({ ...contract, functionName: "meter", args: [meterId] })
  if (meter.status === status.none)
    throw new PersonError(`The meter ${meterId} is not registered.`, {
      context: [`registry ${registry}, chain ${operator.chain.id}`],
    })
  const end = await operator.readContract({ ...contract, functionName: "endOf", args: [meterId] })
  const [functionName, args] = callOf(meterId, change, end.time !== 0n)
  const act: Act = { says: describeChange(meterId, change), ...contract, functionName, args }
  const outcome = await govern(operator, authority, act)
  if (!("done" in outcome)) throw scheduled(outcome.waitsUntil)
}

function callOf(meterId: Hex, change: Change, hasEnded: boolean): [string, readonly unknown[]] {
  switch (change.action) {
    case "suspend":
      return ["suspend", [meterId]]
    case "reactivate":
      return ["setStatus", [meterId, hasEnded ? status.ended : status.active]]
    case "revoke":
      return ["setStatus", [meterId, status.revoked]]
    case "restart":
      return ["restart", [meterId, change.finalWh, change.firstWh, BigInt(change.time)]]
    case "power":
      return ["setRatedPower", [meterId, change.ratedW, BigInt(change.time)]]
    case "move":
      return ["move", [meterId, change.site]]
    case "hand-over":
      return ["handOver", [meterId, change.household, BigInt(change.time)]]
    case "end":
      return ["end", [meterId, change.finalWh, BigInt(change.time)]]
    case "replace":
      return ["replace", [meterId, change.finalWh, BigInt(change.time), asArgument(change.by)]]
  }
}
