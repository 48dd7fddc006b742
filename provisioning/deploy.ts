import {
  createPublicClient,
  createWalletClient,
  encodeDeployData,
  getContractAddress,
  http,
  type PublicClient,
  type TransactionReceipt,
} from "viem"
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts"
import { accessManagerAbi, accessManagerBytecode } from "../contracts/generated/accessManager.ts"
import { greenTokenAbi, greenTokenBytecode } from "../contracts/generated/greenToken.ts"
import { impactOracleAbi, impactOracleBytecode } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi, meterRegistryBytecode } from "../contracts/generated/meterRegistry.ts"
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
  /** Gas used by all of it. */
  gasUsed: string
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

const meterTransactionSize = 40

/** Someone who may change a community's contracts, at a node. */
export function connectOperator(rpc: string, privateKey: Hex) {
  const account = privateKeyToAccount(privateKey)
  const client = createPublicClient({ transport: http(rpc, { retryCount: 1, timeout: 20_000 }) })
  return { account, client, rpc }
}

export type Operator = ReturnType<typeof connectOperator>

/**
 * Deploys the contracts and sets validators and rules.
 * @param say is told each step, for people.
 * @throws PersonError when a step does not succeed; what was done before it stays done.
 */
export async function deploy(operator: Operator, plan: DeployPlan, say: (line: string) => void): Promise<Deployment> {
  const { account, client } = operator
  const validators = [...plan.validators].map(lower).sort()
  if (new Set(validators).size !== validators.length) throw new PersonError("A validator is named twice.")
  if (plan.threshold < 1 || plan.threshold > validators.length)
    throw new PersonError(`${plan.threshold} signatures cannot be asked of ${validators.length} validators.`)
  const chainId = await client.getChainId()
  const nonce = await client.getTransactionCount({ address: account.address })
  const addressAt = (offset: number) => lower(getContractAddress({ from: account.address, nonce: BigInt(nonce + offset) }))
  const [authority, registry, token, oracle] = [addressAt(0), addressAt(1), addressAt(2), addressAt(3)]
  let gasUsed = 0n
  const step = async (what: string, request: { data: Hex; to?: Hex }) => {
    const receipt = await send(operator, request)
    if (receipt.status !== "success") throw new PersonError(`${what} failed.`, { context: [`transaction ${receipt.transactionHash}`] })
    gasUsed += receipt.gasUsed
    say(`${what}: ${receipt.contractAddress ?? "done"}`)
  }
  await step("AccessManager", {
    data: encodeDeployData({ abi: accessManagerAbi, bytecode: accessManagerBytecode, args: [account.address] }),
  })
  await step("MeterRegistry", {
    data: encodeDeployData({ abi: meterRegistryAbi, bytecode: meterRegistryBytecode, args: [authority] }),
  })
  await step("GreenToken", { data: encodeDeployData({ abi: greenTokenAbi, bytecode: greenTokenBytecode, args: [oracle] }) })
  await step("ImpactOracle", {
    data: encodeDeployData({ abi: impactOracleAbi, bytecode: impactOracleBytecode, args: [authority, registry, token] }),
  })
  const wallet = walletOf(operator)
  const contract = { address: oracle, abi: impactOracleAbi, account, chain: null } as const
  const call = async (what: string, hash: Promise<Hex>) => {
    const receipt = await mined(client, await hash)
    gasUsed += receipt.gasUsed
    say(what)
  }
  await call(
    `validators: ${plan.threshold} of ${validators.length}`,
    wallet.writeContract({ ...contract, functionName: "setValidators", args: [validators, plan.threshold] }),
  )
  await call(
    `rules: challenge window ${plan.challengeWindow} s, headroom ${plan.headroomBasisPoints / 100} %`,
    wallet.writeContract({
      ...contract,
      functionName: "setRules",
      args: [plan.challengeWindow, plan.headroomBasisPoints],
    }),
  )
  return { chainId, authority, registry, token, oracle, gasUsed: gasUsed.toString() }
}

/** Opens a site for a gateway. @returns its number. */
export async function openSite(operator: Operator, { registry }: Deployment, gateway: Hex): Promise<number> {
  const { account, client } = operator
  const contract = { address: registry, abi: meterRegistryAbi, account } as const
  const { result, request } = await client.simulateContract({ ...contract, functionName: "openSite", args: [gateway] })
  await mined(client, await walletOf(operator).writeContract({ ...request, chain: null }))
  return result
}

/** Registers meters, some per transaction. @throws PersonError with the contract's reason. */
export async function registerMeters(
  operator: Operator,
  { registry }: Deployment,
  meters: readonly MeterRegistration[],
): Promise<void> {
  const { account, client } = operator
  for (let i = 0; i < meters.length; i += meterTransactionSize) {
    const registrations = meters.slice(i, i + meterTransactionSize).map((meter) => ({
      ...meter,
      startTime: BigInt(meter.startTime),
    }))
    const args = [registrations] as const
    try {
      const contract = { address: registry, abi: meterRegistryAbi, account } as const
      const { request } = await client.simulateContract({ ...contract, functionName: "register", args })
      await mined(client, await walletOf(operator).writeContract({ ...request, chain: null }))
    } catch (cause) {
      throw new PersonError("The registry refuses to register these meters.", {
        context: [(cause as { shortMessage?: string }).shortMessage ?? String(cause), ...((cause as { metaMessages?: string[] }).metaMessages ?? []).slice(0, 2)],
        next: "None of them was registered. Mend the one it names and try again.",
        cause,
      })
    }
  }
}

function walletOf({ account, rpc }: Operator) {
  return createWalletClient({ account, transport: http(rpc) })
}

async function send(operator: Operator, { data, to }: { data: Hex; to?: Hex }): Promise<TransactionReceipt> {
  const hash = await walletOf(operator).sendTransaction({
    account: operator.account as PrivateKeyAccount,
    chain: null,
    data,
    ...(to && { to }),
  })
  return mined(operator.client, hash)
}

async function mined(client: PublicClient, hash: Hex): Promise<TransactionReceipt> {
  const receipt = await client.waitForTransactionReceipt({ hash, checkReplacement: false, timeout: 120_000, pollingInterval: 200 })
  if (receipt.status !== "success") throw new PersonError("A transaction was reverted.", { context: [hash] })
  return receipt
}

function lower(address: string): Hex {
  return address.toLowerCase() as Hex
}

/** @throws PersonError when the text is not an address. */
export function parseAddress(text: string): Hex {
  try {
    fromHex(text, 20)
  } catch {
    throw new PersonError(`"${text}" is not an address.`, { next: "An address is 0x and 40 hexadecimal digits." })
  }
  return lower(text.startsWith("0x") ? text : `0x${text}`)
}
