import { createHash } from "node:crypto"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { serve } from "@hono/node-server"
import pino from "pino"
import { stringify } from "yaml"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createValidator } from "../audit/validator.ts"
import { answerOverMqtt } from "../audit/validator-mqtt.ts"
import { serveValidator } from "../audit/validator-server.ts"
import type { Rules } from "../contracts/deploy.ts"
import { accounts } from "../demo/plan.ts"
import { createSigningKey } from "../device-sim/main.ts"
import { type Config, readConfig } from "../gateway/config.ts"
import { createIntake } from "../gateway/intake.ts"
import { type Journal, openJournal } from "../gateway/journal/journal.ts"
import { connectChain } from "../gateway/settlement/chain.ts"
import {
  createSettlement,
  type Settlement,
  type SettlementOptions,
} from "../gateway/settlement/settlement.ts"
import { evidenceRoutes } from "../gateway/web/evidence.ts"
import type { Clock } from "../protocol/clock.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, Scheme } from "../protocol/meter.ts"
import { Clock as ClockQuality } from "../protocol/reading.ts"
import { newIdentity } from "../protocol/seal.ts"
import type { Accounts } from "../protocol/tariff.ts"
import { deploy, openPool, openSite } from "../provisioning/deploy.ts"
import { signEd25519 } from "../provisioning/keys.ts"
import { registerMeters, registrationDigest } from "../provisioning/meters.ts"
import { connectOperator } from "../provisioning/operator.ts"
import { type CommunityPlan, checkPlan } from "../provisioning/plan.ts"
import type { TestChain } from "./chain.ts"

/** 2026-06-01T00:00:00Z: a boundary, and in the past of every chain that a test starts. */
export const start = 1_780_272_000
export const hour = 3600

export interface TestMeter {
  name: string
  home: number
  measures: "generation" | "grid"
  secret: Hex
  key: ReturnType<typeof createSigningKey>
  sequence: number
}

/** One account is governor, guardian and operator; a minute's window, no stakes. */
export function testPlan(over: {
  validators: readonly Hex[]
  threshold: number
  rules?: Partial<Rules>
  commons?: Hex | undefined
}): CommunityPlan {
  const { address } = accounts.operator
  const rules = { challengeWindow: 60, answerTime: 60, bond: 0, siteStake: 0, validatorStake: 0 }
  return checkPlan(
    {
      governor: address,
      guardian: address,
      operators: [address],
      delays: { governor: 61, community: 61 },
      ...over,
      rules: { ...rules, ...over.rules },
    },
    "the test's plan",
  )
}

/**
 * A community of some homes with a generation meter and a grid meter each: real contracts on a real chain, real
 * validators behind HTTP, a real journal; time and readings are the test's.
 */
