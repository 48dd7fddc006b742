import { existsSync, renameSync, writeFileSync } from "node:fs"
import { createPublicClient, http } from "viem"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { checkDeployment } from "../provisioning/check.ts"
import {
  creations,
  type Deployment,
  deploy,
  nextDeployment,
  openPool,
  openSite,
  setLimits,
  stakeSite,
} from "../provisioning/deploy.ts"
import { connectOperator, parseAddress } from "../provisioning/operator.ts"
import { type CommunityPlan, describePlan, readPlan } from "../provisioning/plan.ts"
import { readGiven, required, type Values, wholeNumber } from "./command.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Deploys by a plan, or checks what was deployed by one. */
export async function deployAction(values: Values): Promise<number> {
  const file = required(values, "plan", "the YAML file of what the community decided")
  const plan = readPlan(readGiven(file, "plan"), file)
  return values.check ? check(values, plan) : put(values, plan)
}

/** All of it with one file: what a community decided is deployed, set, and compared with what was compiled. */
export async function community(values: Values, [action = ""]: readonly string[]): Promise<number> {
  if (action !== "init")
    throw new PersonError("What about the community?", {
      next: "commonwatt provision community init --plan FILE …",
    })
  const code = await deployAction(values)
  if (code !== 0 || values["dry-run"]) return code
  return deployAction({ ...values, check: true, deployment: values.out })
}

async function put(values: Values, plan: CommunityPlan): Promise<number> {
  const out = required(values, "out", "the file that will say where the contracts are")
  for (const line of describePlan(plan)) say(line)
  const operator = await connect(values)
  const begun = existsSync(out) ? readDeployment(out) : undefined
  const planned = begun ?? (await nextDeployment(operator))
  const { chainId, deployer, firstNonce } = planned
  say(
    `${begun ? "going on with" : "deploying to"} chain ${chainId} from ${deployer}, transactions ${firstNonce} and following`,
  )
  for (const { name, contract } of creations(planned, plan)) say(`${contract} at ${planned[name]}`)
  if (values["dry-run"]) {
    say("--dry-run: nothing was sent and nothing written.")
    return 0
  }
  const save = (deployment: Deployment) => writeDeployment(out, deployment)
  const deployment = await deploy(operator, plan, { ...(begun && { begun }), save, say })
  process.stdout.write(`${JSON.stringify(deployment)}\n`)
  return 0
}

async function check(values: Values, plan: CommunityPlan): Promise<number> {
  const deployment = deploymentFrom(values)
  const rpc = required(values, "rpc", "a node of the chain")
  const client = createPublicClient({
    transport: http(rpc, { retryCount: 1, timeout: 20_000 }),
    cacheTime: 0,
  })
  let wrong = 0
  let looked = 0
  for await (const { says, differs } of checkDeployment(client, deployment, plan)) {
    process.stdout.write(differs === undefined ? `ok       ${says}\n` : `DIFFERS  ${says}: ${differs}\n`)
    looked++
    if (differs !== undefined) wrong++
  }
  say(
    wrong === 0
      ? `All ${looked} hold.`
      : `${wrong} of ${looked} differ from ${required(values, "plan", "")}.`,
  )
  return wrong === 0 ? 0 : 1
}

export async function site(values: Values): Promise<number> {
  if (values.site !== undefined) return stake(values)
  const gateway = parseAddress(required(values, "gateway", "the address of the gateway's key"))
  const deployment = deploymentFrom(values)
  const operator = await connect(values)
  say(`a site operated by ${gateway}`)
  if (values["dry-run"]) return 0
  const number = await openSite(operator, deployment, gateway)
  process.stdout.write(`${JSON.stringify({ site: number, gateway })}\n`)
  return 0
}

async function stake(values: Values): Promise<number> {
  const number = siteFrom(values)
  const deployment = deploymentFrom(values)
  const operator = await connect(values)
  say(`the stake of site ${number} as the rules want it`)
  if (values["dry-run"]) return 0
  say(`${await stakeSite(operator, deployment, number)} wei added`)
  return 0
}

export async function pool(values: Values): Promise<number> {
  const number = siteFrom(values)
  const file = required(values, "deployment", deploymentHint)
  const deployment = readDeployment(file)
  const operator = await connect(values)
  say(`a sharing pool for site ${number}`)
  if (values["dry-run"]) return 0
  const { pool, waits } = await openPool(operator, deployment, number, say, (address) => {
    deployment.pools[number] = address
    writeDeployment(file, deployment)
  })
  process.stdout.write(`${JSON.stringify({ site: number, pool })}\n`)
  if (waits)
    say("The power over its limits is scheduled. Give the same command again when its time has come.")
  return 0
}

export async function limits(values: Values): Promise<number> {
  const number = siteFrom(values)
  const households = required(values, "households", "addresses, separated by commas")
    .split(",")
    .map(parseAddress)
  const limit = BigInt(wholeNumber(values, "limit", -1, 0, Number.MAX_SAFE_INTEGER))
  if (limit < 0n) throw new PersonError("--limit is missing: how far they may be in debt, in Wh.")
  const deployment = deploymentFrom(values)
  say(`households of site ${number} may be ${limit} Wh in debt:`)
  for (const one of households) say(`  ${one}`)
  if (values["dry-run"]) return 0
  await setLimits(await connect(values), deployment, number, households, limit)
  return 0
}

export function siteFrom(values: Values): number {
  const number = wholeNumber(values, "site", 0, 1, 2 ** 32 - 1)
  if (number === 0) throw new PersonError("--site is missing: the site's number.")
  return number
}

export function connect(values: Values) {
  const key: Hex = readAccountKey(required(values, "key-file", "the operator's key"), "The operator's key")
  return connectOperator(required(values, "rpc", "a node of the chain"), key)
}

const deploymentHint = "the file that `provision deploy` wrote"

export function deploymentFrom(values: Values): Deployment {
  return readDeployment(required(values, "deployment", deploymentHint))
}

function readDeployment(file: string): Deployment {
  const text = readGiven(file, "deployment")
  try {
    const deployment = JSON.parse(text) as Deployment
    for (const name of ["authority", "registry", "oracle", "policy", "deployer"] as const)
      parseAddress(deployment[name])
    return deployment
  } catch {
    throw new PersonError(`${file} is not a file that \`provision deploy\` wrote.`)
  }
}

/** Whole or not at all: a deployment that was begun must be found again. */
function writeDeployment(file: string, deployment: Deployment): void {
  writeFileSync(`${file}.tmp`, `${JSON.stringify(deployment, null, 2)}\n`)
  renameSync(`${file}.tmp`, file)
}
