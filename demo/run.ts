import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import { type AuditReport, audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { reportAsText } from "../audit/report.ts"
import { truth } from "../device-sim/main.ts"
import { invitationsFile, keepInvitation, newInvitation } from "../gateway/web/invitations.ts"
import { createClock } from "../protocol/clock.ts"
import { PersonError } from "../protocol/error.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { newIdentity } from "../protocol/seal.ts"
import { type Deployment, deploy, openPool, openSite, setLimits } from "../provisioning/deploy.ts"
import { rotateKey } from "../provisioning/meter-keys.ts"
import { registerMeters } from "../provisioning/meters.ts"
import { connectOperator, type Operator } from "../provisioning/operator.ts"
import { checkPlan } from "../provisioning/plan.ts"
import { passOnChain } from "./chain.ts"
import type { DemoOptions } from "./options.ts"
import {
  accountNames,
  accounts,
  communityPlan,
  creditLimit,
  type DemoPlan,
  gatewayConfig,
  householdOf,
  householdWords,
  laterKeyFile,
  laterSecretOf,
  operatorPassword,
  plainKeyFile,
  planDemo,
  registrations,
  rotations,
  secretOf,
  validatorConfig,
} from "./plan.ts"
import { freePort, Processes } from "./processes.ts"

/** What `demo --once` prints as its last line. Energies are whole Wh. */
export interface DemoSummary {
  days: number
  from: string
  to: string
  homes: number
  readings: number
  accepted: number
  quarantined: number
  quarantinedByReason: Record<string, number>
  batches: number
  /** What the panels really made, by the simulated world alone. */
  generatedWh: number
  /** GREEN on chain. */
  mintedWh: number
  /** What the audit accounts for by the meters' own signatures. */
  auditedWh: number
  /** What the homes really used, by the simulated world alone. */
  usedWh: number
  gasUsed: number
  /** What neighbours owe each other for shared energy, by home, thousandths of a GREEN; with the fund's they are zero. */
  credits: Record<string, number>
  auditOk: boolean
}

interface Status {
  time: number
  readings: number
  accepted: number
  quarantined: number
  quarantinedByReason: Record<string, number>
  settledUpTo: number
  settlement: { doing: string; problem?: string }
}

/**
 * Runs the whole system on this machine: chain, simulated meters, validators, gateway, each a process of its own.
 * @returns the summary of a `--once` run; undefined when it was stopped.
 */
export async function runDemo(
  options: DemoOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<DemoSummary | undefined> {
  const { directory } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const planFile = join(directory, "plan.json")
  const continued = existsSync(planFile)
  const plan: DemoPlan = continued
    ? (JSON.parse(readFileSync(planFile, "utf8")) as DemoPlan)
    : planDemo(options, await choosePorts(options.port), await newIdentity(), Date.now())
  const rpc = `http://127.0.0.1:${plan.ports.chain}`
  const web = `http://127.0.0.1:${plan.ports.web}`
  const processes = new Processes(directory, say)
  try {
    // It begins with the first day: the registry takes no other key for a time that is over.
    processes.startChain(plan.ports.chain, plan.start)
    await waitForChain(rpc, signal)
    const deployment = continued
      ? readDeployment(directory)
      : await prepare(plan, options.factors, rpc, directory, say)
    processes.keepRunning("simulator", ["sim", "--scenario", join(directory, "scenario.yaml")])
    for (const i of accounts.validators.keys())
      processes.keepRunning(`validator-${i + 1}`, [
        "validate",
        "--config",
        join(directory, `validator-${i + 1}.yaml`),
      ])
    processes.keepRunning("gateway", ["run", "--config", join(directory, "gateway.yaml")])
    await waitForGateway(web, signal)
    for (const line of whereToLook(plan, deployment, directory)) say(line)
    const status = await follow(plan, web, signal, say)
    if (signal.aborted || !status || plan.end === undefined) return undefined

    say("The days are over and settled. Auditing: chain and evidence in, verdict out.")
    const report = await audit({
      client: connect(rpc),
      oracle: deployment.oracle,
      evidence: evidenceFrom(web),
      identities: [plan.auditor.identity],
      pools: Object.values(deployment.pools),
      progress: () => {},
    })
    say(reportAsText(report))
    for (const line of accountLines(plan, report)) say(line)
    return summarise(plan, status, report)
  } finally {
    await processes.stop()
  }
}

async function choosePorts(web: number): Promise<DemoPlan["ports"]> {
  const wanted = { chain: 8545, mqtt: 1883, modbus: 15_020, web }
  const [chain, mqtt, modbus, page] = await Promise.all(Object.values(wanted).map(freePort))
  const validators = await Promise.all(accounts.validators.map((_, i) => freePort(web + 1 + i)))
  return { chain: chain!, mqtt: mqtt!, modbus: modbus!, web: page!, validators }
}

/** Deploys, registers and writes the files that the processes start from; the plan last, for then it is complete. */
async function prepare(
  plan: DemoPlan,
  factors: Uint8Array | undefined,
  rpc: string,
  directory: string,
  say: (line: string) => void,
) {
  const operator = await connectOperator(rpc, accounts.operator.key)
  const deployment = await deploy(operator, checkPlan(communityPlan, "the demo's plan"))
  const site = await openSite(operator, deployment, accounts.gateway.address)
  await preparePool(operator, deployment, site, [...accountNames(plan).keys()])
  await registerMeters(operator, deployment, registrations(plan, deployment, site))
  say(
    `Contracts deployed, ${plan.scenario.meters.length} meters of ${plan.scenario.homes.length} homes registered.`,
  )
  for (const rotation of rotations(plan)) await rotateKey(operator, deployment, rotation.meterId, rotation)
  for (const { meter, from } of plan.keyChanges)
    say(`${meter} signs with another key from ${new Date(from * 1000).toISOString().slice(0, 16)}Z on.`)
  const { timestamp } = await operator.getBlock()
  await passOnChain(operator, Math.max(0, Math.ceil(Date.now() / 1000) - Number(timestamp)))

  const write = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(directory, name), content, { mode: 0o600 })
  write("scenario.yaml", stringify(plan.scenario))
  const counting = factors && { emissionFactors: { file: "grid.csv" } }
  write("gateway.yaml", stringify({ ...gatewayConfig(plan, deployment, site), ...counting }))
  if (factors) write("grid.csv", factors)
  write("gateway.key", accounts.gateway.key)
  write("relay.key", accounts.relay.key)
  for (const meter of plan.scenario.meters)
    if (meter.kind === "modbus") write(plainKeyFile(meter.name), toHex(secretOf(plan.seed, meter.name)))
  for (const [i, { key }] of accounts.validators.entries()) {
    write(`validator-${i + 1}.yaml`, stringify(validatorConfig(plan, deployment, site, i)))
    write(`validator-${i + 1}.key`, key)
  }
  for (const { meter } of plan.keyChanges) write(laterKeyFile(meter), toHex(laterSecretOf(plan.seed, meter)))
  write("auditor.key", `${plan.auditor.identity}\n`)
  write("community.yaml", stringify(communityPlan))
  write("deployment.json", JSON.stringify(deployment))
  write("plan.json", JSON.stringify(plan))
  return deployment
}

/** Opens the pool with a limit for each account. The governor's delay passes at once: it is this machine's own chain. */
async function preparePool(operator: Operator, deployment: Deployment, site: number, households: Hex[]) {
  const open = () =>
    openPool(
      operator,
      deployment,
      site,
      () => {},
      (pool) => {
        deployment.pools[site] = pool
      },
    )
  const { waits } = await open()
  if (waits) {
    await passOnChain(operator, communityPlan.delays.governor + 1)
    await open()
  }
  await setLimits(operator, deployment, site, households, creditLimit)
}

function readDeployment(directory: string): Deployment {
  return JSON.parse(readFileSync(join(directory, "deployment.json"), "utf8"))
}

const invitationSeconds = 7 * 86_400

/** Invites whoever runs the demonstration into the first home. @returns how to get in, for people. */
function inviteHousehold(plan: DemoPlan, directory: string): string[] {
  const { name } = plan.scenario.homes[0]!
  const expires = Math.floor(Date.now() / 1000) + invitationSeconds
  const { token, entry } = newInvitation(householdOf(plan, name), expires)
  const dataDir = join(directory, "gateway")
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  keepInvitation(invitationsFile(dataDir), entry)
  return [
    `  Household  http://localhost:${plan.ports.web}/join#${token} lets you into ${name}, once.`,
    `             The words of its key: ${householdWords(plan, name)}`,
  ]
}

function whereToLook(plan: DemoPlan, { oracle, pools }: Deployment, directory: string): string[] {
  const { ports } = plan
  const web = `http://127.0.0.1:${ports.web}`
  return [
    "",
    `  Page       ${web}`,
    ...inviteHousehold(plan, directory),
    `  Meters     mqtt://127.0.0.1:${ports.mqtt} (readings at meters/METERID/readings), modbus tcp 127.0.0.1:${ports.modbus} units 1 and 2`,
    `  Chain      http://127.0.0.1:${ports.chain}, oracle ${oracle}`,
    `  Operator   ${web}/operator (any user, password ${operatorPassword})`,
    `  Metrics    ${web}/metrics`,
    `  Directory  ${directory} (configurations, keys, journal, a log of each process)`,
    `  Audit      npx commonwatt audit --rpc http://127.0.0.1:${ports.chain} --oracle ${oracle} \\`,
    `               --evidence ${web} --key ${join(directory, "auditor.key")} --pool ${Object.values(pools)[0]}`,
    "",
  ]
}

/** Shows it happening; returns the last status once the plan's end is settled. */
async function follow(
  plan: DemoPlan,
  web: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Status | undefined> {
  const clock = createClock(plan.pace, Date.now)
  let shown = plan.start
  let shownProblem: string | undefined
  let endSince: number | undefined
  while (!signal.aborted) {
    const status = await statusOf(web)
    const problem = status?.settlement.problem
    if (status && (status.time - shown >= plan.batchSeconds || problem !== shownProblem)) {
      shown = status.time
      shownProblem = problem
      say(progressLine(status))
    }
    if (plan.end !== undefined && clock.now() >= plan.end) {
      endSince ??= performance.now()
      if (status && status.settledUpTo >= plan.end) return status
      if (performance.now() - endSince > patienceMs)
        throw new PersonError("The last batch was not settled in time.", {
          context: [status?.settlement.problem ?? status?.settlement.doing ?? "the gateway does not answer"],
          next: "The logs in the run's directory say more.",
        })
    }
    await sleep(250)
  }
  return undefined
}

const patienceMs = 120_000

function progressLine({ time, readings, quarantined, settledUpTo, settlement }: Status): string {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")
  const settled = settledUpTo > 0 ? `settled up to ${at(settledUpTo)}` : "nothing settled yet"
  const trouble = settlement.problem ? ` | ${settlement.problem}` : ""
  return `${at(time)}  ${readings} readings, ${quarantined} quarantined, ${settled}${trouble}`
}

function summarise(plan: DemoPlan, status: Status, report: AuditReport): DemoSummary {
  const { generatedWh, usedWh } = truth(plan.scenario, plan.start, plan.end!).total
  return {
    days: (plan.end! - plan.start) / 86_400,
    from: new Date(plan.start * 1000).toISOString(),
    to: new Date(plan.end! * 1000).toISOString(),
    homes: plan.scenario.homes.length,
    readings: status.readings,
    accepted: status.accepted,
    quarantined: status.quarantined,
    quarantinedByReason: status.quarantinedByReason,
    batches: report.batches,
    generatedWh: Number(generatedWh),
    mintedWh: Number(report.mintedWh),
    auditedWh: Number(report.auditedWh),
    usedWh: Number(usedWh),
    gasUsed: Number(report.gasUsed),
    credits: Object.fromEntries(creditsByName(plan, report)),
    auditOk: report.ok,
  }
}

function creditsByName(plan: DemoPlan, { credits }: AuditReport): [string, number][] {
  const names = accountNames(plan)
  return credits
    .map(({ household, credit }): [string, number] => [names.get(household) ?? household, Number(credit)])
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
}

/** What became of the days' shared energy in money. */
function accountLines(plan: DemoPlan, report: AuditReport): string[] {
  const rows = creditsByName(plan, report)
  if (rows.length === 0) return []
  const widest = Math.max(...rows.map(([name]) => name.length))
  const sum = rows.reduce((total, [, units]) => total + units, 0)
  return [
    "For shared energy, in GREEN (what a home is owed, or with a minus owes):",
    ...rows.map(([name, units]) => `  ${name.padEnd(widest)} ${(units / 1000).toFixed(3).padStart(9)}`),
    `  ${"together".padEnd(widest)} ${(sum / 1000).toFixed(3).padStart(9)}`,
    "",
  ]
}

async function statusOf(web: string): Promise<Status | undefined> {
  try {
    const response = await fetch(`${web}/api/status`, { signal: AbortSignal.timeout(5_000) })
    return response.ok ? ((await response.json()) as Status) : undefined
  } catch {
    return undefined
  }
}

async function waitForGateway(web: string, signal: AbortSignal): Promise<void> {
  await waitFor("The gateway did not start", signal, async () => (await statusOf(web)) !== undefined)
}

async function waitForChain(rpc: string, signal: AbortSignal): Promise<void> {
  await waitFor("The local chain did not start", signal, async () => {
    await connect(rpc).getChainId()
    return true
  })
}

async function waitFor(what: string, signal: AbortSignal, ready: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + 30_000
  while (!signal.aborted) {
    if (await ready().catch(() => false)) return
    if (performance.now() > until)
      throw new PersonError(`${what} within 30 s.`, { next: "The logs in the run's directory say more." })
    await sleep(100)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