export async function startCommunity(
  chain: TestChain,
  {
    homes = 2,
    validators = 3,
    threshold = 2,
    rules = {} as Partial<Rules>,
    commons = undefined as Hex | undefined,
    accounts: keptBy = undefined as Accounts | undefined,
    pool: withPool = false,
    /** A table of emission factors. */
    factors = undefined as string | undefined,
    intervalSeconds = 900,
    /** The validators are asked over this, and not over HTTP. */
    broker = undefined as string | undefined,
  } = {},
) {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-test-"))
  const auditor = await newIdentity()
  const meters: TestMeter[] = Array.from({ length: homes }, (_, home) =>
    (["generation", "grid"] as const).map((measures) => {
      const secret = createHash("sha256").update(`${home} ${measures}`).digest()
      return {
        name: `Home ${home + 1} ${measures}`,
        home,
        measures,
        secret: toHex(secret),
        key: createSigningKey(secret),
        sequence: 0,
      }
    }),
  ).flat()
  const households = Array.from({ length: homes }, (_, i) => toHex(new Uint8Array(20).fill(i + 0x11)))

  const operator = await connectOperator(chain.rpc, accounts.operator.key)
  const keys = accounts.validators.slice(0, validators)
  const deployment = await deploy(
    operator,
    testPlan({ validators: keys.map((v) => v.address), threshold, rules, commons }),
  )
  const site = await openSite(operator, deployment, accounts.gateway.address)
  await registerMeters(
    operator,
    deployment,
    meters.map((meter) => {
      const statement = {
        household: households[meter.home]!,
        site,
        scheme: Scheme.ed25519,
        assurance: Assurance.meter,
        ratedW: 5000,
        startTime: start,
        startWh: 0n,
        publicKey: toHex(meter.key.publicKey),
      }
      const possession = signEd25519(meter.secret, registrationDigest(deployment, statement))
      return { ...statement, possession }
    }),
  )

  const opened =
    withPool &&
    (await openPool(
      operator,
      deployment,
      site,
      () => {},
      (address) => {
        deployment.pools[site] = address
      },
    ))

  let now = start
  const clock: Clock = { now: () => now, delayUntil: (time) => Math.max(0, time - now) * 1000 }
  const web = await serveEvidence()
  const validatorServers: Awaited<ReturnType<typeof serveValidator>>[] = []
  const answering: ReturnType<typeof answerOverMqtt>[] = []
  for (const [i, { key }] of keys.entries()) {
    const validator = createValidator({
      rpc: chain.rpc,
      oracle: deployment.oracle,
      privateKey: key,
      identities: [auditor.identity],
      evidence: new Map([[site, evidenceFrom(web.url)]]),
      dataDir: join(directory, `validator-${i + 1}`),
      clock,
      log: () => {},
    })
    if (broker === undefined)
      validatorServers.push(await serveValidator(validator, { host: "127.0.0.1", port: 0 }))
    else
      await new Promise<void>((resolve) => {
        const listening = (what: string) => void (what === "listening over MQTT" && resolve())
        answering.push(answerOverMqtt(validator, { url: broker }, listening))
      })
  }

  const keyFile = join(directory, "gateway.key")
  writeFileSync(keyFile, accounts.gateway.key)
  if (factors !== undefined) writeFileSync(join(directory, "grid.csv"), factors)
  const configFile = join(directory, "gateway.yaml")
  writeFileSync(
    configFile,
    stringify({
      site,
      dataDir: "gateway",
      mqtt: { host: "127.0.0.1", port: 0 },
      web: { host: "127.0.0.1", port: 0 },
      chain: { rpc: chain.rpc, chainId: 31_337, oracle: deployment.oracle, keyFile, confirmations: 1 },
      settlement: { everySeconds: hour, waitSeconds: 0 },
      rules: { intervalSeconds },
      ...(keptBy && { accounts: keptBy }),
      ...(opened && { sharingPool: opened.pool }),
      ...(factors !== undefined && { emissionFactors: { file: "grid.csv" } }),
      validators:
        broker === undefined
          ? validatorServers.map(({ port }) => `http://127.0.0.1:${port}`)
          : keys.map(({ address }) => address),
      ...(broker !== undefined && { validatorBroker: { url: broker } }),
      auditors: [auditor.recipient],
      households: households.map((address, i) => ({ name: `Home ${i + 1}`, address })),
      meters: meters.map((meter) => ({
        name: meter.name,
        household: households[meter.home],
        scheme: "ed25519",
        publicKey: toHex(meter.key.publicKey),
        ratedW: 5000,
        startTime: start,
      })),
    }),
  )
  const config: Config = readConfig(configFile)
  const journal = openJournal(config.dataDir, config.meters)
  web.routes = evidenceRoutes({ journal })
  const intake = createIntake(config.meters, journal, config.rules, clock)
  const log = pino({ level: process.env.COMMONWATT_DEBUG ? "debug" : "silent" })
  const gatewayChain = connectChain({ ...config.chain, site })

  /** A new settlement over the same journal and chain, as after a restart. */
  function newSettlement(over: Partial<SettlementOptions> = {}): Settlement {
    const monotonic = () => performance.now()
    const patience = { receiptMs: 60_000, replaceMs: 120_000, graceMs: 2_000, behindMs: 0 }
    return createSettlement({
      config,
      journal,
      chain: gatewayChain,
      clock,
      monotonic,
      patience,
      log,
      ...over,
    })
  }

  /** What a meter signs at a time. */
  function sign(meter: TestMeter, time: number, registers: Registers): Uint8Array {
    return meter.key.encode({
      sequence: meter.sequence++,
      time,
      clock: ClockQuality.synchronised,
      clockSets: 1,
      boots: 1,
      ...registers,
    })
  }

  /**
   * Every meter reports each quarter of an hour from `from` to `to`; each roof makes `wattHours` in an hour, each
   * second home uses more than that, each first one less.
   */
  async function report(from: number, to: number, wattHours = 1000n): Promise<void> {
    for (let time = from; time <= to; time += 900) {
      now = Math.max(now, time)
      for (const meter of meters) {
        const made = (wattHours * BigInt(time - start)) / 3600n
        const bytes =
          meter.measures === "generation"
            ? sign(meter, time, { generatedWh: made })
            : sign(meter, time, {
                importedWh: meter.home % 2 ? made / 2n : 0n,
                exportedWh: meter.home % 2 ? 0n : made / 3n,
              })
        const outcome = await intake.submit({ source: "test", bytes })
        if (outcome.kind !== "authentic" || !outcome.verdict.accepted)
          throw new Error(`the test's own reading was not accepted: ${JSON.stringify(outcome, null, 1)}`)
      }
    }
  }

  return {
    directory,
    auditor,
    config,
    configFile,
    deployment,
    operator,
    clock,
    site,
    meters,
    households,
    journal,
    intake,
    chain: gatewayChain,
    evidenceUrl: web.url,
    validators: validatorServers,
    setTime(time: number) {
      now = time
    },
    /** Puts another journal behind the evidence's address. */
    serve(other: Journal) {
      web.routes = evidenceRoutes({ journal: other })
    },
    settlement: newSettlement,
    sign,
    report,
    /** Settles everything up to now, letting the chain's windows pass. */
    async settle(settlement: Settlement = newSettlement()): Promise<void> {
      for (let i = 0; i < 20; i++) {
        await settlement.advance()
        const { problem, doing } = settlement.status
        if (problem) throw new Error(problem)
        if (doing === "up to date" || doing === "nothing new to settle") return
        await chain.pass(61)
      }
      throw new Error(`it does not come to an end: ${settlement.status.doing}`)
    },
    async stop(): Promise<void> {
      for (const server of [...validatorServers, ...answering]) await server.close()
      await web.close()
      journal.close()
    },
  }
}

export type Community = Awaited<ReturnType<typeof startCommunity>>

interface Registers {
  generatedWh?: bigint
  importedWh?: bigint
  exportedWh?: bigint
}

/** A web server whose routes are put in later: validators must know its address before there is a journal. */
async function serveEvidence() {
  const holder: {
    url: string
    routes: { fetch: (request: Request) => Response | Promise<Response> } | undefined
    close(): Promise<void>
  } = {
    url: "",
    routes: undefined,
    close: async () => {},
  }
  await new Promise<void>((resolve) => {
    const server = serve(
      {
        fetch: (request) => holder.routes?.fetch(request) ?? new Response("", { status: 503 }),
        hostname: "127.0.0.1",
        port: 0,
      },
      ({ port }) => {
        holder.url = `http://127.0.0.1:${port}`
        holder.close = () => new Promise((done) => server.close(() => done()))
        resolve()
      },
    )
  })
  return holder
}
