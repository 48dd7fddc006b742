import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { entropyToMnemonic } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { mnemonicToAccount } from "viem/accounts"
import {
  createSigningKey,
  type FaultSpec,
  type HomeSpec,
  type MeterSpec,
  modelledHomes,
  readHomes,
  type Scenario,
} from "../device-sim/main.ts"
import type { ConfigInput } from "../gateway/config.ts"
import type { Pace } from "../protocol/clock.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, Scheme } from "../protocol/meter.ts"
import type { Deployment } from "../provisioning/deploy.ts"
import { signEd25519 } from "../provisioning/keys.ts"
import { heldKey } from "../provisioning/meter-keys.ts"
import { type MeterRegistration, registrationDigest, type Statement } from "../provisioning/meters.ts"
import type { CommunityPlanInput } from "../provisioning/plan.ts"
import type { DemoOptions } from "./options.ts"

const day = 86_400
/** Freiburg im Breisgau. */
const place = { latitude: 48, longitude: 7.85 }
/** 32 A on three phases of 230 V: what a plain meter's circuit can carry. */
const plainMeterW = 22_080
/** What neighbours pay for a shared kWh, units of a thousandth of a GREEN: cheap when there is much sun. */
const price = { usual: 250, midday: 150, fundParts: 50_000 }
/** How far each account may be in debt: 50 GREEN. */
export const creditLimit = 50_000n
/** A main fuse of 63 A. */
const gridMeterW = 43_470
const headroomBasisPoints = 1000
const chainId = 31_337
const plainMetersBus = "meter cupboard"

export interface Ports {
  chain: number
  mqtt: number
  modbus: number
  web: number
  validators: readonly number[]
}

/** Everything about a run that is decided once; kept in its directory, so that the run can be continued. */
export interface DemoPlan {
  seed: number
  pace: Pace
  ports: Ports
  everySeconds: number
  batchSeconds: number
  scenario: Scenario
  start: number
  /** When it ends, if it does. */
  end: number | undefined
  auditor: { identity: string; recipient: string }
  /** Meters that get another key on the way, and from when on. */
  keyChanges: readonly { meter: string; from: number }[]
}

/** How long everything has to come up before virtual time moves, so that the first interval is whole. */
const startUpMs = 5_000

/** Pure but for reading the data file: what to simulate, at what pace, how often to read and to settle. */
export function planDemo(
  options: DemoOptions,
  ports: Ports,
  auditor: DemoPlan["auditor"],
  wallNow: number,
): DemoPlan {
  const { data, days, speed, seed } = options
  const file = data === undefined ? undefined : readHomes(readData(data), data)
  // Whole days of the file, from its first midnight on.
  const first = (file ? Math.ceil(file.firstHour / day) : Math.floor(wallNow / 1000 / day) - days) * day
  const start = options.from ?? first
  const last = file ? file.firstHour + file.hours * 3600 : wallNow / 1000
  if (start < (file ? first : 0) || start + (options.once ? days : 1) * day > last)
    throw new PersonError("Not all of the days that were asked for can be had.", {
      context: [
        file
          ? `The data go from ${iso(first)} to ${iso(last)}.`
          : "Virtual time is always behind the wall clock: the last day is yesterday.",
      ],
      next: "Use another --from, or fewer --days.",
    })
  const end = options.once ? start + days * day : undefined
  const pace: Pace = { start, wallStart: wallNow + startUpMs, speed, ...(end !== undefined && { end }) }
  const everySeconds = speed > 6000 ? 900 : 300
  const homes: HomeSpec[] = file
    ? file.homes.map(({ name }) => ({ name: name.replace(/^home(\d+)$/, "Home $1"), column: name }))
    : modelledHomes(options.homes, seed)
  const panelsOf = (home: HomeSpec): number => {
    const replayed = file?.homes.find(({ name }) => name === home.column)
    return replayed ? Math.ceil(Math.max(...replayed.generatedWh) / 500) * 500 : (home.panelsW ?? 0)
  }
  const planned = homes.flatMap((home, i) => metersOf(home, i, panelsOf(home), { seed, everySeconds }))
  const keyChanges = planKeyChanges(planned, start)
  const meters = planned.map((meter): MeterSpec => {
    const change = keyChanges.find((one) => one.meter === meter.name)
    if (!change || meter.kind === "modbus") return meter
    return { ...meter, laterKeys: [{ secret: toHex(laterSecretOf(seed, meter.name)), from: change.from }] }
  })
  const scenario: Scenario = {
    clock: pace,
    seed,
    start,
    ...(file && data !== undefined ? { data: { file: data } } : { place }),
    homes,
    mqtt: { url: `mqtt://127.0.0.1:${ports.mqtt}` },
    buses: [{ name: plainMetersBus, host: "127.0.0.1", port: ports.modbus }],
    meters,
    faults: planFaults(options, meters, start),
    state: "simulator-boots",
  }
  return {
    seed,
    pace,
    ports,
    everySeconds,
    batchSeconds: batchSecondsFor(speed),
    scenario,
    start,
    end,
    auditor,
    keyChanges,
  }
}

