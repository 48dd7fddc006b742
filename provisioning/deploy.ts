import { type Abi, parseEventLogs } from "viem"
import { differenceOf } from "../contracts/code.ts"
import {
  addressesOf,
  type Contracts,
  type Creation,
  creationsOf,
  immutablesOf,
  poolCreation,
} from "../contracts/deploy.ts"
import { accessManagerAbi } from "../contracts/generated/accessManager.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { sharingPoolAbi } from "../contracts/generated/sharingPool.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { poolSettings, type Setting, settingsOf } from "./governance.ts"
import { govern, gwei, lower, mined, type Operator, send } from "./operator.ts"
import type { CommunityPlan } from "./plan.ts"

/** Where a community's contracts are, and from what that follows. */
export interface Deployment extends Contracts {
  chainId: number
  /** The account that deployed, and its nonce at the first contract: all addresses follow from these two. */
  deployer: Hex
  firstNonce: number
  /** The block before the first contract. */
  fromBlock: number
  /** The sharing pools by their sites. */
  pools: Record<string, Hex>
}

/** What a deployment by this account would be, if it began with its next transaction. */
export async function nextDeployment(operator: Operator): Promise<Deployment> {
  const deployer = lower(operator.account.address)
  const firstNonce = await operator.getTransactionCount({ address: deployer, blockTag: "latest" })
  const fromBlock = Number(await operator.getBlockNumber())
  const at = lowerAll(addressesOf(deployer, firstNonce))
  return { chainId: operator.chain.id, deployer, firstNonce, fromBlock, ...at, pools: {} }
}

function lowerAll(at: Contracts): Contracts {
  return Object.fromEntries(
    Object.entries(at).map(([name, address]) => [name, lower(address)]),
  ) as unknown as Contracts
}

/**
 * Deploys the contracts, and sets stakes, validators, commons and roles; what is there already is looked at and left.
 * The deploying account governs until the last step, in which the plan's governor does. Called again after a failure it
 * goes on where it stopped.
 * @param begun What `save` was given by a run that did not come to its end.
 * @param save is given the deployment before anything is sent.
 * @param say is told each step, for people.
 * @throws PersonError when a transaction is reverted, or another one took a contract's place.
 */
export async function deploy(
  operator: Operator,
  plan: CommunityPlan,
  {
    begun,
    save = () => {},
    say = () => {},
  }: { begun?: Deployment; save?: (deployment: Deployment) => void; say?: (line: string) => void } = {},
): Promise<Deployment> {
  const deployment = begun ?? (await nextDeployment(operator))
  if (deployment.chainId !== operator.chain.id)
    throw new PersonError(`The deployment was begun on chain ${deployment.chainId}.`, {
      context: [`The node is on chain ${operator.chain.id}.`],
      next: "Use another node, or another file for this chain.",
    })
  save(deployment)
  for (const [i, creation] of creations(deployment, plan).entries())
    await create(operator, deployment, creation, deployment.firstNonce + i, say)
  const waiting = await establish(operator, deployment.authority, settingsOf(plan, deployment), say)
  if (waiting > 0)
    throw new PersonError(`${waiting} settings are scheduled and not yet in force.`, {
      next: "Run the same command again when their time has come.",
    })
  await handOverTo(operator, deployment, plan, say)
  return deployment
}

/** The family as a plan wants it. */
export function creations(deployment: Deployment, plan: CommunityPlan): Creation[] {
  return creationsOf(deployment, { admin: deployment.deployer, ...plan })
}

async function create(
  operator: Operator,
  deployment: Deployment,
  { name, contract, data, runtime }: Creation,
  nonce: number,
  say: (line: string) => void,
): Promise<void> {
  const address = deployment[name]
  const code = (await operator.getCode({ address })) ?? "0x"
  if (code !== "0x") {
    const values = immutablesOf(deployment, name, { chainId: deployment.chainId, self: address })
    const differs = differenceOf(runtime, values, code)
    if (differs) throw new PersonError(`At the ${contract}'s address ${address}: ${differs}.`)
    say(`${contract} ${address}`)
    return
  }
  if (data === undefined) throw new PersonError(`There is no ${contract} at ${address}.`)
  const from = operator.account.address
  const next = await operator.getTransactionCount({ address: from, blockTag: "pending" })
  if (lower(from) !== deployment.deployer || next !== nonce)
    throw new PersonError(`The ${contract} cannot be deployed at its address any more.`, {
      context: [
        `It needs transaction ${nonce} of ${deployment.deployer}; the next of ${lower(from)} is ${next}.`,
      ],
      next: "Begin anew with another --out, best with an account that does nothing else. Nothing that was deployed can mint.",
    })
  await mined(operator, await operator.sendTransaction({ data, nonce }))
  say(`${contract} ${address} deployed`)
}

