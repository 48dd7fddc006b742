import { createWalletClient, defineChain, http, publicActions } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { deploy as deployContracts, plainRules, type Rules } from "../contracts/deploy.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
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
  /** Everything else; where it is left out, the plain rules. */
  rules?: Partial<Rules>
}

/** Where a community's contracts are. */
export interface Deployment {
  chainId: number
  authority: Hex
  registry: Hex
  token: Hex
  issuance: Hex
  oracle: Hex
  stakes: Hex
}

export interface MeterRegistration {
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
  const { threshold, challengeWindow, headroomBasisPoints: headroom } = plan
  const rules = { ...plainRules, challengeWindow, headroom, gatewayHeadroom: headroom, ...plan.rules }
  const contracts = await deployContracts(operator, { rules })
  for (const [name, address] of Object.entries(contracts)) say(`${name} ${address}`)
  const { accessManager, meterRegistry, greenToken, issuance, impactOracle, stakes } = contracts
  if (rules.validatorStake > 0)
    for (const validator of validators)
      await mined(
        operator,
        await operator.writeContract({
          address: stakes,
          abi: stakesAbi,
          functionName: "bondValidator",
          args: [validator],
          value: gwei(rules.validatorStake),
        }),
      )
  await mined(
    operator,
    await operator.writeContract({
      address: impactOracle,
      abi: impactOracleAbi,
      functionName: "setValidators",
      args: [validators, threshold],
    }),
  )
  say(`validators: ${threshold} of ${validators.length} must sign`)
  say(`rules: challenge window ${challengeWindow} s, headroom ${headroom / 100} %`)
  return {
    chainId: operator.chain.id,
    authority: lower(accessManager),
    registry: lower(meterRegistry),
    token: lower(greenToken),
    issuance: lower(issuance),
    oracle: lower(impactOracle),
    stakes: lower(stakes),
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

/** Opens a site for a gateway, with the stake that the rules want of it. @returns its number. */
export async function openSite(
  operator: Operator,
  { registry, oracle, stakes }: Deployment,
  gateway: Hex,
): Promise<number> {
  const { result, request } = await operator.simulateContract({
    address: registry,
    abi: meterRegistryAbi,
    functionName: "openSite",
    args: [gateway],
  })
  await mined(operator, await operator.writeContract(request))
  const [, { siteStake }] = await operator.readContract({
    address: oracle,
    abi: impactOracleAbi,
    functionName: "rules",
  })
  // Also where no stake is wanted: only then the oracle has looked.
  const bond = { address: stakes, abi: stakesAbi, functionName: "bondSite", args: [result] } as const
  await mined(operator, await operator.writeContract({ ...bond, value: gwei(siteStake) }))
  return result
}

const gwei = (amount: number) => BigInt(amount) * 1_000_000_000n

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
    const registrations = part.map((meter) => ({ source: 1, ...meter, startTime: BigInt(meter.startTime) }))
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