/** One roof that signs for itself and one that the gateway signs for get another key on the first day. */
function planKeyChanges(meters: readonly MeterSpec[], start: number): DemoPlan["keyChanges"] {
  const roof = (kind: MeterSpec["kind"]) =>
    meters.find((meter) => meter.kind === kind && meter.measures === "generation")
  const changes = [
    { meter: roof("mqtt"), after: 12 * 3600 },
    { meter: roof("modbus"), after: 13 * 3600 },
  ]
  return changes.flatMap(({ meter, after }) => (meter ? [{ meter: meter.name, from: start + after }] : []))
}

function readData(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new PersonError(`The data file ${file} cannot be read.`, { context: [(cause as Error).message] })
  }
}

function iso(time: number): string {
  return new Date(time * 1000).toISOString().slice(0, 16)
}

/** Home 1 has two plain meters on a Modbus line, all others meters that sign for themselves. */
function metersOf(
  home: HomeSpec,
  i: number,
  panelsW: number,
  { seed, everySeconds }: { seed: number; everySeconds: number },
): MeterSpec[] {
  const roles = panelsW > 0 ? (["generation", "grid"] as const) : (["grid"] as const)
  return roles.map((measures): MeterSpec => {
    const name = `${home.name} ${measures === "generation" ? "roof" : "grid"}`
    const about = { name, home: home.name, measures }
    // A float32 register in kWh is exact to the Wh up to 16,384 kWh.
    if (i === 0)
      return {
        ...about,
        startWh: measures === "generation" ? { generated: 112_358 } : { imported: 131_071, exported: 54_321 },
        kind: "modbus",
        device: "sdm630",
        bus: plainMetersBus,
        unit: measures === "generation" ? 1 : 2,
      }
    const startWh =
      measures === "generation"
        ? { generated: 48_213_407 + 1_000_003 * i }
        : { imported: 31_415_926 + 700_001 * i, exported: 27_182_818 + 500_009 * i }
    return { ...about, startWh, kind: "mqtt", secret: toHex(secretOf(seed, name)), every: everySeconds }
  })
}

/** One fault after the other, from the first morning on, each at another meter where there are enough. */
function planFaults({ faults }: DemoOptions, meters: readonly MeterSpec[], start: number): FaultSpec[] {
  const liars = meters.filter((meter) => meter.kind === "mqtt" && meter.measures === "generation")
  const morning = Math.floor(start / day) * day + (start % day > 8 * 3600 ? day : 0) + 9 * 3600
  return faults.flatMap((fault, i) => {
    const meter = liars[i % liars.length]
    return meter ? [{ meter: meter.name, fault, at: morning + i * 1800, lasts: 1800 }] : []
  })
}

/** A batch takes some seconds of the wall clock from readings to mint: the next is not to come before. */
function batchSecondsFor(speed: number): number {
  const choices = [900, 1800, 3600, 7200, 10_800, 21_600, 43_200]
  return choices.find((seconds) => seconds >= 3.5 * speed) ?? day
}

/** Keys of a demonstration come from its seed: worth nothing, and the same each time. */
export function secretOf(seed: number, label: string): Uint8Array {
  return createHash("sha256").update(`commonwatt demo ${seed} ${label}`).digest()
}

/** Of a meter that gets another key: that one's. */
export function laterSecretOf(seed: number, meter: string): Uint8Array {
  return secretOf(seed, `${meter}, its second key`)
}

/** anvil's well-known accounts, which hold play money on every local chain. */
function accountKey(index: number): { address: Hex; key: Hex } {
  const account = mnemonicToAccount("test test test test test test test test test test test junk", {
    addressIndex: index,
  })
  return { address: account.address.toLowerCase() as Hex, key: toHex(account.getHdKey().privateKey!) }
}

