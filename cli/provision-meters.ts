import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import { meterIdOf } from "../protocol/meter.ts"
import { mustShowPossession, readMeterList, withPossession } from "../provisioning/meter-list.ts"
import {
  type Change,
  changeMeter,
  changes,
  describeChange,
  registerMeters,
  registrationDigest,
} from "../provisioning/meters.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { readGiven, required, type Values, wholeNumber } from "./command.ts"
import { connect, deploymentFrom, siteFrom } from "./provision-contracts.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Registers the meters of a list. */
export async function meters(values: Values): Promise<number> {
  const list = listFrom(values)
  for (const { statement } of list) {
    const { publicKey, ratedW, household, site, startWh } = statement
    say(`${publicKey} ${ratedW} W, household ${household}, site ${site}, from ${startWh} Wh`)
  }
  if (values["dry-run"] && values.deployment === undefined) return 0
  const deployment = deploymentFrom(values)
  const signed = withPossession(list, deployment)
  if (values["dry-run"]) return 0
  await registerMeters(await connect(values), deployment, signed)
  say(`${list.length} meters registered`)
  return 0
}

/** Says what the keys of listed meters must sign, for those that sign it themselves. */
export async function possession(values: Values): Promise<number> {
  const deployment = deploymentFrom(values)
  for (const { statement } of listFrom(values)) {
    if (!mustShowPossession(statement)) continue
    const meterId = meterIdOf(statement.scheme, fromHex(statement.publicKey))
    const digest = registrationDigest(deployment, statement)
    process.stdout.write(`${JSON.stringify({ meterId, publicKey: statement.publicKey, digest })}\n`)
  }
  return 0
}

/** Changes what the registry knows of one meter. */
export async function meter(values: Values, [action = ""]: readonly string[]): Promise<number> {
  const meterId = required(values, "meter", "the meter's id").toLowerCase() as Hex
  if (!/^0x[0-9a-f]{64}$/.test(meterId))
    throw new PersonError(`"${meterId}" is not a meter's id.`, {
      next: "A meterId is 0x and 64 hexadecimal digits.",
    })
  const deployment = deploymentFrom(values)
  const change = changeFrom(action, values)
  say(describeChange(meterId, change))
  if (change.action === "restart") {
    const { time, finalWh, firstWh } = change
    say("Then put this to the meter in the gateway's configuration, and start the gateway anew:")
    process.stdout.write(`restarts:\n  - { time: ${time}, finalWh: "${finalWh}", firstWh: "${firstWh}" }\n`)
  }
  if (values["dry-run"]) return 0
  await changeMeter(await connect(values), deployment, meterId, change)
  say("done")
  return 0
}

function changeFrom(action: string, values: Values): Change {
  const finalWh = () => wattHours(values, "final-wh", "what the meter showed at last, in Wh")
  const time = () => given(values, "time", "from when on, Unix seconds (date +%s)")
  switch (action) {
    case "suspend":
    case "reactivate":
    case "revoke":
      return { action }
    case "restart": {
      const firstWh = wattHours(values, "first-wh", "what its register goes on from, in Wh")
      return { action, finalWh: finalWh(), firstWh, time: time() }
    }
    case "power":
      return { action, ratedW: given(values, "rated-w", "its rated power, in W"), time: time() }
    case "move":
      return { action, site: siteFrom(values) }
    case "hand-over": {
      const household = parseAddress(required(values, "household", "the address of who is paid from then on"))
      return { action, household, time: time() }
    }
    case "end":
      return { action, finalWh: finalWh(), time: time() }
    case "replace": {
      const [by, ...more] = withPossession(listFrom(values), deploymentFrom(values))
      if (!by || more.length > 0)
        throw new PersonError("--list must have one meter: the one that replaces the other.")
      return { action, finalWh: finalWh(), time: time(), by }
    }
    default:
      throw new PersonError(
        action ? `Nothing "${action}" happens to meters.` : "What happened to the meter?",
        {
          next: `Use one of: ${changes.join(", ")}. See commonwatt provision --help.`,
        },
      )
  }
}

function listFrom(values: Values) {
  const file = required(values, "list", "a YAML list of meters")
  return readMeterList(readGiven(file, "list"), file)
}

/** A whole number that must be there, up to the 32 bits that the contract has for it. */
function given(values: Values, name: string, what: string): number {
  required(values, name, what)
  return wholeNumber(values, name, 0, 1, 2 ** 32 - 1)
}

function wattHours(values: Values, name: string, what: string): bigint {
  const text = required(values, name, what)
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n)
    throw new PersonError(`--${name} must be whole Wh below 2^64, not "${text}".`)
  return BigInt(text)
}
