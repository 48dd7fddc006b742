import { ContractFunctionExecutionError, HttpRequestError, TimeoutError } from "viem"
import { differenceOf } from "../contracts/code.ts"
import { type Contracts, immutablesOf, poolCreation, type Rules } from "../contracts/deploy.ts"
import { accessManagerAbi } from "../contracts/generated/accessManager.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { policyRegistryAbi } from "../contracts/generated/policyRegistry.ts"
import type { Hex } from "../protocol/hex.ts"
import { creations, type Deployment } from "./deploy.ts"
import { membersOf, poolSettings, type Reader, type RoleName, roles, settingsOf } from "./governance.ts"
import { lower } from "./operator.ts"
import type { CommunityPlan } from "./plan.ts"

/** One thing that was looked at: what it should be, and what it is instead, if it is not. */
export interface Finding {
  says: string
  differs: string | undefined
}

/** Compares what is on chain with the plan and with the code that the contracts compile to. Changes nothing. */
export async function* checkDeployment(
  client: Reader & { getChainId(): Promise<number> },
  deployment: Deployment,
  plan: CommunityPlan,
): AsyncGenerator<Finding> {
  const chainId = await client.getChainId()
  yield finding(
    `chain ${deployment.chainId}`,
    chainId === deployment.chainId,
    `the node is on chain ${chainId}`,
  )
  if (chainId !== deployment.chainId) return
  yield* codes(client, deployment, plan)
  // Without it nothing is governed, and that was said.
  if (((await client.getCode({ address: deployment.authority })) ?? "0x") === "0x") return
  yield* authorities(client, deployment)
  yield* office(client, deployment)
  yield* rulesInForce(client, deployment, plan)
  const pools = Object.values(deployment.pools).flatMap((pool) => poolSettings(deployment.authority, pool))
  for (const { says, differs } of [...settingsOf(plan, deployment), ...pools])
    yield { says, differs: await readable(differs(client), "it cannot be read") }
  yield* nobodyElse(client, deployment, plan)
}

function finding(says: string, holds: boolean, differs: string): Finding {
  return { says, differs: holds ? undefined : differs }
}

/** What a contract answers, or something else where it has no such answer; a node that is gone is an error. */
async function readable<T, E>(answer: Promise<T>, otherwise: E): Promise<T | E> {
  return answer.catch((error: unknown) => {
    const contracts =
      error instanceof ContractFunctionExecutionError &&
      !error.walk((one) => one instanceof HttpRequestError || one instanceof TimeoutError)
    if (!contracts) throw error
    return otherwise
  })
}

/** Every byte on chain, immutables included. */
async function* codes(client: Reader, deployment: Deployment, plan: CommunityPlan): AsyncGenerator<Finding> {
  const { chainId } = deployment
  for (const { name, contract, runtime } of creations(deployment, plan)) {
    const self = deployment[name]
    const code = (await client.getCode({ address: self })) ?? "0x"
    const values = immutablesOf(deployment, name, { chainId, self })
    yield { says: `${contract}: code at ${self}`, differs: differenceOf(runtime, values, code) }
  }
  for (const [site, self] of Object.entries(deployment.pools)) {
    const { runtime } = poolCreation(deployment, Number(site))
    const code = (await client.getCode({ address: self })) ?? "0x"
    const values = immutablesOf(deployment, "pool", { chainId, self, site: Number(site) })
    yield {
      says: `SharingPool of site ${site}: code at ${self}`,
      differs: differenceOf(runtime, values, code),
    }
  }
}

const governed = ["policy", "registry", "issuance", "oracle"] as const satisfies (keyof Contracts)[]

async function* authorities(client: Reader, deployment: Deployment): AsyncGenerator<Finding> {
  const manager = { address: deployment.authority, abi: accessManagerAbi } as const
  const targets = [
    ...governed.map((name) => ({ name: name as string, address: deployment[name] })),
    ...Object.entries(deployment.pools).map(([site, address]) => ({ name: `pool of site ${site}`, address })),
  ]
  for (const { name, address } of targets) {
    // AccessManaged: the same in each of them.
    const says = `${name}: governed by the AccessManager, and open`
    const asked = client.readContract({ address, abi: issuanceAbi, functionName: "authority" })
    const authority = lower(await readable(asked, "nobody"))
    const closed = await client.readContract({ ...manager, functionName: "isTargetClosed", args: [address] })
    const delay = await client.readContract({
      ...manager,
      functionName: "getTargetAdminDelay",
      args: [address],
    })
    if (authority !== deployment.authority) yield { says, differs: `its authority is ${authority}` }
    else if (closed) yield { says, differs: "it is closed: nobody may call what is governed" }
    else yield finding(says, delay === 0, `its governor has a delay of ${delay} s more`)
  }
}

