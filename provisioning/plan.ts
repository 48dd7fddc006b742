import { keccak256, stringToHex } from "viem"
import { parse } from "yaml"
import { z } from "zod"
import type { Rules } from "../contracts/deploy.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be an address: 0x and 40 hexadecimal digits")
  .transform((text) => text.toLowerCase() as Hex)
/** A digest as it is, or of a name. */
const digest = z
  .string()
  .min(1)
  .transform((text) =>
    /^0x[0-9a-f]{64}$/i.test(text) ? (text.toLowerCase() as Hex) : keccak256(stringToHex(text)),
  )
const seconds = z.int().min(0).max(4_000_000_000)
/** Parts of 10,000. */
const fraction = (most: number) => z.int().min(0).max(most)
/** Whole gwei, at most what the contract's 40 bits hold: 1,099 of the chain's coin. */
const amount = z
  .int()
  .min(0)
  .max(2 ** 40 - 1)

const day = 86_400

const rulesShape = z.strictObject({
  challengeWindow: z
    .int()
    .min(1)
    .max(14 * day)
    .default(day),
  answerTime: z
    .int()
    .min(60)
    .max(7 * day)
    .default(day / 2),
  headroom: fraction(10_000).default(1000),
  gatewayHeadroom: fraction(10_000).default(1000),
  meterFactor: fraction(10_000).default(10_000),
  gatewayFactor: fraction(10_000).default(10_000),
  commonsShare: fraction(5000).default(0),
  bond: amount,
  siteStake: amount,
  validatorStake: amount,
})

const planShape = z
  .strictObject({
    governor: address,
    community: address.optional(),
    guardian: address,
    operators: z.array(address).min(1),
    delays: z.strictObject({
      governor: seconds,
      community: seconds,
      operators: seconds.default(0),
    }),
    validators: z.array(address).min(1).max(255),
    threshold: z.int().min(1),
    rules: rulesShape,
    sharingKey: digest.default(`0x${"00".repeat(32)}`),
    methodology: digest.default(`0x${"00".repeat(32)}`),
    commons: address.optional(),
  })
  .superRefine((plan, context) => {
    const wrong = (path: (string | number)[], message: string) =>
      context.addIssue({ code: "custom", path, message })
    if (new Set(plan.validators).size !== plan.validators.length)
      wrong(["validators"], "a validator is named twice")
    if (new Set(plan.operators).size !== plan.operators.length)
      wrong(["operators"], "an operator is named twice")
    if (plan.threshold > plan.validators.length)
      wrong(["threshold"], `there are only ${plan.validators.length} validators`)
    for (const who of ["governor", "community"] as const)
      if (plan.delays[who] <= plan.rules.challengeWindow)
        wrong(
          ["delays", who],
          `must be longer than the challenge window, ${plan.rules.challengeWindow} s, so that what is pending is decided by who decided when it was made`,
        )
    if (plan.rules.commonsShare > 0 && !plan.commons)
      wrong(["commons"], "must say who gets the commons' share")
  })

/** What a community decides before its contracts are deployed. */
export interface CommunityPlan {
  /** Governs the AccessManager: who has which role. */
  governor: Hex
  /** Decides on validators, policy, succession and commons, whose a meter is, and on a lost key. */
  community: Hex
  /** Cancels proposals, suspends and reactivates meters, takes back what was announced: without delay. */
  guardian: Hex
  /** Open sites, register meters and follow their lives. */
  operators: readonly Hex[]
  /** Seconds between scheduling and doing. */
  delays: { governor: number; community: number; operators: number }
  /** In ascending order, as the oracle wants them. */
  validators: readonly Hex[]
  threshold: number
  rules: Rules
  sharingKey: Hex
  methodology: Hex
  /** Who gets the commons' share; undefined for nobody. */
  commons: Hex | undefined
}

export type CommunityPlanInput = z.input<typeof planShape>

/** Reads a community's plan. @throws PersonError naming every mistake. */
export function readPlan(text: string, file: string): CommunityPlan {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new PersonError(`${file} is not valid YAML.`, { context: [(cause as Error).message] })
  }
  return checkPlan(value, file)
}

/** @throws PersonError naming every mistake. */
export function checkPlan(value: unknown, file: string): CommunityPlan {
  const result = planShape.safeParse(value)
  if (!result.success)
    throw new PersonError(`${file} has ${result.error.issues.length} mistake(s).`, {
      context: result.error.issues.map((issue) => `${issue.path.join(".") || "file"}: ${issue.message}`),
      next: "An address that YAML reads as a number must stand in quotation marks.",
    })
  const { community, commons, ...plan } = result.data
  return {
    ...plan,
    community: community ?? plan.governor,
    commons,
    validators: [...plan.validators].sort(),
  }
}

/** The plan as a person reviews it, line by line. */
export function describePlan(plan: CommunityPlan): string[] {
  const { rules, delays } = plan
  return [
    `governor ${plan.governor}, ${time(delays.governor)} between scheduling and doing`,
    `community ${plan.community} (validators, policy, succession, commons, hand-overs, recoveries), ${time(delays.community)} of delay`,
    `guardian ${plan.guardian} (cancels, suspends, takes back), without delay`,
    ...plan.operators.map(
      (one) =>
        `operator ${one} (sites, meters, limits), ${delays.operators ? `${time(delays.operators)} of delay` : "without delay"}`,
    ),
    ...plan.validators.map((one) => `validator ${one}`),
    `threshold ${plan.threshold} of ${plan.validators.length} validators`,
    `challenge window ${time(rules.challengeWindow)}, answer time ${time(rules.answerTime)}`,
    `headroom ${percent(rules.headroom)}, with assurance gateway ${percent(rules.gatewayHeadroom)}`,
    `minted of what was measured ${percent(rules.meterFactor)}, with assurance gateway ${percent(rules.gatewayFactor)}`,
    `commons ${plan.commons ?? "nobody"}, share ${percent(rules.commonsShare)}`,
    `bond ${rules.bond} gwei, stake of a site ${rules.siteStake} gwei, of a validator ${rules.validatorStake} gwei`,
    `sharing key ${plan.sharingKey}`,
    `methodology ${plan.methodology}`,
  ]
}

const percent = (basisPoints: number) => `${basisPoints / 100} %`
const time = (seconds: number) =>
  seconds % day === 0 && seconds > 0
    ? `${seconds / day} d`
    : seconds % 3600 === 0 && seconds > 0
      ? `${seconds / 3600} h`
      : `${seconds} s`
