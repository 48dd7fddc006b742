import {
  type Account,
  type Address,
  type Chain,
  getContractAddress,
  type Hex,
  type PublicActions,
  type Transport,
  toFunctionSelector,
  type WalletClient,
  zeroAddress,
} from "viem"
import { accessManagerAbi, accessManagerBytecode } from "./generated/accessManager.ts"
import { certificatesAbi, certificatesBytecode } from "./generated/certificates.ts"
import { greenTokenAbi, greenTokenBytecode } from "./generated/greenToken.ts"
import { impactOracleAbi, impactOracleBytecode } from "./generated/impactOracle.ts"
import { issuanceAbi, issuanceBytecode } from "./generated/issuance.ts"
import { meterRegistryAbi, meterRegistryBytecode } from "./generated/meterRegistry.ts"
import { policyRegistryAbi, policyRegistryBytecode } from "./generated/policyRegistry.ts"
import { readingVerifierAbi, readingVerifierBytecode } from "./generated/readingVerifier.ts"

/** A viem wallet client that can also read: `createWalletClient(…).extend(publicActions)`. */
export type Deployer = WalletClient<Transport, Chain, Account> & PublicActions<Transport, Chain, Account>

/** Where a community's contracts are. */
export interface Deployment {
  accessManager: Address
  readingVerifier: Address
  policyRegistry: Address
  meterRegistry: Address
  greenToken: Address
  certificates: Address
  issuance: Address
  impactOracle: Address
  stakes: Address
}

/** The rules of version 1. Fractions are in 1/10,000, times in seconds, amounts in gwei of the chain's coin. */
export interface Rules {
  challengeWindow: number
  answerTime: number
  headroom: number
  gatewayHeadroom: number
  meterFactor: number
  gatewayFactor: number
  commonsShare: number
  bond: number
  siteStake: number
  validatorStake: number
}

/** A day to challenge, half a day to answer, 10 % of headroom, every Wh minted in full, no commons, no stakes. */
export const plainRules: Rules = {
  challengeWindow: 86_400,
  answerTime: 43_200,
  headroom: 1000,
  gatewayHeadroom: 1000,
  meterFactor: 10_000,
  gatewayFactor: 10_000,
  commonsShare: 0,
  bond: 0,
  siteStake: 0,
  validatorStake: 0,
}

/** The AccessManager's role of an oracle, which may suspend meters. */
export const oracleRole = 1n

/**
 * Deploys a community's contracts, in transactions that must be the account's next ones: the tokens are told the
 * issuance's address, and the issuance the oracle's, before those exist. If another transaction comes between, the
 * issuance's deployment reverts (`TokenMintedElsewhere`), or the issuance listens to an address without code; either
 * way nothing is left that could mint. Deployed first by a fresh account, the addresses are the same on every chain.
 *
 * Afterwards the oracle is given its role, and the governor opens sites, registers meters, and names the validators.
 *
 * @param governor Who governs the AccessManager at first; the deploying account if left out, which alone can give the
 * oracle its role here.
 * @example const { impactOracle } = await deploy(createWalletClient({ account, chain, transport }).extend(publicActions))
 */
export async function deploy(
  client: Deployer,
  { rules = plainRules, sharingKey = zero, methodology = zero, governor = client.account.address }: {
    rules?: Rules
    sharingKey?: Hex
    methodology?: Hex
    governor?: Address
  } = {},
): Promise<Deployment> {
  const from = client.account.address
  let nonce = await client.getTransactionCount({ address: from, blockTag: "pending" })
  const addressAfter = (more: number) => getContractAddress({ from, nonce: BigInt(nonce + more) })
  const deployed = async (hash: Hex): Promise<Address> => {
    const { status, contractAddress } = await client.waitForTransactionReceipt({ hash })
    if (status !== "success" || !contractAddress)
      throw new Error(`The deployment in transaction ${hash} reverted.`)
    nonce++
    return contractAddress
  }
  const accessManager = await deployed(
    await client.deployContract({
      abi: accessManagerAbi,
      bytecode: accessManagerBytecode,
      args: [governor],
      nonce,
    }),
  )
  const readingVerifier = await deployed(
    await client.deployContract({ abi: readingVerifierAbi, bytecode: readingVerifierBytecode, nonce }),
  )
  const policyRegistry = await deployed(
    await client.deployContract({
      abi: policyRegistryAbi,
      bytecode: policyRegistryBytecode,
      args: [accessManager, { rules, sharingKey, methodology }],
      nonce,
    }),
  )
  const meterRegistry = await deployed(
    await client.deployContract({
      abi: meterRegistryAbi,
      bytecode: meterRegistryBytecode,
      args: [accessManager],
      nonce,
    }),
  )
  const [tokensMinter, firstOracle] = [addressAfter(2), addressAfter(3)]
  const greenToken = await deployed(
    await client.deployContract({
      abi: greenTokenAbi,
      bytecode: greenTokenBytecode,
      args: [tokensMinter],
      nonce,
    }),
  )
  const certificates = await deployed(
    await client.deployContract({
      abi: certificatesAbi,
      bytecode: certificatesBytecode,
      args: [tokensMinter],
      nonce,
    }),
  )
  const issuance = await deployed(
    await client.deployContract({
      abi: issuanceAbi,
      bytecode: issuanceBytecode,
      args: [accessManager, meterRegistry, greenToken, certificates, firstOracle],
      nonce,
    }),
  )
  const impactOracle = await deployed(
    await client.deployContract({
      abi: impactOracleAbi,
      bytecode: impactOracleBytecode,
      args: [accessManager, issuance, policyRegistry, readingVerifier, zeroAddress],
      nonce,
    }),
  )
  const stakes = await client.readContract({
    address: impactOracle,
    abi: impactOracleAbi,
    functionName: "stakes",
  })
  const done = async (hash: Hex) => {
    const { status } = await client.waitForTransactionReceipt({ hash })
    if (status !== "success") throw new Error(`Transaction ${hash} reverted.`)
  }
  if (governor === from) {
    const manager = { address: accessManager, abi: accessManagerAbi } as const
    const suspend = toFunctionSelector("suspend(bytes32)")
    const roleArgs = [meterRegistry, [suspend], oracleRole] as const
    await done(
      await client.writeContract({ ...manager, functionName: "setTargetFunctionRole", args: roleArgs }),
    )
    const grant = [oracleRole, impactOracle, 0] as const
    await done(await client.writeContract({ ...manager, functionName: "grantRole", args: grant }))
  }
  return {
    accessManager,
    readingVerifier,
    policyRegistry,
    meterRegistry,
    greenToken,
    certificates,
    issuance,
    impactOracle,
    stakes,
  }
}

const zero = `0x${"00".repeat(32)}` as const
