import { dirname, relative, resolve } from "node:path"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import {
  announcePolicy,
  nameValidators,
  standing,
  succession as succeed,
  updateRules,
  withdrawPolicy,
} from "../provisioning/community.ts"
import { putLaterKey } from "../provisioning/enrol.ts"
import { signEd25519 } from "../provisioning/keys.ts"
import {
  announceRecovery,
  cancelRecovery,
  finishRecovery,
  heldKey,
  rotateKey,
} from "../provisioning/meter-keys.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { describePlan, readPlan } from "../provisioning/plan.ts"
import { optional, readGiven, required, type Values, wholeNumber } from "./command.ts"
import { connect, deploymentFrom } from "./provision-contracts.ts"
import { changeConfiguration } from "./provision-household.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)
const at = (time: number) => new Date(time * 1000).toISOString().replace(".000Z", "Z")

function oneOf<T extends string>(what: string, given: string | undefined, steps: readonly T[]): T {
  const step = steps.find((one) => one === given)
  if (step === undefined)
    throw new PersonError(given ? `There is no "${what} ${given}".` : `What about the ${what}?`, {
      next: `Use one of: ${steps.join(", ")}. See commonwatt provision --help.`,
    })
  return step
}

function meterFrom(values: Values): Hex {
  const meterId = required(values, "meter", "the meter's id").toLowerCase()
  if (!/^0x[0-9a-f]{64}$/.test(meterId)) throw new PersonError(`"${meterId}" is not a meter's id.`)
  return meterId as Hex
}

function nextKey(values: Values) {
  return heldKey(readAccountKey(required(values, "meter-key", "the file of the new key"), "The new key"))
}

function timeFrom(values: Values): number {
  required(values, "time", "from when on, Unix seconds (date +%s)")
  return wholeNumber(values, "time", 0, 1, 2 ** 40)
}

/**
 * Gives a meter another key: the old one signs the new. With the configuration of a gateway that signs for it, the new
 * key is put there before the chain is asked: without it the meter would not be read from then on.
 */
export async function rotate(values: Values): Promise<number> {
  const meterId = meterFrom(values)
  const secret = readAccountKey(required(values, "old-key", "the file of its key until now"), "The old key")
  const next = nextKey(values)
  const from = timeFrom(values)
  say(`meter ${meterId} signs with key ${next.publicKey} from ${at(from)} on`)
  takeNextKey(values, meterId)
  if (values["dry-run"]) return 0
  const old = (digest: Hex) => signEd25519(secret, digest)
  await rotateKey(await connect(values), deploymentFrom(values), meterId, { old, next, from })
  say("done")
  sayWhatIsNext(values, `before ${at(from)}`)
  return 0
}

/** Puts the next key into the configuration of the gateway that signs for the meter. */
function takeNextKey(values: Values, meterId: Hex): void {
  const config = optional(values, "config")
  if (config === undefined) return
  const keyFile = relative(dirname(resolve(config)), resolve(required(values, "meter-key", "the new key")))
  changeConfiguration(values, (document) => putLaterKey(document, meterId, keyFile))
}

function sayWhatIsNext(values: Values, when: string): void {
  say("Gateway, validators and audits learn of it from the registry; nothing has to be told to them.")
  if (values.config === undefined)
    say(
      `A meter that signs by itself must have its new key ${when}. A plain one: give the gateway the file (modbus.laterKeyFiles, or this command with --config FILE).`,
    )
  else say(`Start the gateway anew ${when}: systemctl restart commonwatt`)
  say("What the old key signs for later times is worth nothing.")
}

/** A meter whose key is lost or stolen gets another, after a delay in which everyone can see it coming. */
export async function recover(values: Values, [given]: readonly string[]): Promise<number> {
  const step = oneOf("recovery", given, ["announce", "cancel", "finish"])
  const meterId = meterFrom(values)
  if (step === "cancel") {
    say(`no recovery of meter ${meterId}`)
    if (values["dry-run"]) return 0
    await cancelRecovery(await connect(values), deploymentFrom(values), meterId)
    say("done")
    return 0
  }
  const next = nextKey(values)
  say(`${step} the recovery of meter ${meterId} to key ${next.publicKey}`)
  if (step === "finish") takeNextKey(values, meterId)
  if (values["dry-run"]) return 0
  const operator = await connect(values)
  if (step === "finish") {
    await finishRecovery(operator, deploymentFrom(values), meterId, next)
    say("done: the new key is in force")
    sayWhatIsNext(values, "now")
    return 0
  }
  const from = at(await announceRecovery(operator, deploymentFrom(values), meterId, next))
  say(`to be finished from ${from} on`)
  say("done")
  say(
    "Until then the household or the guardian can take it back: commonwatt provision meter recover cancel …",
  )
  say(`After ${from} anyone may say: commonwatt provision meter recover finish …`)
  return 0
}

function planFrom(values: Values) {
  const file = required(values, "plan", "the YAML file of what the community decided")
  return readPlan(readGiven(file, "plan"), file)
}

/** The community's rules: what is in force, and what comes. */
export async function policy(values: Values, [given]: readonly string[]): Promise<number> {
  const step = oneOf("policy", given, ["show", "announce", "withdraw", "update"])
  const deployment = deploymentFrom(values)
  if (step === "announce") {
    const plan = planFrom(values)
    const from = timeFrom(values)
    for (const line of describePlan(plan)) say(line)
    say(`these rules (not who has which role) are announced for ${at(from)}`)
    if (values["dry-run"]) return 0
    await announcePolicy(await connect(values), deployment, plan, from)
    say(`after ${at(from)}: commonwatt provision policy update …`)
  } else if (step === "withdraw") {
    const version = wholeNumber(values, "version", 0, 1, 65_535)
    if (version === 0) throw new PersonError("--version is missing: which version is taken back.")
    say(`version ${version} of the rules is taken back`)
    if (!values["dry-run"]) await withdrawPolicy(await connect(values), deployment, version)
  } else if (step === "update") {
    say("the oracle takes over the rules in force")
    if (!values["dry-run"]) await updateRules(await connect(values), deployment)
  } else process.stdout.write(`${JSON.stringify(await standing(await connect(values), deployment))}\n`)
  return 0
}

/** Stakes for and names the validators of a plan. */
export async function validators(values: Values): Promise<number> {
  const plan = planFrom(values)
  const deployment = deploymentFrom(values)
  for (const line of describePlan(plan).filter((one) => /^(validator|threshold) /.test(one))) say(line)
  if (values["dry-run"]) return 0
  const done = await nameValidators(await connect(values), deployment, plan)
  for (const line of done) say(`done: ${line}`)
  if (done.length === 0) say("they are that already")
  return 0
}

/** Another oracle, after a window in which everyone can leave. */
export async function succession(values: Values, [given]: readonly string[]): Promise<number> {
  const step = oneOf("succession", given, ["announce", "withdraw", "finish"])
  const deployment = deploymentFrom(values)
  const announced =
    step === "announce" ? { announce: parseAddress(required(values, "oracle", "the new oracle")) } : step
  say(
    typeof announced === "object"
      ? `the oracle ${announced.announce} is to succeed`
      : `${step} the succession`,
  )
  if (values["dry-run"]) return 0
  const operator = await connect(values)
  await succeed(operator, deployment, announced)
  const { oracle } = await standing(operator, deployment)
  say(
    oracle.successor
      ? `from ${at(oracle.from)} on: commonwatt provision succession finish …`
      : `the oracle is ${oracle.inOffice}`,
  )
  return 0
}
