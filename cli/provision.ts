import { writeFileSync } from "node:fs"
import { text } from "node:stream/consumers"
import { hashPassword } from "../gateway/sources/mqtt/password.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import {
  connectOperator,
  type Deployment,
  deploy,
  openSite,
  parseAddress,
  registerMeters,
} from "../provisioning/deploy.ts"
import { createKey, type KeyKind, keyKinds } from "../provisioning/keys.ts"
import { readMeterList } from "../provisioning/meter-list.ts"
import { type Command, readGiven, required, type Values, wholeNumber } from "./command.ts"

const actions: Record<string, (values: Values) => Promise<number>> = {
  key,
  password,
  deploy: deployAction,
  site,
  meters,
}

export const provision: Command = {
  name: "provision",
  summary: "the operator's tools: make keys, deploy contracts, open a site, register meters",
  help: `
Usage: commonwatt provision key    --kind account|meter|auditor --out FILE
       commonwatt provision password < FILE
       commonwatt provision deploy --rpc URL --key-file FILE --validators A,B,C --threshold N --out FILE
                                   [--window SECONDS] [--headroom BASISPOINTS] [--dry-run]
       commonwatt provision site   --rpc URL --key-file FILE --deployment FILE --gateway ADDRESS
       commonwatt provision meters --rpc URL --key-file FILE --deployment FILE --list FILE [--dry-run]

key    makes a key, writes its secret to a new file and prints the public part:
${Object.entries(keyKinds)
  .map(([kind, what]) => `         ${kind.padEnd(8)} ${what}`)
  .join("\n")}
password  reads a password for MQTT from standard input and prints its hash (scrypt), for clients and hubs in a
       gateway's configuration. The password itself is kept nowhere.
deploy puts the contracts on a chain, sets validators and rules, and writes where they are to --out.
site   opens a site for a gateway (the address of its key) and prints the site's number.
meters registers the meters of a YAML list: household, site, scheme, publicKey, assurance, ratedW, startTime, startWh.

  --key-file FILE   the operator's key: 32 bytes of hexadecimal behind 0x
  --window SECONDS  the challenge window; default 86400
  --headroom BP     headroom above rated power in 1/10,000; default 1000
  --dry-run         says what it would do, and does nothing

Example:
  commonwatt provision deploy --rpc http://127.0.0.1:8545 --key-file operator.key --threshold 2 --validators \\
    0x70997970c51812dc3a010c7d01b50e0d17dc79c8,0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc --out deployment.json
`,
  options: {
    kind: { type: "string" },
    rpc: { type: "string" },
    "key-file": { type: "string" },
    validators: { type: "string" },
    threshold: { type: "string" },
    window: { type: "string" },
    headroom: { type: "string" },
    out: { type: "string" },
    deployment: { type: "string" },
    gateway: { type: "string" },
    list: { type: "string" },
    "dry-run": { type: "boolean" },
  },
  async run(values, [action = ""]) {
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (!act)
      throw new PersonError(action ? `There is no "provision ${action}".` : "What is to be provisioned?", {
        next: `Use one of: ${Object.keys(actions).join(", ")}. See commonwatt provision --help.`,
      })
    return act(values)
  },
}

const say = (line: string) => process.stderr.write(`${line}\n`)

async function key(values: Values): Promise<number> {
  const kind = required(values, "kind", Object.keys(keyKinds).join(", "))
  if (!Object.hasOwn(keyKinds, kind))
    throw new PersonError(`There is no kind of key "${kind}".`, {
      next: `Use one of: ${Object.keys(keyKinds).join(", ")}.`,
    })
  const created = await createKey(kind as KeyKind, required(values, "out", "the file for the secret"))
  process.stdout.write(`${JSON.stringify(created)}\n`)
  return 0
}

/** A password that small devices and hubs log in with, at least as long as makes guessing hopeless. */
const leastPasswordCharacters = 12

async function password(): Promise<number> {
  const given = (await text(process.stdin)).replace(/\r?\n$/, "")
  if (given.length < leastPasswordCharacters)
    throw new PersonError(
      `The password has ${given.length} characters, it must have at least ${leastPasswordCharacters}.`,
      { next: "A good one: openssl rand -base64 18 | tee password.txt | commonwatt provision password" },
    )
  process.stdout.write(`${await hashPassword(given)}\n`)
  return 0
}

async function deployAction(values: Values): Promise<number> {
  const plan = {
    validators: required(values, "validators", "addresses, separated by commas").split(",").map(parseAddress),
    threshold: wholeNumber(values, "threshold", 0, 1, 255),
    challengeWindow: wholeNumber(values, "window", 86_400, 1, 2_592_000),
    headroomBasisPoints: wholeNumber(values, "headroom", 1000, 0, 10_000),
  }
  if (plan.threshold === 0) throw new PersonError("--threshold is missing: how many validators must sign.")
  const rpc = required(values, "rpc", "a node of the chain")
  const operator = await connectOperator(rpc, keyFrom(values))
  const out = required(values, "out", "the file that will say where the contracts are")
  say(`Deploying to ${rpc} from ${operator.account.address}: ${JSON.stringify(plan)}`)
  if (values["dry-run"]) return 0
  const deployment = await deploy(operator, plan, say)
  writeFileSync(out, `${JSON.stringify(deployment, null, 2)}\n`)
  process.stdout.write(`${JSON.stringify(deployment)}\n`)
  return 0
}

async function site(values: Values): Promise<number> {
  const gateway = parseAddress(required(values, "gateway", "the address of the gateway's key"))
  const operator = await connectOperator(required(values, "rpc", "a node of the chain"), keyFrom(values))
  const number = await openSite(operator, deploymentFrom(values), gateway)
  process.stdout.write(`${JSON.stringify({ site: number, gateway })}\n`)
  return 0
}

async function meters(values: Values): Promise<number> {
  const file = required(values, "list", "a YAML list of meters")
  const list = readMeterList(readGiven(file, "list"), file)
  for (const meter of list)
    say(
      `${meter.publicKey} ${meter.ratedW} W, household ${meter.household}, site ${meter.site}, from ${meter.startWh} Wh`,
    )
  if (values["dry-run"]) return 0
  const operator = await connectOperator(required(values, "rpc", "a node of the chain"), keyFrom(values))
  await registerMeters(operator, deploymentFrom(values), list)
  say(`${list.length} meters registered`)
  return 0
}

function keyFrom(values: Values): Hex {
  return readAccountKey(required(values, "key-file", "the operator's key"), "The operator's key")
}

function deploymentFrom(values: Values): Deployment {
  const file = required(values, "deployment", "the file that `provision deploy` wrote")
  const text = readGiven(file, "deployment")
  try {
    const deployment = JSON.parse(text) as Deployment
    parseAddress(deployment.registry)
    return deployment
  } catch {
    throw new PersonError(`${file} is not a file that \`provision deploy\` wrote.`)
  }
}
