import { type Abi, type PublicClient, toFunctionSelector } from "viem"
import type { Contracts } from "../contracts/deploy.ts"
import { accessManagerAbi } from "../contracts/generated/accessManager.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { policyRegistryAbi } from "../contracts/generated/policyRegistry.ts"
import { sharingPoolAbi } from "../contracts/generated/sharingPool.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Act, gwei, lower } from "./operator.ts"
import type { CommunityPlan } from "./plan.ts"

export type Reader = Pick<
  PublicClient,
  "readContract" | "getCode" | "getContractEvents" | "getTransactionReceipt"
>

/** Roles of the AccessManager. 0 governs the AccessManager itself. */
export const roles = { governor: 0n, suspender: 1n, guardian: 2n, operator: 3n, community: 4n } as const
export type RoleName = keyof typeof roles

/** Who may call what: every function that the AccessManager governs, once. */
export const functionRoles: readonly { role: RoleName; of: keyof Contracts | "pool"; functions: string[] }[] =
  [
    { role: "suspender", of: "registry", functions: ["suspend"] },
    { role: "guardian", of: "oracle", functions: ["cancel"] },
    { role: "guardian", of: "registry", functions: ["setStatus", "withdrawRecovery"] },
    { role: "guardian", of: "policy", functions: ["withdraw"] },
    { role: "guardian", of: "issuance", functions: ["withdrawSuccessor"] },
    {
      role: "operator",
      of: "registry",
      functions: ["openSite", "register", "setRatedPower", "restart", "move", "end", "replace", "rotate"],
    },
    { role: "operator", of: "pool", functions: ["setLimits"] },
    { role: "community", of: "registry", functions: ["handOver", "announceRecovery"] },
    { role: "community", of: "oracle", functions: ["setValidators"] },
    { role: "community", of: "policy", functions: ["announce"] },
    { role: "community", of: "issuance", functions: ["announceSuccessor", "setCommons"] },
  ]

const abis: Partial<Record<keyof Contracts | "pool", Abi>> = {
  registry: meterRegistryAbi,
  oracle: impactOracleAbi,
  policy: policyRegistryAbi,
  issuance: issuanceAbi,
  pool: sharingPoolAbi,
}

export function selectorsOf(of: keyof Contracts | "pool", functions: readonly string[]): Hex[] {
  return functions.map((name) => {
    const item = abis[of]?.find((one) => one.type === "function" && one.name === name)
    if (item?.type !== "function") throw new Error(`${of} has no function ${name}`)
    return toFunctionSelector(item)
  })
}

/** Who has which role, with which delay in seconds. */
export function membersOf(plan: CommunityPlan, { oracle }: Pick<Contracts, "oracle">) {
  const member = (role: RoleName, account: Hex, delay = 0) => ({ role, account: lower(account), delay })
  return [
    member("suspender", oracle),
    member("suspender", plan.guardian),
    member("guardian", plan.guardian),
    ...plan.operators.map((one) => member("operator", one, plan.delays.operators)),
    member("community", plan.community, plan.delays.community),
    member("governor", plan.governor, plan.delays.governor),
  ]
}

/** One thing that must hold on chain: what it is, whether it does, and what makes it so. */
export interface Setting {
  /** Name and wanted value, for people. */
  says: string
  /** @returns undefined if it holds, otherwise what is there instead. */
  differs(client: Reader): Promise<string | undefined>
  act: Act
  /** Whether anyone may do it, without the AccessManager. */
  byAnyone?: true
}

/** All that is set after the contracts are there, in an order in which it can be done. */
export function settingsOf(plan: CommunityPlan, at: Contracts): Setting[] {
  return [
    ...plan.validators.map((validator) => stakeOf(plan, at, validator)),
    validatorsOf(plan, at),
    commonsOf(plan, at),
    ...functionRoles.flatMap(({ role, of, functions }) =>
      of === "pool" ? [] : [roleOf(at.authority, at[of], of, role, functions)],
    ),
    roleGuardian(at, "community"),
    roleGuardian(at, "operator"),
    ...membersOf(plan, at).map((member) => memberOf(at, member)),
  ]
}

/** The one setting of a pool. */
export function poolSettings(authority: Hex, pool: Hex): Setting[] {
  return functionRoles.flatMap(({ role, of, functions }) =>
    of === "pool" ? [roleOf(authority, pool, of, role, functions)] : [],
  )
}