export const accounts = {
  operator: accountKey(0),
  gateway: accountKey(1),
  validators: [accountKey(2), accountKey(3), accountKey(4)],
  relay: accountKey(5),
} as const

/** What the demonstration's accounts are kept by; they are stated at each midnight. */
function accountsOf(plan: DemoPlan): NonNullable<ConfigInput["accounts"]> {
  return {
    version: 1,
    fund: fundOf(plan),
    everySeconds: day,
    tariffs: [
      {
        from: plan.start,
        unitsPerKWh: price.usual,
        periods: [{ fromMinute: 11 * 60, toMinute: 16 * 60, unitsPerKWh: price.midday }],
        utcOffsetMinutes: 60,
        fundParts: price.fundParts,
      },
    ],
  }
}

function fundOf(plan: DemoPlan): Hex {
  return householdOf(plan, "the commons fund")
}

/** The name of each account: homes, and the commons fund. */
export function accountNames(plan: DemoPlan): Map<Hex, string> {
  const homes = plan.scenario.homes.map(({ name }): [Hex, string] => [householdOf(plan, name), name])
  return new Map([...homes, [fundOf(plan), "Commons fund"]])
}

/** The twelve words of a household's key, which a browser takes. */
export function householdWords(plan: Pick<DemoPlan, "seed">, home: string): string {
  return entropyToMnemonic(secretOf(plan.seed, `household ${home}`).subarray(0, 16), wordlist)
}

const householdAddresses = new Map<string, Hex>()

export function householdOf(plan: Pick<DemoPlan, "seed">, home: string): Hex {
  const words = householdWords(plan, home)
  const address = householdAddresses.get(words) ?? (mnemonicToAccount(words).address.toLowerCase() as Hex)
  householdAddresses.set(words, address)
  return address
}

/** The secret that signs for a meter: its own, or the gateway's for it. */
function secretFor(plan: DemoPlan, meter: MeterSpec): Uint8Array {
  return meter.kind === "mqtt" ? fromHex(meter.secret, 32) : secretOf(plan.seed, meter.name)
}

function ratedWOf(meter: MeterSpec, panels: (home: string) => number): number {
  if (meter.kind === "modbus") return plainMeterW
  return meter.measures === "generation" ? panels(meter.home) : gridMeterW
}

/** What the operator registers on chain, signed by the meters' keys. */
export function registrations(plan: DemoPlan, deployment: Deployment, site: number): MeterRegistration[] {
  return statements(plan, site).map((statement, i) => {
    const secret = toHex(secretFor(plan, plan.scenario.meters[i]!))
    return { ...statement, possession: signEd25519(secret, registrationDigest(deployment, statement)) }
  })
}

function statements(plan: DemoPlan, site: number): Statement[] {
  const panels = panelsIn(plan)
  return plan.scenario.meters.map((meter) => ({
    household: householdOf(plan, meter.home),
    site,
    scheme: Scheme.ed25519,
    assurance: meter.kind === "mqtt" ? Assurance.meter : Assurance.gateway,
    ratedW: ratedWOf(meter, panels),
    startTime: plan.start,
    startWh: BigInt(meter.startWh?.generated ?? 0),
    publicKey: toHex(createSigningKey(secretFor(plan, meter)).publicKey),
  }))
}

/** Rated power of a home's panels: as modelled, or the least multiple of 500 W that the data's best hour needs. */
function panelsIn(plan: DemoPlan): (home: string) => number {
  const { data, homes } = plan.scenario
  const file = data ? readHomes(readFileSync(data.file, "utf8"), data.file) : undefined
  return (name) => {
    const spec = homes.find((home) => home.name === name)
    const replayed = file?.homes.find((home) => home.name === spec?.column)
    return replayed ? Math.ceil(Math.max(...replayed.generatedWh) / 500) * 500 : (spec?.panelsW ?? 0)
  }
}

/** Everyone may know it: the demonstration is served to this machine alone. */
export const operatorPassword = "plenty of sunshine"
const operatorHash =
  "$scrypt$ln=14,r=8,p=1$Mdm+887Wkjt2ohIBkTDl/Q$+wik4MZ8sGGtAPBTul2I6GFzSUPsduMcztoR9XmFhJM"

/** The gateway's configuration file, as an operator would write it. */
/** Days pass in seconds, so what is looked at every ten minutes elsewhere is looked at every ten seconds. */
const lookSeconds = 10

