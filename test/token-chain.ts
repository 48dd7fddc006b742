import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { accounts } from "../demo/plan.ts"
import { claimHash, claimText } from "../protocol/claim.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Intent, typedDataDigest, typedDataOf } from "../protocol/intent.ts"
import { deploy } from "../provisioning/deploy.ts"
import { connectOperator } from "../provisioning/operator.ts"
import { startTestChain } from "./chain.ts"
import { testPlan } from "./community.ts"

/** A real chain with a community's contracts, and households that hold GREEN. */
export async function startTokenChain() {
  const chain = await startTestChain()
  const { client, rpc } = chain
  const operator = await connectOperator(rpc, accounts.operator.key)
  const plan = testPlan({ validators: accounts.validators.map(({ address }) => address), threshold: 2 })
  const { oracle, token, retirements, issuance } = await deploy(operator, plan)
  const contracts = { chainId: 31_337, token, retirements }
  await client.impersonateAccount({ address: issuance })
  await client.setBalance({ address: issuance, value: 10n ** 18n })

  const now = async () => Number((await client.getBlock()).timestamp)

  /** GREEN for an account, as if its meters had been paid for. */
  const mint = (address: Hex, wh: bigint) =>
    client.writeContract({
      address: token,
      abi: greenTokenAbi,
      functionName: "mint",
      args: [[(wh << 160n) | BigInt(address)]],
      account: issuance,
      chain: null,
    })

  return {
    ...chain,
    at: { chainId: 31_337, oracle },
    contracts,
    now,
    mint,
    balanceOf: (address: Hex) =>
      client.readContract({ address: token, abi: greenTokenAbi, functionName: "balanceOf", args: [address] }),

    async household(wh = 5_000n) {
      const account = privateKeyToAccount(generatePrivateKey())
      const address = account.address.toLowerCase() as Hex
      await mint(address, wh)
      const household = {
        address,
        account,
        async send(over: Partial<Intent> = {}) {
          const nonce = `${generatePrivateKey().slice(0, 50)}${"0".repeat(16)}` as Hex
          const common = { from: address, to: neighbour, wh: 1_000n, until: (await now()) + 86_400, nonce }
          const intent = { kind: "send", ...common, ...over } as Intent
          const signature = await account.sign({ hash: typedDataDigest(typedDataOf(intent, contracts)) })
          return { intent, signature, claim: undefined as string | undefined }
        },
        async retire(wh: bigint) {
          const claim = claimText({ beneficiary: "The school", reason: "Its festival", salt: "0".repeat(32) })
          const signed = await household.send({
            kind: "retire",
            wh,
            statement: claimHash(claim),
          } as Partial<Intent>)
          return { ...signed, claim }
        },
      }
      return household
    },
  }
}

/** Somebody who is paid. */
export const neighbour: Hex = "0x00000000000000000000000000000000000000aa"
