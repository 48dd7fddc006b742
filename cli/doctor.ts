import { readConfig } from "../gateway/config.ts"
import { type Door, readDoor } from "../gateway/supervise/door.ts"
import { type Finding, within } from "../gateway/supervise/finding.ts"
import { lookWithoutGateway } from "../gateway/supervise/look.ts"
import type { HealthAnswer } from "../gateway/web/operator/answer.ts"
import { PersonError } from "../protocol/error.ts"
import { type Command, required } from "./command.ts"

const usualConfig = "/etc/commonwatt/gateway.yaml"
const patienceMs = 15_000
const chainPatienceMs = 5_000

export const doctor: Command = {
  name: "doctor",
  summary: "what is wrong with this gateway, in words a caretaker understands",
  help: `
Usage: commonwatt doctor [--config FILE] [--json]

  --config FILE   the gateway's configuration (YAML); default ${usualConfig}
  --json          one JSON object: site, running, time (Unix seconds), healthy, and findings, each with code, severity
                  (alarm or warning), about, what, means, next and since

Asks the gateway that runs on this machine with this configuration. Where none runs it looks itself: configuration, keys,
journal, serial ports, disk, clock, certificates and chain; meters are not asked (commonwatt read does).

It must be able to read the gateway's data directory: run it as the gateway's user or with sudo.

The exit code is 0 if nothing is wrong, 1 if something is, 2 if it could not look.

Example:
  commonwatt doctor --config /etc/commonwatt/gateway.yaml
`,
  options: { config: { type: "string" }, json: { type: "boolean" } },
  async run(values) {
    const config = readConfig(
      required({ config: usualConfig, ...values }, "config", "the gateway's configuration"),
    )
    const running = await ask(doorOf(config.dataDir))
    const wallNow = Math.floor(Date.now() / 1000)
    const answer = running ?? {
      site: config.site,
      running: false,
      time: wallNow,
      healthy: false,
      findings: await lookWithoutGateway(config, wallNow, askChain),
    }
    process.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : inWords(answer))
    return answer.healthy ? 0 : 1
  },
}

/** @throws PersonError where this user may not look. */
function doorOf(dataDir: string): Door | undefined {
  try {
    return readDoor(dataDir)
  } catch (cause) {
    throw new PersonError("This user may not look into the gateway's data directory.", {
      context: [(cause as Error).message],
      next: "Run it with sudo, or as the gateway's user.",
    })
  }
}

/** @returns undefined where no gateway runs. @throws PersonError where one runs and does not answer well. */
async function ask(door: Door | undefined): Promise<HealthAnswer | undefined> {
  if (!door) return undefined
  let response: Response
  try {
    response = await fetch(new URL("/operator/health.json", door.url), {
      headers: { authorization: `Bearer ${door.token}` },
      signal: AbortSignal.timeout(patienceMs),
    })
  } catch (error) {
    // Nobody listens there any more: the gateway ended without a word.
    if ((error as { cause?: { code?: string } }).cause?.code === "ECONNREFUSED") return undefined
    throw stuck(door, (error as Error).message)
  }
  // Another program has its port now.
  if (response.status === 401 || response.status === 403 || response.status === 404) return undefined
  if (!response.ok) throw stuck(door, `it answers ${response.status}`)
  return (await response.json()) as HealthAnswer
}

function stuck({ url }: Door, why: string): PersonError {
  return new PersonError("The gateway runs and does not say how it is.", {
    context: [`${url}: ${why}`],
    next: "Try again in a minute; if it stays so: systemctl restart commonwatt-gateway, and look at its log.",
  })
}

async function askChain({
  chain,
  site,
}: Parameters<Parameters<typeof lookWithoutGateway>[2]>[0]): Promise<string | undefined> {
  try {
    const { connectChain } = await import("../gateway/settlement/chain.ts")
    const connected = connectChain({ ...chain, site, timeoutMs: chainPatienceMs })
    await connected.survey()
    await connected.check()
    await connected.head(site)
    return undefined
  } catch (error) {
    if (error instanceof PersonError) return [error.message, ...error.context].join(" ")
    const { details, shortMessage, message } = error as {
      details?: string
      shortMessage?: string
      message: string
    }
    return `The node of the chain does not answer: ${within(details ?? shortMessage ?? message.split("\n")[0]!)}.`
  }
}

function inWords({ running, healthy, findings, time }: HealthAnswer): string {
  if (healthy) return "Everything is as it should be.\n"
  const of = (severity: Finding["severity"]) =>
    findings.filter((finding) => finding.severity === severity).length
  const head = `${running ? "The gateway runs. " : ""}Alarms: ${of("alarm")}, warnings: ${of("warning")}.`
  return `${[head, ...findings.map((finding) => paragraph(finding, time))].join("\n\n")}\n`
}

function paragraph({ severity, what, means, next, since }: Finding, now: number): string {
  const began =
    since === undefined || now - since < 60
      ? []
      : [`  Since ${new Date(since * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC.`]
  return [
    `${severity === "alarm" ? "ALARM" : "Warning"}: ${what}`,
    `  ${means}`,
    `  Next: ${next}`,
    ...began,
  ].join("\n")
}