/** Makes what does not hold hold. @returns how much of it has to wait for a delay. */
async function establish(
  operator: Operator,
  authority: Hex,
  settings: readonly Setting[],
  say: (line: string) => void,
): Promise<number> {
  let waiting = 0
  for (const { says, differs, act, byAnyone } of settings) {
    if ((await differs(operator)) === undefined) continue
    const outcome = byAnyone ? { done: await send(operator, act) } : await govern(operator, authority, act)
    if ("done" in outcome) {
      say(says)
      continue
    }
    waiting++
    say(`${says}: scheduled for ${new Date(outcome.waitsUntil * 1000).toISOString()}`)
  }
  return waiting
}

/** The deploying account gives its power away; the plan's governor has it already. */
async function handOverTo(
  operator: Operator,
  { authority, deployer }: Deployment,
  plan: CommunityPlan,
  say: (line: string) => void,
): Promise<void> {
  const manager = { address: authority, abi: accessManagerAbi } as const
  if (plan.governor === deployer) return
  const [still] = await operator.readContract({ ...manager, functionName: "hasRole", args: [0n, deployer] })
  if (!still) return
  const says = `the deploying account ${deployer} governs no longer`
  await send(operator, {
    ...manager,
    abi: accessManagerAbi as Abi,
    says,
    functionName: "renounceRole",
    args: [0n, deployer],
  })
  say(says)
}

/** Opens a site for a gateway, with the stake that the rules want of it. @returns its number. */
export async function openSite(operator: Operator, deployment: Deployment, gateway: Hex): Promise<number> {
  const { authority, registry } = deployment
  const opened = await govern(operator, authority, {
    says: `a site operated by ${gateway}`,
    address: registry,
    abi: meterRegistryAbi,
    functionName: "openSite",
    args: [gateway],
  })
  if (!("done" in opened)) throw scheduled(opened.waitsUntil)
  const [event] = parseEventLogs({
    abi: meterRegistryAbi,
    eventName: "SiteOpened",
    logs: opened.done.logs,
  })
  const { site } = event!.args
  await stakeSite(operator, deployment, site)
  return site
}

/**
 * Adds what a site's stake lacks of what the rules want, after it was slashed or the rules changed.
 * @returns how much it was, wei. @throws PersonError when there is no such site.
 */
export async function stakeSite(
  operator: Operator,
  { registry, oracle, stakes }: Deployment,
  site: number,
): Promise<bigint> {
  await checkSite(operator, registry, site)
  const [, { siteStake }] = await operator.readContract({
    address: oracle,
    abi: impactOracleAbi,
    functionName: "rules",
  })
  const contract = { address: stakes, abi: stakesAbi } as const
  const { bonded } = await operator.readContract({ ...contract, functionName: "ofSite", args: [site] })
  const lacks = gwei(siteStake) > bonded ? gwei(siteStake) - bonded : 0n
  // Also where nothing lacks: only then the oracle has looked.
  const says = `the stake of site ${site}, ${lacks} wei more`
  await send(operator, { ...contract, says, functionName: "bondSite", args: [site], value: lacks })
  return lacks
}

async function checkSite(operator: Operator, registry: Hex, site: number): Promise<void> {
  const count = await operator.readContract({
    address: registry,
    abi: meterRegistryAbi,
    functionName: "siteCount",
  })
  if (site > count) throw new PersonError(`There is no site ${site}; ${count} were opened.`)
}

/**
 * Deploys the pool in which a site's households settle what they shared, and gives the operators the power over its
 * limits; done again, it does what is missing.
 * @param save is given the address as soon as there is one.
 * @returns its address, and whether that power waits for the governor's delay.
 */
export async function openPool(
  operator: Operator,
  deployment: Deployment,
  site: number,
  say: (line: string) => void,
  save: (pool: Hex) => void,
): Promise<{ pool: Hex; waits: boolean }> {
  let pool = deployment.pools[site]
  if (!pool) {
    await checkSite(operator, deployment.registry, site)
    const { data } = poolCreation(deployment, site)
    const { contractAddress } = await mined(operator, await operator.sendTransaction({ data }))
    pool = lower(contractAddress!)
    save(pool)
    say(`SharingPool of site ${site} ${pool} deployed`)
  }
  return {
    pool,
    waits:
      (await establish(operator, deployment.authority, poolSettings(deployment.authority, pool), say)) > 0,
  }
}

/** Sets how far households of a site may be in debt, token units. */
export async function setLimits(
  operator: Operator,
  { authority, pools }: Deployment,
  site: number,
  households: readonly Hex[],
  limit: bigint,
): Promise<void> {
  const pool = pools[site]
  if (!pool)
    throw new PersonError(`Site ${site} has no sharing pool.`, {
      next: `Open one: commonwatt provision pool --site ${site} …`,
    })
  const outcome = await govern(operator, authority, {
    says: `a limit of ${limit} for ${households.length} households of site ${site}`,
    address: pool,
    abi: sharingPoolAbi,
    functionName: "setLimits",
    args: [households, limit],
  })
  if (!("done" in outcome)) throw scheduled(outcome.waitsUntil)
}

/** For a command whose role has a delay. */
export function scheduled(until: number): PersonError {
  return new PersonError(`It is scheduled for ${new Date(until * 1000).toISOString()}, and not done yet.`, {
    next: "Give the same command again then.",
  })
}
