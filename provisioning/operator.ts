import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  createWalletClient,
  decodeErrorResult,
  defineChain,
  encodeFunctionData,
  http,
  publicActions,
  type TransactionReceipt,
} from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { accessManagerAbi } from "../contracts/generated/accessManager.ts"
import { certificatesAbi } from "../contracts/generated/certificates.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { policyRegistryAbi } from "../contracts/generated/policyRegistry.ts"
import { sharingPoolAbi } from "../contracts/generated/sharingPool.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"

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

/** One call of one contract. `says` is what it does, for people, without a full stop. */
export interface Act {
  says: string
  address: Hex
  abi: Abi
  functionName: string
  args: readonly unknown[]
  value?: bigint
}

/** Done, or waiting for the delay of the account's role: then since when it can be done, Unix seconds. */
export type Outcome = { done: TransactionReceipt } | { waitsUntil: number }

/**
 * Does what the AccessManager governs: at once where the account's role has no delay, otherwise it is scheduled, and
 * done by the same call once the delay is over.
 * @throws PersonError with the contract's own reason, or who may not.
 */
export async function govern(operator: Operator, authority: Hex, act: Act): Promise<Outcome> {
  const { address, abi, functionName, args } = act
  const data = encodeFunctionData({ abi, functionName, args })
  const manager = { address: authority, abi: accessManagerAbi } as const
  const account = operator.account.address
  const [immediate, delay] =
    lower(address) === lower(authority)
      ? await administers(operator, authority)
      : await operator.readContract({
          ...manager,
          functionName: "canCall",
          args: [account, address, data.slice(0, 10) as Hex],
        })
  if (immediate) return { done: await send(operator, act) }
  if (delay === 0)
    throw new PersonError(`The account ${account} may not do this: ${act.says}.`, {
      context: [`The call: to ${lower(address)}, data ${data}`],
      next: "Use the key of an account that has the role for it (provision deploy --check lists them), or have a contract that has it make this call.",
    })
  const id = await operator.readContract({
    ...manager,
    functionName: "hashOperation",
    args: [account, address, data],
  })
  const scheduled = await operator.readContract({ ...manager, functionName: "getSchedule", args: [id] })
  const { timestamp } = await operator.getBlock()
  if (scheduled !== 0 && BigInt(scheduled) <= timestamp) {
    const execute = { ...act, ...manager, abi: accessManagerAbi as Abi, functionName: "execute" }
    return { done: await send(operator, { ...execute, args: [address, data] }, abi) }
  }
  if (scheduled !== 0) return { waitsUntil: Number(scheduled) }
  // Not tried first: a reason that holds today may be gone when the delay is over.
  const schedule = { ...act, ...manager, abi: accessManagerAbi as Abi, functionName: "schedule" }
  await send(operator, { ...schedule, args: [address, data, 0] })
  return {
    waitsUntil: Number(await operator.readContract({ ...manager, functionName: "getSchedule", args: [id] })),
  }
}

async function administers(operator: Operator, authority: Hex): Promise<readonly [boolean, number]> {
  const [isAdmin, delay] = await operator.readContract({
    address: authority,
    abi: accessManagerAbi,
    functionName: "hasRole",
    args: [0n, operator.account.address],
  })
  return isAdmin ? [delay === 0, delay] : [false, 0]
}

/** Sends one call and waits for it. @throws PersonError with the contract's own reason, before anything is sent. */
export async function send(
  operator: Operator,
  { says, address, abi, functionName, args, value }: Act,
  inner: Abi = abi,
): Promise<TransactionReceipt> {
  try {
    const { request } = await operator.simulateContract({
      address,
      abi,
      functionName,
      args,
      ...(value !== undefined && { value }),
    })
    return await mined(operator, await operator.writeContract(request))
  } catch (cause) {
    if (cause instanceof PersonError || !(cause instanceof BaseError)) throw cause
    const reason = reasonOf(cause, inner)
    if (!reason) throw cause
    throw new PersonError(`The contract refuses this: ${says}.`, {
      context: [reason],
      next: "Nothing was changed by it. Mend what it names and try again.",
      cause,
    })
  }
}

/** A contract's custom error as it stands in its source, with what it says; undefined where it is not one. */
function reasonOf(error: BaseError, abi: Abi): string | undefined {
  const reverted = error.walk((one) => one instanceof ContractFunctionRevertedError)
  if (!(reverted instanceof ContractFunctionRevertedError)) return undefined
  const raw = reverted.raw
  const known = reverted.data ?? (raw && decoded(raw, abi))
  if (!known) return reverted.shortMessage
  return `${known.errorName}(${(known.args ?? []).map(String).join(", ")})`
}

/** By any of our contracts: one may hand on another's. */
function decoded(data: Hex, abi: Abi) {
  const everyError = [abi, ...ours].flat().filter(({ type }) => type === "error")
  try {
    return decodeErrorResult({ abi: everyError, data })
  } catch {
    return undefined
  }
}

const ours: readonly Abi[] = [
  accessManagerAbi,
  certificatesAbi,
  impactOracleAbi,
  issuanceAbi,
  meterRegistryAbi,
  policyRegistryAbi,
  sharingPoolAbi,
  stakesAbi,
]

export async function mined(operator: Operator, hash: Hex): Promise<TransactionReceipt> {
  // A receipt by another transaction with the same nonce is not this one's.
  const receipt = await operator.waitForTransactionReceipt({
    hash,
    checkReplacement: false,
    timeout: 120_000,
  })
  if (receipt.status !== "success") throw new PersonError("A transaction was reverted.", { context: [hash] })
  return receipt
}

export function lower(address: string): Hex {
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

export const gwei = (amount: number) => BigInt(amount) * 1_000_000_000n