const nobody = `0x${"00".repeat(20)}`

async function* office(client: Reader, { issuance, oracle }: Deployment): AsyncGenerator<Finding> {
  const contract = { address: issuance, abi: issuanceAbi } as const
  const [inOffice, successor] = await Promise.all([
    readable(client.readContract({ ...contract, functionName: "oracle" }), "nobody"),
    readable(client.readContract({ ...contract, functionName: "successor" }), nobody),
  ])
  yield finding(
    `issuance: listens to the oracle ${oracle}`,
    lower(inOffice) === oracle,
    `it listens to ${lower(inOffice)}`,
  )
  yield finding(
    "issuance: no successor is announced",
    successor === nobody,
    `${lower(successor)} is announced`,
  )
}

async function* rulesInForce(
  client: Reader,
  { oracle, policy }: Deployment,
  plan: CommunityPlan,
): AsyncGenerator<Finding> {
  const contract = { address: policy, abi: policyRegistryAbi } as const
  const versions = async () => {
    const [inForce] = await client.readContract({ ...contract, functionName: "inForce" })
    const latest = await client.readContract({ ...contract, functionName: "latest" })
    const [taken, rules] = await client.readContract({
      address: oracle,
      abi: impactOracleAbi,
      functionName: "rules",
    })
    const full = await client.readContract({ ...contract, functionName: "policy", args: [inForce] })
    return { inForce, latest, taken, rules, full }
  }
  const read = await readable(versions(), undefined)
  if (!read) return yield { says: "rules", differs: "they cannot be read" }
  const { inForce, latest, taken, rules, full } = read
  for (const name of Object.keys(plan.rules) as (keyof Rules)[])
    yield finding(
      `rule ${name}: ${plan.rules[name]}`,
      rules[name] === plan.rules[name],
      `it is ${rules[name]}`,
    )
  yield finding(
    `sharing key ${plan.sharingKey}`,
    full.sharingKey === plan.sharingKey,
    `it is ${full.sharingKey}`,
  )
  yield finding(
    `methodology ${plan.methodology}`,
    full.methodology === plan.methodology,
    `it is ${full.methodology}`,
  )
  yield finding(
    "policy: the oracle goes by the version in force, and no other is announced",
    inForce === latest && taken === inForce,
    `the oracle goes by version ${taken}, ${inForce} is in force, ${latest} was announced last`,
  )
}

/** By the events: the AccessManager lists no members. */
async function* nobodyElse(
  client: Reader,
  deployment: Deployment,
  plan: CommunityPlan,
): AsyncGenerator<Finding> {
  const manager = { address: deployment.authority, abi: accessManagerAbi } as const
  const planned = membersOf(plan, deployment)
  const granted = await client.getContractEvents({
    ...manager,
    eventName: "RoleGranted",
    fromBlock: BigInt(deployment.fromBlock),
  })
  const [first] = granted
  const birth = first && (await client.getTransactionReceipt({ hash: first.transactionHash }))
  const fromTheStart = lower(birth?.contractAddress ?? nobody) === deployment.authority
  yield finding(
    "roles: seen from the first that was given",
    fromTheStart,
    `not since block ${deployment.fromBlock}`,
  )
  for (const [name, id] of Object.entries(roles) as [RoleName, bigint][]) {
    const expected = new Set(planned.filter(({ role }) => role === name).map(({ account }) => account))
    const strangers: Hex[] = []
    for (const account of new Set(
      granted.filter(({ args }) => args.roleId === id).map(({ args }) => lower(args.account!)),
    )) {
      if (expected.has(account)) continue
      // Also who has it from a later time on.
      const [since] = await client.readContract({
        ...manager,
        functionName: "getAccess",
        args: [id, account],
      })
      if (since !== 0) strangers.push(account)
    }
    const admin = await client.readContract({ ...manager, functionName: "getRoleAdmin", args: [id] })
    yield finding(`role ${name}: given by the governor`, admin === roles.governor, `given by role ${admin}`)
    yield finding(
      `role ${name}: nobody else has it`,
      strangers.length === 0,
      `${strangers.join(", ")} has it`,
    )
  }
  const known = new Set<bigint>(Object.values(roles))
  const others = new Set(granted.flatMap(({ args }) => (known.has(args.roleId!) ? [] : [args.roleId!])))
  yield finding("roles: there are no others", others.size === 0, `role ${[...others].join(", ")} was granted`)
}
