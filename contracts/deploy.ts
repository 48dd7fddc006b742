import {
  type Account,
  type Address,
  type Chain,
  getContractAddress,
  type Hex,
  type PublicActions,
  type Transport,
  type WalletClient,
} from "viem"
import { accessManagerAbi, accessManagerBytecode } from "./generated/accessManager.ts"
import { greenTokenAbi, greenTokenBytecode } from "./generated/greenToken.ts"
import { impactOracleAbi, impactOracleBytecode } from "./generated/impactOracle.ts"
import { meterRegistryAbi, meterRegistryBytecode } from "./generated/meterRegistry.ts"

/** A viem wallet client that can also read: `createWalletClient(…).extend(publicActions)`. */
export type Deployer = WalletClient<Transport, Chain, Account> & PublicActions<Transport, Chain, Account>

/** Where a community's contracts are. */
export interface Deployment {
  accessManager: Address
  meterRegistry: Address
  greenToken: Address
  impactOracle: Address
}

/**
 * Deploys a community's contracts, in four transactions that must be the account's next ones: the token is told the
 * oracle's address before the oracle exists. If another transaction comes between, the oracle's deployment reverts
 * (`TokenMintedElsewhere`) and nothing that could mint is left.
 *
 * Afterwards the governor opens a site, registers its meters, and names the validators; the rules start at a window of
 * one day and a headroom of 10 %.
 *
 * @param governor Who governs the AccessManager at first; the deploying account if left out.
 * @example const { impactOracle } = await deploy(createWalletClient({ account, chain, transport }).extend(publicActions))
 */
export async function deploy(
  client: Deployer,
  governor: Address = client.account.address,
): Promise<Deployment> {
  const deployed = async (hash: Hex): Promise<Address> => {
    const { status, contractAddress } = await client.waitForTransactionReceipt({ hash })
    if (status !== "success" || !contractAddress)
      throw new Error(`The deployment in transaction ${hash} reverted.`)
    return contractAddress
  }
  const accessManager = await deployed(
    await client.deployContract({ abi: accessManagerAbi, bytecode: accessManagerBytecode, args: [governor] }),
  )
  const meterRegistry = await deployed(
    await client.deployContract({
      abi: meterRegistryAbi,
      bytecode: meterRegistryBytecode,
      args: [accessManager],
    }),
  )
  const from = client.account.address
  const nonce = await client.getTransactionCount({ address: from, blockTag: "pending" })
  const oracle = getContractAddress({ from, nonce: BigInt(nonce) + 1n })
  const greenToken = await deployed(
    await client.deployContract({ abi: greenTokenAbi, bytecode: greenTokenBytecode, args: [oracle], nonce }),
  )
  const impactOracle = await deployed(
    await client.deployContract({
      abi: impactOracleAbi,
      bytecode: impactOracleBytecode,
      args: [accessManager, meterRegistry, greenToken],
      nonce: nonce + 1,
    }),
  )
  return { accessManager, meterRegistry, greenToken, impactOracle }
}
