import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { policyRegistryAbi } from "../contracts/generated/policyRegistry.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Deployment, scheduled } from "./deploy.ts"
import { settingsOf } from "./governance.ts"
import { type Act, govern, type Operator, send } from "./operator.ts"
import type { CommunityPlan } from "./plan.ts"

async function decide(operator: Operator, { authority }: Deployment, act: Act): Promise<void> {
  const outcome = await govern(operator, authority, act)
  if (!("done" in outcome)) throw scheduled(outcome.waitsUntil)
}

const at = (time: number) => new Date(time * 1000).toISOString().replace(".000Z", "Z")

/** Announces the rules of a plan as the next version, in force from `from` on (Unix seconds, at least seven days ahead). */
export async function announcePolicy(
  operator: Operator,
  deployment: Deployment,
  { rules, sharingKey, methodology }: CommunityPlan,
  from: number,
): Promise<void> {
  await decide(operator, deployment, {
    says: `the plan's rules are in force from ${at(from)} on`,
    address: deployment.policy,
    abi: policyRegistryAbi,
    functionName: "announce",
    args: [{ rules, sharingKey, methodology }, BigInt(from)],
  })
}

/** Takes back a version that is not in force yet. */
export async function withdrawPolicy(
  operator: Operator,
  deployment: Deployment,
  version: number,
): Promise<void> {
  await decide(operator, deployment, {
    says: `version ${version} of the rules is taken back`,
    address: deployment.policy,
    abi: policyRegistryAbi,
    functionName: "withdraw",
    args: [version],
  })
}

/** Tells the oracle to take over the rules in force; anyone may. */
export async function updateRules(operator: Operator, { oracle }: Deployment): Promise<void> {
  await send(operator, {
    says: "the oracle takes over the rules in force",
    address: oracle,
    abi: impactOracleAbi,
    functionName: "updateRules",
    args: [],
  })
}

/** Stakes for the plan's validators what they lack, and names them. @returns what was done, for people. */
export async function nameValidators(
  operator: Operator,
  deployment: Deployment,
  plan: CommunityPlan,
): Promise<string[]> {
  const done: string[] = []
  for (const { says, differs, act, byAnyone } of settingsOf(plan, deployment)) {
    const { functionName } = act
    if (functionName !== "bondValidator" && functionName !== "setValidators") continue
    if ((await differs(operator)) === undefined) continue
    if (byAnyone) await send(operator, act)
    else await decide(operator, deployment, act)
    done.push(says)
  }
  return done
}

/** Announces the oracle's successor, takes the announcement back, or lets it succeed once its time has come. */
export async function succession(
  operator: Operator,
  deployment: Deployment,
  step: { announce: Hex } | "withdraw" | "finish",
): Promise<void> {
  const issuance = { address: deployment.issuance, abi: issuanceAbi } as const
  if (step === "finish")
    return void (await send(operator, {
      ...issuance,
      says: "the announced oracle succeeds",
      functionName: "succeed",
      args: [],
    }))
  if (step === "withdraw")
    return decide(operator, deployment, {
      ...issuance,
      says: "no oracle succeeds",
      functionName: "withdrawSuccessor",
      args: [],
    })
  return decide(operator, deployment, {
    ...issuance,
    says: `the oracle ${step.announce} succeeds`,
    functionName: "announceSuccessor",
    args: [step.announce],
  })
}

/** What is in force, announced and in office. */
export async function standing(
  operator: Pick<Operator, "readContract">,
  { policy, oracle, issuance }: Deployment,
) {
  const rules = { address: policy, abi: policyRegistryAbi } as const
  const minting = { address: issuance, abi: issuanceAbi } as const
  const [[inForce], latest, [version, validators, threshold], inOffice, successor, successionAt] =
    await Promise.all([
      operator.readContract({ ...rules, functionName: "inForce" }),
      operator.readContract({ ...rules, functionName: "latest" }),
      operator.readContract({ address: oracle, abi: impactOracleAbi, functionName: "validators" }),
      operator.readContract({ ...minting, functionName: "oracle" }),
      operator.readContract({ ...minting, functionName: "successor" }),
      operator.readContract({ ...minting, functionName: "successionAt" }),
    ])
  const activeFrom = await operator.readContract({ ...rules, functionName: "activeFrom", args: [latest] })
  return {
    policy: { inForce, latest, latestFrom: activeFrom === 2n ** 64n - 1n ? undefined : Number(activeFrom) },
    validators: { version, addresses: validators, threshold },
    oracle: { inOffice, successor: successionAt === 0n ? undefined : successor, from: Number(successionAt) },
  }
}
