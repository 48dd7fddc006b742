import {
  BaseError,
  ContractFunctionRevertedError,
  ContractFunctionZeroDataError,
  createPublicClient,
  encodeFunctionData,
  http,
  keccak256,
  TransactionReceiptNotFoundError,
} from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { greenTokenAbi } from "../../contracts/generated/greenToken.ts"
import { impactOracleAbi } from "../../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../../contracts/generated/issuance.ts"
import { sharingPoolAbi } from "../../contracts/generated/sharingPool.ts"
import { PersonError } from "../../protocol/error.ts"
import { type Hex, toHex } from "../../protocol/hex.ts"
import { readAccountKey } from "../../protocol/key-file.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import type { AccountStatement, MeterStatement } from "../../protocol/statement.ts"

export type ProposalStatus = "none" | "pending" | "valid" | "cancelled"
const statuses: readonly ProposalStatus[] = ["none", "pending", "valid", "cancelled"]

export interface Head {
  number: bigint
  time: number
  /** When it is (or was) valid, Unix seconds of the chain. */
  validAt: number
  cancelled: boolean
}

export interface SignedTransaction {
  hash: Hex
  raw: Hex
}

export interface Receipt {
  succeeded: boolean
  gasUsed: bigint
}

export type Chain = ReturnType<typeof connectChain>

/**
 * The oracle contract as the gateway sees it. Reads, and signs transactions without sending them, so that the
 * caller can write them down first.
 */
export function connectChain({
  rpc,
  chainId,
  oracle,
  keyFile,
}: {
  rpc: string
  chainId: number
  oracle: Hex
  keyFile: string
}) {
  const account = privateKeyToAccount(readAccountKey(keyFile, "The site's key"))
  const client = createPublicClient({
    cacheTime: 0,
    transport: http(rpc, { retryCount: 1, timeout: 10_000 }),
  })
  const contract = { address: oracle, abi: impactOracleAbi } as const
  const chain = {
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: "gas", symbol: "GAS", decimals: 18 },
    rpcUrls: { default: { http: [rpc] } },
  }
  let issuanceContract: { address: Hex; abi: typeof issuanceAbi } | undefined
  const issuance = async () => {
    issuanceContract ??= {
      address: await client.readContract({ ...contract, functionName: "issuance" }),
      abi: issuanceAbi,
    }
    return issuanceContract
  }
  let token: Hex | undefined
  const tokenAddress = async () => {
    token ??= await client.readContract({ ...(await issuance()), functionName: "token" })
    return token
  }

  async function sign(to: Hex, data: Hex): Promise<SignedTransaction> {
    const request = await client.prepareTransactionRequest({ account, chain, to, data, type: "eip1559" })
    const raw = await account.signTransaction(request)
    return { hash: keccak256(raw), raw }
  }

  return {
    /** @throws PersonError when this is another chain than the one configured, or there is no oracle on it. */
    async check(): Promise<void> {
      const id = await client.getChainId()
      if (id !== chainId)
        throw new PersonError(`The node at ${rpc} is on chain ${id}, the configuration says ${chainId}.`, {
          next: "Nothing is sent there. Check chain.rpc and chain.chainId.",
        })
      if (!(await client.getCode({ address: oracle })))
        throw new PersonError(`There is no contract at ${oracle} on chain ${chainId}.`, {
          next: "Check chain.oracle, or deploy with: commonwatt provision deploy --help",
        })
    },

    async head(site: number): Promise<Head> {
      const [number, time, validAt, cancelled] = await client.readContract({
        ...contract,
        functionName: "head",
        args: [site],
      })
      return { number, time: Number(time), validAt: Number(validAt), cancelled }
    },

    async proposal(site: number, number: bigint): Promise<{ root: Hex; status: ProposalStatus }> {
      const [root, status] = await client.readContract({
        ...contract,
        functionName: "proposal",
        args: [site, number],
      })
      return { root, status: statuses[status] ?? "none" }
    },

    /** How many challenges to the site's last proposal wait for an answer. */
    async openChallenges(site: number): Promise<number> {
      const [open] = await client.readContract({ ...contract, functionName: "standing", args: [site] })
      return open
    },

    /** Until when the challenge to a leaf must be answered, Unix seconds; undefined when there is none. */
    async challengeDeadline(site: number, number: bigint, leaf: Hex): Promise<number | undefined> {
      const [, deadline] = await client.readContract({
        ...contract,
        functionName: "challengeTo",
        args: [site, number, leaf],
      })
      return deadline === 0n ? undefined : Number(deadline)
    },

    async rules(): Promise<{ challengeWindow: number; headroomBasisPoints: number }> {
      const [, { challengeWindow, headroom }] = await client.readContract({
        ...contract,
        functionName: "rules",
      })
      return { challengeWindow, headroomBasisPoints: headroom }
    },

    async validators(): Promise<{ version: number; addresses: Hex[]; threshold: number }> {
      const [version, addresses, threshold] = await client.readContract({
        ...contract,
        functionName: "validators",
      })
      return { version, addresses: addresses.map((address) => address.toLowerCase() as Hex), threshold }
    },

    /** The time that a meter was last paid for. */
    async paidTime(meterId: Hex): Promise<number> {
      const [, time] = await client.readContract({
        ...(await issuance()),
        functionName: "paid",
        args: [meterId],
      })
      return Number(time)
    },

    async blockTime(): Promise<number> {
      return Number((await client.getBlock({ includeTransactions: false })).timestamp)
    },

    /** GREEN of a household, Wh. */
    async balance(household: Hex): Promise<bigint> {
      return client.readContract({
        address: await tokenAddress(),
        abi: greenTokenAbi,
        functionName: "balanceOf",
        args: [household],
      })
    },

    async totalSupply(): Promise<bigint> {
      return client.readContract({
        address: await tokenAddress(),
        abi: greenTokenAbi,
        functionName: "totalSupply",
      })
    },

    /** @throws when the contract would refuse it, with its reason. */
    async signPropose(proposal: Proposal, signers: bigint, signatures: Hex): Promise<SignedTransaction> {
      const call = { ...contract, functionName: "propose", args: [proposal, signers, signatures] } as const
      await client.simulateContract({ ...call, account }).catch(refused)
      return sign(oracle, encodeFunctionData(call))
    },

    /** @throws when the contract would refuse it, with its reason. */
    async signAnswer(
      site: number,
      number: bigint,
      statement: MeterStatement,
      reading: Uint8Array,
    ): Promise<SignedTransaction> {
      const args = [site, number, statementArgument(statement), toHex(reading)] as const
      const call = { ...contract, functionName: "answer", args } as const
      await client.simulateContract({ ...call, account }).catch(refused)
      return sign(oracle, encodeFunctionData(call))
    },

    /** @throws when the contract would refuse it, with its reason. */
    async signSettle(site: number, number: bigint, part: SettlePart): Promise<SignedTransaction> {
      const args = settleArguments(site, number, part)
      const { address, abi } = await issuance()
      return sign(address, encodeFunctionData({ abi, functionName: "settle", args }))
    },

    /** Why the contract would refuse this; undefined when it would not. */
    async settleRefusal(site: number, number: bigint, part: SettlePart): Promise<string | undefined> {
      try {
        const args = settleArguments(site, number, part)
        await client.simulateContract({ ...(await issuance()), functionName: "settle", args, account })
        return undefined
      } catch (error) {
        return refusalOf(error)
      }
    },

    /** What the pool last settled of a household's account. @throws ContractRefuses when there is no pool. */
    async poolAccount(pool: Hex, household: Hex): Promise<{ credit: bigint; time: number }> {
      const call = { address: pool, abi: sharingPoolAbi, functionName: "accountOf" } as const
      const [, credit, time] = await client
        .readContract({ ...call, args: [household] })
        .catch((error: unknown) => {
          throw new ContractRefuses(reasonOfContract(error))
        })
      return { credit, time: Number(time) }
    },

    /** @throws ContractRefuses when the pool would refuse it, with its reason. */
    async signSettleAccounts(pool: Hex, number: bigint, part: AccountsPart): Promise<SignedTransaction> {
      const statements = part.statements.map(({ household, credit, time }) => ({
        household,
        credit,
        time: BigInt(time),
      }))
      const args = [number, statements, part.proof.map(toHex), [...part.flags]] as const
      const call = { address: pool, abi: sharingPoolAbi, functionName: "settle", args } as const
      await client.simulateContract({ ...call, account }).catch((error: unknown) => {
        throw new ContractRefuses(reasonOfContract(error))
      })
      return sign(pool, encodeFunctionData(call))
    },

    async send(raw: Hex): Promise<void> {
      await client.sendRawTransaction({ serializedTransaction: raw })
    },

    async receipt(hash: Hex): Promise<Receipt | undefined> {
      try {
        const { status, gasUsed } = await client.getTransactionReceipt({ hash })
        return { succeeded: status === "success", gasUsed }
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError) return undefined
        throw error
      }
    },
  }
}

