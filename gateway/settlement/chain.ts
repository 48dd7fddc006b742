import {
  BaseError,
  BlockNotFoundError,
  ContractFunctionRevertedError,
  ContractFunctionZeroDataError,
  createPublicClient,
  decodeFunctionData,
  encodeFunctionData,
  keccak256,
  TransactionReceiptNotFoundError,
} from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { greenTokenAbi } from "../../contracts/generated/greenToken.ts"
import { impactOracleAbi } from "../../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../../contracts/generated/meterRegistry.ts"
import { sharingPoolAbi } from "../../contracts/generated/sharingPool.ts"
import { PersonError } from "../../protocol/error.ts"
import { type Hex, toHex } from "../../protocol/hex.ts"
import { readAccountKey } from "../../protocol/key-file.ts"
import { Scheme } from "../../protocol/meter.ts"
import type { LaterKey } from "../../protocol/meter-keys.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import type { AccountStatement, MeterStatement } from "../../protocol/statement.ts"
import type { Fees, Price } from "./fees.ts"
import type { NodeVerdict, Tip } from "./nodes.ts"
import { connectNodes } from "./rpc.ts"

export type ProposalStatus = "none" | "pending" | "valid" | "cancelled"
const statuses: readonly ProposalStatus[] = ["none", "pending", "valid", "cancelled"]

export interface Head {
  number: bigint
  time: number
  /** When it is (or was) valid, Unix seconds of the chain. */
  validAt: number
  cancelled: boolean
}

/** What a transaction says to which contract. */
export interface Call {
  to: Hex
  data: Hex
  /** How much gas it may use. */
  gas: bigint
}

export interface SignedTransaction {
  hash: Hex
  raw: Hex
}

export interface Receipt {
  succeeded: boolean
  gasUsed: bigint
  /** What was paid for it, wei. */
  paidWei: bigint
}

/** A proposal as somebody carried it to the chain, with the signatures of the validators. */
export interface CarriedProposal {
  proposal: Proposal
  signatures: readonly Hex[]
}

export interface ChainOptions {
  /** Nodes of the chain, in the order in which they are asked. */
  rpc: readonly string[]
  chainId: number
  oracle: Hex
  keyFile: string
  site: number
  /** How long a node may take for an answer, milliseconds. */
  timeoutMs?: number
}

export type Chain = ReturnType<typeof connectChain>

/** What a transaction may use at most (EIP-7825). */
const mostGas = 1n << 24n
/** A change of a meter's key is registered at most so long before it is in force, seconds (contracts/MeterKeys.sol). */
const keysAhead = 7 * 86_400
/** Public nodes limit how many blocks one query may span. */
const blocksPerQuery = 5_000n

/**
 * The oracle contract as the gateway sees it. Reads, and signs transactions without sending them, so that the
 * caller can write them down first.
 */