function stakeOf({ rules }: CommunityPlan, { stakes }: Contracts, validator: Hex): Setting {
  const wanted = gwei(rules.validatorStake)
  const bonded = async (client: Reader) =>
    (
      await client.readContract({
        address: stakes,
        abi: stakesAbi,
        functionName: "ofValidator",
        args: [validator],
      })
    ).bonded
  const says = `stake of validator ${validator}: at least ${rules.validatorStake} gwei`
  return {
    says,
    async differs(client) {
      const has = await bonded(client)
      return has < wanted ? `it has ${has / 1_000_000_000n} gwei` : undefined
    },
    act: {
      says,
      address: stakes,
      abi: stakesAbi,
      functionName: "bondValidator",
      args: [validator],
      value: wanted,
    },
    byAnyone: true,
  }
}

function validatorsOf({ validators, threshold }: CommunityPlan, { oracle }: Contracts): Setting {
  const says = `validators: ${threshold} of ${validators.length} must sign`
  return {
    says,
    async differs(client) {
      const [, addresses, needed] = await client.readContract({
        address: oracle,
        abi: impactOracleAbi,
        functionName: "validators",
      })
      const same = addresses.map(lower).join() === validators.join() && needed === threshold
      return same ? undefined : `there are ${needed} of ${addresses.map(lower).join(", ") || "none"}`
    },
    act: {
      says,
      address: oracle,
      abi: impactOracleAbi,
      functionName: "setValidators",
      args: [validators, threshold],
    },
  }
}

const nobody = `0x${"00".repeat(20)}` as const

function commonsOf({ commons = nobody }: CommunityPlan, { issuance }: Contracts): Setting {
  const contract = { address: issuance, abi: issuanceAbi } as const
  const says = `commons: ${commons === nobody ? "nobody" : commons}`
  return {
    says,
    async differs(client) {
      const set = lower(await client.readContract({ ...contract, functionName: "commons" }))
      return set === commons ? undefined : `it is ${set}`
    },
    act: { ...contract, says, functionName: "setCommons", args: [commons] },
  }
}

function roleOf(
  authority: Hex,
  target: Hex,
  of: keyof Contracts | "pool",
  role: RoleName,
  functions: string[],
): Setting {
  const manager = { address: authority, abi: accessManagerAbi } as const
  const says = `${role}: may call ${functions.join(", ")} of the ${of}`
  const selectors = selectorsOf(of, functions)
  return {
    says,
    async differs(client) {
      const set = await Promise.all(
        selectors.map((selector) =>
          client.readContract({
            ...manager,
            functionName: "getTargetFunctionRole",
            args: [target, selector],
          }),
        ),
      )
      const others = functions.flatMap((name, i) =>
        set[i] === roles[role] ? [] : [`${name} is for role ${set[i]}`],
      )
      return others.length === 0 ? undefined : others.join(", ")
    },
    act: {
      ...manager,
      says,
      functionName: "setTargetFunctionRole",
      args: [target, selectors, roles[role]],
    },
  }
}

function roleGuardian({ authority }: Contracts, role: RoleName): Setting {
  const manager = { address: authority, abi: accessManagerAbi } as const
  const says = `guardian: may cancel what the ${role} role has scheduled`
  return {
    says,
    async differs(client) {
      const set = await client.readContract({
        ...manager,
        functionName: "getRoleGuardian",
        args: [roles[role]],
      })
      return set === roles.guardian ? undefined : `role ${set} may`
    },
    act: { ...manager, says, functionName: "setRoleGuardian", args: [roles[role], roles.guardian] },
  }
}

function memberOf(
  { authority }: Contracts,
  { role, account, delay }: { role: RoleName; account: Hex; delay: number },
): Setting {
  const manager = { address: authority, abi: accessManagerAbi } as const
  const says = `role ${role}: ${account}, delay ${delay} s`
  return {
    says,
    async differs(client) {
      const [since, set, pending, effect] = await client.readContract({
        ...manager,
        functionName: "getAccess",
        args: [roles[role], account],
      })
      if (since === 0) return "it does not have the role"
      if (set !== delay) return `its delay is ${set} s`
      return effect === 0 ? undefined : `its delay will be ${pending} s`
    },
    act: { ...manager, says, functionName: "grantRole", args: [roles[role], account, delay] },
  }
}
