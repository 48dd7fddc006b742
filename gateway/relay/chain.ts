import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  encodeFunctionData,
  fallback,
  http,
  keccak256,
  parseEventLogs,
  TransactionReceiptNotFoundError,
} from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { greenTokenAbi } from "../../contracts/generated/greenToken.ts"
import { impactOracleAbi } from "../../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../../contracts/generated/issuance.ts"
import { retirementsAbi } from "../../contracts/generated/retirements.ts"
import { PersonError } from "../../protocol/error.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Intent } from "../../protocol/intent.ts"
import { readAccountKey } from "../../protocol/key-file.ts"
import type { RelayReason } from "../journal/relays.ts"

export interface Fees {
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
}

export interface RelayReceipt {
  succeeded: boolean
  block: bigint
  /** The retirement's number. */
  number: bigint | undefined
}

export interface Refusal {
  reason: RelayReason
  detail: string
}

interface Contracts {
  token: Hex
  retirements: Hex
}

/** More than any intent needs: a new beneficiary's first retirement takes some 170,000. */
const mostGas = 400_000n

/** What the contracts' own errors mean for a household. */
const meanings: Readonly<Record<string, RelayReason>> = {
  ERC20InsufficientBalance: "balance",
  ERC3009InvalidAuthorizationTime: "expired",
  Expired: "expired",
  InvalidAccountNonce: "used",
  ERC3009UsedAuthorization: "used",
  ERC3009InvalidSignature: "signature",
  BadSignature: "signature",
}

export type RelayChain = ReturnType<typeof connectRelayChain>

/**
 * The chain as the relay sees it: reads, and signs transactions without sending them.
 * @param siteKeyFile whose account must be another.
 * @throws PersonError
 */
export function connectRelayChain(
  { rpc, chainId, oracle }: { rpc: string | readonly string[]; chainId: number; oracle: Hex },
  keyFile: string,
  siteKeyFile?: string,
) {
  const key = readAccountKey(keyFile, "The relay's key")
  if (siteKeyFile !== undefined && key === readAccountKey(siteKeyFile, "The site's key"))
    throw new PersonError("The relay must have an account of its own.", {
      context: [
        "relay.keyFile and chain.keyFile hold one key: households' transactions would hold up batches.",
      ],
      next: "Make another with: commonwatt provision key --kind account --out relay.key",
    })
  const account = privateKeyToAccount(key)
  const client = createPublicClient({
    cacheTime: 0,
    // Where one node does not answer the next is asked.
    transport: fallback([rpc].flat().map((url) => http(url, { retryCount: 1, timeout: 10_000 }))),
  })
  const lower = (address: string) => address.toLowerCase() as Hex

  return {
    address: lower(account.address),

    chainId: () => client.getChainId(),

    async contracts(): Promise<Contracts> {
      const issuance = await client.readContract({
        address: oracle,
        abi: impactOracleAbi,
        functionName: "issuance",
      })
      const token = await client.readContract({ address: issuance, abi: issuanceAbi, functionName: "token" })
      const retirements = await client.readContract({
        address: token,
        abi: greenTokenAbi,
        functionName: "retirements",
      })
      return { token: lower(token), retirements: lower(retirements) }
    },

    balance: (token: Hex, holder: Hex) =>
      client.readContract({ address: token, abi: greenTokenAbi, functionName: "balanceOf", args: [holder] }),

    /** Why the contract would refuse this; undefined when it would not. */
    async refusal(intent: Intent, signature: Hex, at: Contracts): Promise<Refusal | undefined> {
      try {
        await client.call({ account: account.address, ...callOf(intent, signature, at) })
        return undefined
      } catch (error) {
        return refusalOf(error, intent)
      }
    },

    /** Whether the contract has taken this intent's nonce. */
    async used({ kind, from, nonce }: Intent, { token, retirements }: Contracts): Promise<boolean> {
      const key = BigInt(nonce) >> 64n
      const next = await client.readContract({
        address: kind === "send" ? token : retirements,
        abi: kind === "send" ? greenTokenAbi : retirementsAbi,
        functionName: "nonces",
        args: [from, key],
      })
      // NoncesKeyed answers key ‖ sequence.
      return next !== BigInt(nonce)
    },

    nonce: () => client.getTransactionCount({ address: account.address, blockTag: "latest" }),

    async fees(): Promise<Fees> {
      const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas({
        chain: null,
        type: "eip1559",
      })
      return { maxFeePerGas, maxPriorityFeePerGas }
    },

    gasMoney: () => client.getBalance({ address: account.address }),

    /** The gas to allow; undefined where it would fail, or take more than any intent may. */
    async gas(intent: Intent, signature: Hex, at: Contracts): Promise<bigint | undefined> {
      try {
        const estimate = await client.estimateGas({
          account: account.address,
          ...callOf(intent, signature, at),
        })
        return estimate > mostGas ? undefined : (estimate * 6n) / 5n
      } catch (error) {
        if (error instanceof BaseError && revertDataOf(error)) return undefined
        throw error
      }
    },

    async sign(
      intent: Intent,
      signature: Hex,
      at: Contracts,
      with_: Fees & { nonce: number; gas: bigint },
    ): Promise<{ hash: Hex; raw: Hex }> {
      const raw = await account.signTransaction({
        type: "eip1559",
        chainId,
        ...callOf(intent, signature, at),
        ...with_,
      })
      return { hash: keccak256(raw), raw }
    },

    async send(raw: Hex): Promise<void> {
      await client.sendRawTransaction({ serializedTransaction: raw })
    },

    async receipt(hash: Hex): Promise<RelayReceipt | undefined> {
      try {
        const { status, blockNumber, logs } = await client.getTransactionReceipt({ hash })
        const [retired] = parseEventLogs({ abi: retirementsAbi, eventName: "Retired", logs })
        return { succeeded: status === "success", block: blockNumber, number: retired?.args.number }
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError) return undefined
        throw error
      }
    },

    async head(): Promise<{ number: bigint; hash: Hex }> {
      const { number, hash } = await client.getBlock({ includeTransactions: false })
      return { number, hash }
    },

    /** A retirement's picture, as its contract draws it. */
    async picture(number: bigint, { retirements }: Contracts): Promise<string> {
      const uri = await client.readContract({
        address: retirements,
        abi: retirementsAbi,
        functionName: "tokenURI",
        args: [number],
      })
      const { image } = JSON.parse(fromDataUri(uri)) as { image: string }
      return fromDataUri(image)
    },
  }
}