export function connectChain({ rpc, chainId, oracle, keyFile, site, timeoutMs = 10_000 }: ChainOptions) {
  const account = privateKeyToAccount(readAccountKey(keyFile, "The site's key"))
  const contract = { address: oracle, abi: impactOracleAbi } as const
  const headCall = encodeFunctionData({ ...contract, functionName: "head", args: [site] })
  const nodes = connectNodes(rpc, chainId, { to: oracle, data: headCall }, timeoutMs)
  const client = createPublicClient({ cacheTime: 0, transport: nodes.transport })
  let issuanceContract: { address: Hex; abi: typeof issuanceAbi } | undefined
  const issuance = async () => {
    issuanceContract ??= {
      address: await client.readContract({ ...contract, functionName: "issuance" }),
      abi: issuanceAbi,
    }
    return issuanceContract
  }
  let registryContract: { address: Hex; abi: typeof meterRegistryAbi } | undefined
  const registry = async () => {
    registryContract ??= {
      address: await client.readContract({ ...contract, functionName: "registry" }),
      abi: meterRegistryAbi,
    }
    return registryContract
  }
  let token: Hex | undefined
  const tokenAddress = async () => {
    token ??= await client.readContract({ ...(await issuance()), functionName: "token" })
    return token
  }

  /** With a fifth more gas than it would use now: the state may be another when it is mined. */
  async function withGas(to: Hex, data: Hex): Promise<Call> {
    // Not of the pending block: a replacement would run after what it replaces.
    const now = await client.estimateGas({
      ...{ account, to, data },
      blockTag: "latest",
      prepare: false,
    })
    const gas = (now * 6n) / 5n
    return { to, data, gas: gas < mostGas ? gas : mostGas }
  }

  return {
    /** The account that pays. */
    account: account.address.toLowerCase() as Hex,

    /**
     * Asks every node how things are, and works with one of those that can be relied on until the next time.
     * @returns the last block. @throws Error where there is none: away, on another chain, or in disagreement.
     */
    survey: (): Promise<Tip> => nodes.survey(),

    /** What came of the last survey. */
    nodes: (): readonly NodeVerdict[] => nodes.verdicts(),

    /** @throws PersonError when there is no oracle on this chain. */
    async check(): Promise<void> {
      if (!(await client.getCode({ address: oracle })))
        throw new PersonError(`There is no contract at ${oracle} on chain ${chainId}.`, {
          next: "Check chain.oracle, or deploy with: commonwatt provision deploy --help",
        })
    },

    /** The last block of the node at work. */
    async tip(): Promise<Tip> {
      const { number, hash, timestamp } = await client.getBlock({ includeTransactions: false })
      return { number, hash, time: Number(timestamp) }
    },

    /** The hash of a block; undefined where the chain is not that long. */
    async blockHash(number: bigint): Promise<Hex | undefined> {
      try {
        return (await client.getBlock({ blockNumber: number, includeTransactions: false })).hash
      } catch (error) {
        if (error instanceof BlockNotFoundError) return undefined
        throw error
      }
    },

    /** How many transactions of the account are mined, and how many with those that wait at the node. */
    async nonces(): Promise<{ mined: number; pending: number }> {
      const { address } = account
      const [mined, pending] = await Promise.all([
        client.getTransactionCount({ address, blockTag: "latest" }),
        client.getTransactionCount({ address, blockTag: "pending" }),
      ])
      return { mined, pending }
    },

    /** What a unit of gas costs in the next block. */
    async price(): Promise<Price> {
      const { baseFeePerGas } = await client.getFeeHistory({ blockCount: 1, rewardPercentiles: [] })
      return { baseFee: baseFeePerGas.at(-1)!, tip: await client.estimateMaxPriorityFeePerGas() }
    },

    /** What the account has for gas, wei. */
    gasBalance: (): Promise<bigint> => client.getBalance({ address: account.address }),

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

    /**
     * The meters that got another key in some blocks, both ends included.
     * @throws Error where these are more blocks than one query may span.
     */
    async keyChanges(fromBlock: bigint, toBlock: bigint): Promise<ReadonlySet<Hex>> {
      if (toBlock - fromBlock > blocksPerQuery) throw new Error("These are too many blocks for one query.")
      const query = { eventName: "KeyChanged", fromBlock, toBlock } as const
      const logs = await client.getContractEvents({ ...(await registry()), ...query })
      return new Set(logs.flatMap(({ args }) => args.meterId ?? []))
    },

    /**
     * The keys of a meter after its first, in order: no key is a meter's twice, so that between two times with one key
     * there is no other.
     * @param known those that are known: no more is asked where the last of them, or the first key, still is the last.
     * @param at.block as the chain has it there. @param at.until that block's time or later, Unix seconds.
     */
    async laterKeys(
      meterId: Hex,
      known: { first: Hex; later: readonly LaterKey[] },
      at: { block: bigint; until: number },
    ): Promise<readonly LaterKey[]> {
      const call = { ...(await registry()), functionName: "keyAt", blockNumber: at.block } as const
      const keyAt = async (time: number): Promise<LaterKey> => {
        const [scheme, [x, y]] = await client.readContract({ ...call, args: [meterId, BigInt(time)] })
        const publicKey: Hex = scheme === Scheme.ed25519 ? x : `${x}${y.slice(2)}`
        return { scheme: scheme as Scheme, publicKey, from: time }
      }
      const changes = async (low: LaterKey, high: LaterKey): Promise<LaterKey[]> => {
        if (low.publicKey === high.publicKey) return []
        if (high.from - low.from === 1) return [high]
        const middle = await keyAt(Math.floor((low.from + high.from) / 2))
        return [...(await changes(low, middle)), ...(await changes(middle, high))]
      }
      const last = await keyAt(at.until + keysAhead)
      if (last.publicKey === (known.later.at(-1)?.publicKey ?? known.first)) return known.later
      return changes(await keyAt(0), last)
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
    async proposeCall(proposal: Proposal, signers: bigint, signatures: Hex): Promise<Call> {
      const call = { ...contract, functionName: "propose", args: [proposal, signers, signatures] } as const
      await client.simulateContract({ ...call, account }).catch(refused)
      return withGas(oracle, encodeFunctionData(call))
    },

    /** @throws when the contract would refuse it, with its reason. */
    async answerCall(
      site: number,
      number: bigint,
      statement: MeterStatement,
      reading: Uint8Array,
    ): Promise<Call> {
      const args = [site, number, statementArgument(statement), toHex(reading)] as const
      const call = { ...contract, functionName: "answer", args } as const
      await client.simulateContract({ ...call, account }).catch(refused)
      return withGas(oracle, encodeFunctionData(call))
    },

    /** @throws when the contract would refuse it. */
    async settleCall(site: number, number: bigint, part: SettlePart): Promise<Call> {
      const args = settleArguments(site, number, part)
      const { address, abi } = await issuance()
      return withGas(address, encodeFunctionData({ abi, functionName: "settle", args }))
    },

    /** Valid on this chain alone (EIP-155). */
    async sign({ to, data, gas }: Call, nonce: number, fees: Fees): Promise<SignedTransaction> {
      const raw = await account.signTransaction({ type: "eip1559", chainId, to, data, gas, nonce, ...fees })
      return { hash: keccak256(raw), raw }
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
    async settleAccountsCall(pool: Hex, number: bigint, part: AccountsPart): Promise<Call> {
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
      return withGas(pool, encodeFunctionData(call))
    },

    async send(raw: Hex): Promise<void> {
      await client.sendRawTransaction({ serializedTransaction: raw })
    },

    async receipt(hash: Hex): Promise<Receipt | undefined> {
      try {
        const receipt = await client.getTransactionReceipt({ hash })
        const { status, gasUsed, effectiveGasPrice } = receipt
        // Some nodes leave the price out.
        return { succeeded: status === "success", gasUsed, paidWei: gasUsed * (effectiveGasPrice ?? 0n) }
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError) return undefined
        throw error
      }
    },

    /** How a number got onto the chain, as far as the last blocks tell; undefined where they do not. */
    async carried(site: number, number: bigint): Promise<CarriedProposal | undefined> {
      const latest = await client.getBlockNumber()
      const [log] = await client.getContractEvents({
        ...contract,
        eventName: "Proposed",
        args: { site, number },
        fromBlock: latest > blocksPerQuery ? latest - blocksPerQuery : 0n,
      })
      if (!log) return undefined
      const { to, input } = await client.getTransaction({ hash: log.transactionHash })
      if (to?.toLowerCase() !== oracle) return undefined
      const { functionName, args } = decodeFunctionData({ abi: impactOracleAbi, data: input })
      if (functionName !== "propose") return undefined
      const [proposal, , packed] = args
      const signatures = packed.slice(2).match(/.{128}/g) ?? []
      return { proposal, signatures: signatures.map((hex): Hex => `0x${hex}`) }
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
