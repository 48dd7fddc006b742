import { createWalletClient, defineChain, http, publicActions } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { deploy as deployContracts } from "../contracts/deploy.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import type { Assurance, Scheme } from "../protocol/meter.ts"

/** What a community decides before its contracts are deployed. */
export interface DeployPlan {
  /** Addresses of the validators. */
  validators: readonly Hex[]
  /** How many of them must sign. */
  threshold: number
  /** Seconds in which a proposal may be challenged. */
  challengeWindow: number
  headroomBasisPoints: number
}

/** Where a community's contracts are. */
export interface Deployment {
  chainId: number
  authority: Hex
  registry: Hex
  token: Hex
  oracle: Hex
}

export interface MeterRegistration {
  household: Hex
  site: number
  scheme: Scheme
  assurance: Assurance
  ratedW: number
  startTime: number
  startWh: bigint
  publicKey: Hex
}

/** Registering a meter takes about 132,000 gas, a transaction at most 16,777,216 (EIP-7825). */
const metersPerTransaction = 40

/** Someone who may change a community's contracts, at a node. */
export async function connectOperator(rpc: string, privateKey: Hex) {
  const transport = http(rpc, { retryCount: 1, timeout: 20_000 })
  const account = privateKeyToAccount(privateKey)
  const nativeCurrency = { name: "gas", symbol: "GAS", decimals: 18 }
  const about = { account, transport, pollingInterval: 200, cacheTime: 0 }
  const id = await createWalletClient(about).extend(publicActions).getChainId()
  const chain = defineChain({
    id,
    name: `chain ${id}`,
    nativeCurrency,
    rpcUrls: { default: { http: [rpc] } },
  })
  return createWalletClient({ ...about, chain }).extend(publicActions)
}

export type Operator = Awaited<ReturnType<typeof connectOperator>>

/**
 * Deploys the contracts and sets validators and rules.
 * @param say is told each step, for people.
 * @throws PersonError when the plan cannot be, or a transaction is reverted; what was done before it stays done.
 */
export async function deploy(
  operator: Operator,
  plan: DeployPlan,
  say: (line: string) => void,
): Promise<Deployment> {
  const validators = checkValidators(plan)
  const { accessManager, meterRegistry, greenToken, impactOracle } = await deployContracts(operator)
  say(`AccessManager ${accessManager}, MeterRegistry ${meterRegistry}`)
  say(`GreenToken ${greenToken}, ImpactOracle ${impactOracle}`)
  const oracle = { address: impactOracle, abi: impactOracleAbi } as const
  const { threshold, challengeWindow, headroomBasisPoints } = plan
  await mined(
    operator,
    await operator.writeContract({ ...oracle, functionName: "setValidators", args: [validators, threshold] }),
  )
  say(`validators: ${threshold} of ${validators.length} must sign`)
  const rules = [challengeWindow, headroomBasisPoints] as const
  await mined(operator, await operator.writeContract({ ...oracle, functionName: "setRules", args: rules }))
  say(`rules: challenge window ${challengeWindow} s, headroom ${headroomBasisPoints / 100} %`)
  return {
    chainId: operator.chain.id,
    authority: lower(accessManager),
    registry: lower(meterRegistry),
    token: lower(greenToken),
    oracle: lower(impactOracle),
  }
}

/** The contract wants them in ascending order. */
function checkValidators({ validators, threshold }: DeployPlan): Hex[] {
  const sorted = validators.map(lower).sort()
  if (new Set(sorted).size !== sorted.length) throw new PersonError("A validator is named twice.")
  if (threshold < 1 || threshold > sorted.length)
    throw new PersonError(`${threshold} signatures cannot be asked of ${sorted.length} validators.`)
  return sorted
}

/** Opens a site for a gateway. @returns its number. */
export async function openSite(operator: Operator, { registry }: Deployment, gateway: Hex): Promise<number> {
  const { result, request } = await operator.simulateContract({
    address: registry,
    abi: meterRegistryAbi,
    functionName: "openSite",
    args: [gateway],
  })
  await mined(operator, await operator.writeContract(request))
  return result
}

/**
 * Registers meters, some in each transaction.
 * @throws PersonError with the contract's reason; meters of earlier transactions stay registered.
 */
export async function registerMeters(
  operator: Operator,
  { registry }: Deployment,
  meters: readonly MeterRegistration[],
): Promise<void> {
  for (let i = 0; i < meters.length; i += metersPerTransaction) {
    const part = meters.slice(i, i + metersPerTransaction)
    const registrations = part.map((meter) => ({ ...meter, startTime: BigInt(meter.startTime) }))
    const contract = { address: registry, abi: meterRegistryAbi } as const
    try {
      const { request } = await operator.simulateContract({
        ...contract,
        functionName: "register",
        args: [registrations],
      })
      await mined(operator, await operator.writeContract(request))
    } catch (cause) {
      const { shortMessage, metaMessages = [] } = cause as { shortMessage?: string; metaMessages?: string[] }
      throw new PersonError("The registry refuses to register these meters.", {
        context: [shortMessage ?? String(cause), ...metaMessages.slice(0, 2)],
        next:
          i === 0
            ? "None of them was registered. Mend the one it names and try again."
            : `The first ${i} of the list are registered. Mend the one it names and try again with the rest.`,
        cause,
      })
    }
  }
}

async function mined(operator: Operator, hash: Hex): Promise<void> {
  // A receipt by another transaction with the same nonce is not this one's.
  const receipt = await operator.waitForTransactionReceipt({
    hash,
    checkReplacement: false,
    timeout: 120_000,
  })
  if (receipt.status !== "success") throw new PersonError("A transaction was reverted.", { context: [hash] })
}

function lower(address: string): Hex {
  return address.toLowerCase() as Hex
}

/** @throws PersonError when the text is not an address. */
export function parseAddress(text: string): Hex {
  try {
    fromHex(text, 20)
  } catch {
    throw new PersonError(`"${text}" is not an address.`, {
      next: "An address is 0x and 40 hexadecimal digits.",
    })
  }
  return lower(text.startsWith("0x") ? text : `0x${text}`)
}