function fromDataUri(uri: string): string {
  return Buffer.from(uri.slice(uri.indexOf(",") + 1), "base64").toString("utf8")
}

function callOf(intent: Intent, signature: Hex, { token, retirements }: Contracts): { to: Hex; data: Hex } {
  const { from, to, wh, until, nonce } = intent
  if (intent.kind === "send")
    return {
      to: token,
      data: encodeFunctionData({
        abi: greenTokenAbi,
        functionName: "transferWithAuthorization",
        args: [from, to, wh, 0n, BigInt(until), nonce, signature],
      }),
    }
  return {
    to: retirements,
    data: encodeFunctionData({
      abi: retirementsAbi,
      functionName: "retireWithAuthorization",
      args: [from, wh, to, intent.statement, BigInt(nonce), BigInt(until - 1), signature],
    }),
  }
}

/** The contract's own reason. @throws the error when it is none of the contract's. */
function refusalOf(error: unknown, { kind }: Intent): Refusal {
  const data = error instanceof BaseError ? revertDataOf(error) : undefined
  if (data === undefined) throw error
  const { reason, data: decoded } = new ContractFunctionRevertedError({
    abi: kind === "send" ? greenTokenAbi : [...retirementsAbi, ...greenTokenAbi],
    data,
    functionName: kind,
  })
  const name = decoded?.errorName ?? reason ?? "no reason given"
  const said = decoded?.args?.length ? `${name}(${decoded.args.join(", ")})` : name
  return { reason: meanings[name] ?? "refused", detail: said }
}

function revertDataOf(error: BaseError): Hex | undefined {
  const found = error.walk((cause) => {
    const { data, code } = cause as { data?: unknown; code?: unknown }
    return typeof data === "string" || code === 3
  }) as { data?: unknown } | null
  if (!found) return undefined
  return typeof found.data === "string" ? (found.data as Hex) : "0x"
}