export function gatewayConfig(plan: DemoPlan, deployment: Deployment, site: number): ConfigInput {
  const { ports, pace, scenario, everySeconds } = plan
  const listed = statements(plan, site)
  return {
    site,
    name: scenario.data ? "Replayed homes" : "Demonstration",
    timeZone: scenario.data ? "UTC" : "Europe/Berlin",
    dataDir: "gateway",
    pace,
    mqtt: { host: "127.0.0.1", port: ports.mqtt },
    web: { host: "127.0.0.1", port: ports.web, operatorPassword: operatorHash },
    chain: {
      rpc: `http://127.0.0.1:${ports.chain}`,
      chainId,
      oracle: deployment.oracle,
      keyFile: "gateway.key",
      // It is the only node, and what it has mined stays.
      confirmations: 1,
    },
    relay: { keyFile: "relay.key" },
    settlement: { everySeconds: plan.batchSeconds, waitSeconds: 20 },
    rules: { intervalSeconds: 900, headroomBasisPoints, clockToleranceSeconds: 120 },
    accounts: accountsOf(plan),
    sharingPool: deployment.pools[site]!,
    validators: ports.validators.map((port) => `http://127.0.0.1:${port}`),
    replicate: {
      factor: 3,
      peers: ports.validators.map((port) => `http://127.0.0.1:${port}`),
      everySeconds: lookSeconds,
    },
    auditors: [plan.auditor.recipient],
    households: scenario.homes.map(({ name }) => ({ name, address: householdOf(plan, name) })),
    buses: [{ name: plainMetersBus, tcp: { host: "127.0.0.1", port: ports.modbus } }],
    meters: scenario.meters.map((meter, i) => ({
      name: meter.name,
      household: listed[i]!.household,
      scheme: "ed25519" as const,
      publicKey: listed[i]!.publicKey,
      ratedW: listed[i]!.ratedW,
      startTime: listed[i]!.startTime,
      startWh: listed[i]!.startWh.toString(),
      ...(meter.kind === "modbus" && {
        modbus: {
          bus: plainMetersBus,
          unit: meter.unit,
          profile: meter.device,
          measures: meter.measures,
          everySeconds,
          keyFile: plainKeyFile(meter.name),
          ...(plan.keyChanges.some((change) => change.meter === meter.name) && {
            laterKeyFiles: [laterKeyFile(meter.name)],
          }),
        },
      }),
    })),
  }
}

export function plainKeyFile(meter: string): string {
  return `${meter.toLowerCase().replaceAll(" ", "-")}.key`
}

export function laterKeyFile(meter: string): string {
  return plainKeyFile(`${meter} 2`)
}

/** What the registry is told of the meters' next keys: signed by the old one and the new. */
export function rotations(plan: DemoPlan) {
  return plan.keyChanges.map(({ meter, from }) => {
    const spec = plan.scenario.meters.find(({ name }) => name === meter)!
    const old = secretFor(plan, spec)
    return {
      meterId: createSigningKey(old).meterId,
      old: (digest: Hex) => signEd25519(toHex(old), digest),
      next: heldKey(toHex(laterSecretOf(plan.seed, meter))),
      from,
    }
  })
}

export function validatorConfig(plan: DemoPlan, deployment: Deployment, site: number, i: number) {
  return {
    dataDir: `validator-${i + 1}`,
    listen: { host: "127.0.0.1", port: plan.ports.validators[i] },
    rpc: `http://127.0.0.1:${plan.ports.chain}`,
    oracle: deployment.oracle,
    keyFile: `validator-${i + 1}.key`,
    identityFile: "auditor.key",
    sites: [{ site, evidence: `http://127.0.0.1:${plan.ports.web}` }],
    replicate: { factor: 2, peers: [`http://127.0.0.1:${plan.ports.web}`], everySeconds: lookSeconds },
    pace: plan.pace,
  }
}

/** One account is governor, guardian and operator. A window of a second, as days pass in seconds; stakes of play money. */
export const communityPlan = {
  governor: accounts.operator.address,
  guardian: accounts.operator.address,
  operators: [accounts.operator.address],
  delays: { governor: 60, community: 60 },
  validators: accounts.validators.map(({ address }) => address),
  threshold: 2,
  rules: {
    challengeWindow: 1,
    answerTime: 60,
    headroom: headroomBasisPoints,
    gatewayHeadroom: headroomBasisPoints,
    bond: 1_000_000,
    siteStake: 4_000_000,
    validatorStake: 2_000_000,
  },
  sharingKey: "proportional",
} satisfies CommunityPlanInput