/** A contract said no, or there is none: trying again changes nothing. */
export class ContractRefuses extends Error {
  override name = "ContractRefuses"
}

/** @throws the error when it is none of the contract's, but of the way to it. */
function reasonOfContract(error: unknown): string {
  const own =
    error instanceof BaseError &&
    error.walk(
      (cause) =>
        cause instanceof ContractFunctionRevertedError || cause instanceof ContractFunctionZeroDataError,
    )
  if (!own) throw error
  return refusalOf(error)
}

/** The contract's own reason, in one line. @throws the error when it is none of the contract's. */
function refusalOf(error: unknown): string {
  const { name, metaMessages, shortMessage } = error as {
    name: string
    metaMessages?: string[]
    shortMessage?: string
  }
  if (name !== "ContractFunctionExecutionError") throw error
  return [shortMessage, ...(metaMessages ?? []).slice(0, 2)].join(" ").replace(/\s+/g, " ").trim()
}

/** A simulation says why it fails; a gas estimate has the mere number of the contract's error. */
function refused(error: unknown): never {
  throw new Error(refusalOf(error))
}

/** Some statements of a batch with their multiproof, in its order. */
export interface SettlePart {
  statements: readonly MeterStatement[]
  proof: readonly Uint8Array[]
  flags: readonly boolean[]
}

/** Some account statements of a batch with their multiproof, in its order. */
export interface AccountsPart {
  statements: readonly AccountStatement[]
  proof: readonly Uint8Array[]
  flags: readonly boolean[]
}

function settleArguments(site: number, number: bigint, { statements, proof, flags }: SettlePart) {
  return [site, number, statements.map(statementArgument), proof.map(toHex), [...flags]] as const
}

function statementArgument({ meterId, generatedWh, time, reading }: MeterStatement) {
  return { meterId, generatedWh, time: BigInt(time), reading }
}
