import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { stringify } from "yaml"
import type { Values } from "../cli/command.ts"
import { provision } from "../cli/provision.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { accounts, communityPlan } from "../demo/plan.ts"
import { readConfig } from "../gateway/config.ts"
import { invitationsFile, readInvitations, redeemInvitation } from "../gateway/web/invitations.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import { meterIdOf, Scheme } from "../protocol/meter.ts"
import { standing } from "../provisioning/community.ts"
import { deploy } from "../provisioning/deploy.ts"
import { createKey } from "../provisioning/keys.ts"
import { connectOperator } from "../provisioning/operator.ts"
import { checkPlan } from "../provisioning/plan.ts"
import { startTestChain } from "./chain.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())
const operator = await connectOperator(chain.rpc, accounts.operator.key)
const deployment = await deploy(operator, checkPlan(communityPlan, "plan"))
const { timestamp } = await operator.getBlock()
const day = 86_400

const folder = t.testdir({
  "operator.key": accounts.operator.key,
  "deployment.json": JSON.stringify(deployment),
  "plan.yaml": stringify(communityPlan),
  "gateway.yaml": `# our lane
site: 1
dataDir: data
mqtt: { host: 127.0.0.1, port: 0 }
web: { host: 127.0.0.1, port: 0 }
chain: { rpc: "${chain.rpc}", chainId: 31337, oracle: "${deployment.oracle}", keyFile: gateway.key }
settlement: { everySeconds: 86400 }
rules: {}
auditors: [age1auditor]
households: []
buses:
  - { name: cupboard, tcp: { host: 192.0.2.1 } }
meters: []
`,
})
const at = (name: string) => join(folder, name)
const node = { rpc: chain.rpc, "key-file": at("operator.key"), deployment: at("deployment.json") }

/** @returns what was said, or what the person was told. */
async function run(
  positionals: string,
  values: Values,
): Promise<{ out: string; said: string; told: string }> {
  const out = t.capture(process.stdout, "write", () => true)
  const said = t.capture(process.stderr, "write", () => true)
  let told = ""
  try {
    await provision.run(values, positionals.split(" "))
  } catch (error) {
    if (!(error instanceof PersonError)) throw error
    told = [error.message, ...error.context, error.next].join("\n")
  } finally {
    out.restore()
    said.restore()
  }
  const text = (calls: { args: unknown[] }[]) => calls.map(({ args }) => String(args[0])).join("")
  return { out: text(out()), said: text(said()), told }
}

const anna = `0x${"a1".repeat(20)}` as const
const keys: Record<string, { publicKey: Hex; meterId: Hex }> = {}
for (const name of ["roof", "grid", "next", "found"]) {
  const made = await createKey("meter", at(`${name}.key`))
  if (made.kind === "meter") keys[name] = made
}
await run("site", { ...node, gateway: accounts.gateway.address })
const registered = (meterId: Hex) =>
  operator.readContract({
    address: deployment.registry,
    abi: meterRegistryAbi,
    functionName: "meter",
    args: [meterId],
  })

t.test("one file makes a community, and what was made is compared with it", async (t) => {
  const options = {
    rpc: chain.rpc,
    "key-file": at("operator.key"),
    plan: at("plan.yaml"),
    out: at("other.json"),
  }
  t.match(await run("community init", { ...options, "dry-run": true }), {
    told: "",
    out: "",
    said: /threshold 2 of 3/,
  })
  const made = await run("community init", options)
  t.match(made, { told: "", said: /All \d+ hold\./ })
  t.notMatch(made.out, /DIFFERS/)
  t.match(
    await run("community init", options),
    { told: "", said: /All \d+ hold\./ },
    "once more changes nothing",
  )
})

t.test("a meter is added after its summary: on chain and in the configuration, once", async (t) => {
  const options = {
    ...node,
    config: at("gateway.yaml"),
    name: "Anna roof",
    household: "Anna",
    address: anna,
    "rated-w": "5000",
    time: String(timestamp),
    "start-wh": "112358",
    "meter-key": at("roof.key"),
    bus: "cupboard",
    unit: "1",
    profile: "sdm630",
    measures: "generation",
  }
  const before = readFileSync(at("gateway.yaml"), "utf8")
  const dry = await run("meter add", { ...options, rpc: undefined, "dry-run": true })
  t.match(dry, {
    told: "",
    said: /Anna roof: household Anna 0xa1.*\n.*5000 W at most, its display showed 112\.358 kWh/,
  })
  t.equal(readFileSync(at("gateway.yaml"), "utf8"), before)
  t.equal((await registered(keys.roof!.meterId)).status, 0)

  const bad = await run("meter add", { ...options, profile: "sdm6300" })
  t.match(bad.told, /There is no meter profile/)
  t.equal(
    (await registered(keys.roof!.meterId)).status,
    0,
    "what the gateway would not take is not registered",
  )

  t.match(await run("meter add", options), { told: "", said: /1 registered, 0 were/ })
  t.match(await registered(keys.roof!.meterId), { status: 1, site: 1, ratedW: 5000 })
  t.match(readConfig(at("gateway.yaml")), {
    households: [{ name: "Anna" }],
    meters: [{ name: "Anna roof", startWh: 112_358n }],
  })
  t.match(readFileSync(at("gateway.yaml"), "utf8"), /^# our lane\n/)
  t.match(await run("meter add", options), { told: "", said: /0 registered, 1 were[\s\S]*has it already/ })
  t.match(
    (await run("meter add", { ...options, address: `0x${"b2".repeat(20)}`, household: "Bert" })).told,
    /registered already, for household 0xa1/,
  )
})

t.test("a table adds many, and a household is added by itself", async (t) => {
  writeFileSync(
    at("meters.csv"),
    `name;household;address;ratedW;startTime;keyFile;bus;unit;profile;measures
Anna grid;Anna;${anna};17000;${timestamp};grid.key;cupboard;2;sdm630;grid
Anna roof;Anna;${anna};5000;${timestamp};roof.key;cupboard;1;sdm630;generation
`,
  )
  t.match(await run(`import ${at("meters.csv")}`, { ...node, config: at("gateway.yaml") }), {
    told: "",
    said: /1 registered, 1 were/,
  })
  t.equal((await registered(keys.grid!.meterId)).status, 1)
  const carla = { config: at("gateway.yaml"), name: "Carla", address: `0x${"c3".repeat(20)}` }
  t.match(await run("household add", { ...carla, "dry-run": true }), { told: "" })
  t.equal(readConfig(at("gateway.yaml")).households.length, 1)
  t.match(await run("household add", carla), { told: "" })
  t.equal(readConfig(at("gateway.yaml")).households.length, 2)
  t.equal(readConfig(at("gateway.yaml")).meters.length, 2)
})

t.test("labels are printed, and an invitation that lets its household in once", async (t) => {
  const page = { config: at("gateway.yaml"), page: "https://lane.example" }
  t.match(await run("labels", { ...page, out: at("labels.html") }), { told: "" })
  const sheet = readFileSync(at("labels.html"), "utf8")
  for (const { meterId } of [keys.roof!, keys.grid!]) t.ok(sheet.includes(meterId))
  t.ok(existsSync(join(at("labels-svg"), `${keys.roof!.meterId.slice(2, 18)}.svg`)))

  const invitation = { ...page, household: "Anna", out: at("anna.html") }
  t.match((await run("invite", { ...invitation, page: "http://lane.example" })).told, /must be https/)
  t.match((await run("invite", { ...invitation, household: "Dora" })).told, /Use one of: Anna, Carla/)
  const made = await run("invite", invitation)
  t.equal(made.told, "")
  const [, token = ""] =
    /https:\/\/lane\.example\/join#([\w-]+)/.exec(readFileSync(at("anna.html"), "utf8")) ?? []
  t.notOk((made.out + made.said).includes(token), "the token stands on paper alone")
  const entries = readInvitations(invitationsFile(at("data")))
  t.equal(redeemInvitation(entries, token, Math.floor(Date.now() / 1000))?.household, anna)
})

t.test("a meter's key is rotated by the key before it, and recovered after a delay", async (t) => {
  const { meterId } = keys.roof!
  const now = Number((await operator.getBlock()).timestamp)
  const rotation = {
    ...node,
    meter: meterId,
    "old-key": at("roof.key"),
    "meter-key": at("next.key"),
    time: String(now + 600),
  }
  t.match((await run("meter rotate-key", { ...rotation, "old-key": at("grid.key") })).told, /NotSigned/)
  const config = at("gateway.yaml")
  const laterKeysOf = (name: string) =>
    readConfig(config).meters.find((one) => one.name === name)?.modbus?.laterKeyFiles
  t.match(await run("meter rotate-key", { ...rotation, config, "dry-run": true }), { told: "" })
  t.equal(laterKeysOf("Anna roof"), undefined)
  t.match(
    (await run("meter rotate-key", { ...rotation, config, meter: keys.next!.meterId })).told,
    /has no meter 0x/,
  )
  t.match(await run("meter rotate-key", { ...rotation, config }), {
    told: "",
    said: /done[\s\S]*learn of it from the registry[\s\S]*Start the gateway anew before 20/,
  })
  t.same(laterKeysOf("Anna roof"), [at("next.key")], "the gateway has the file, and comments stay")
  t.match(readFileSync(config, "utf8"), /^# our lane\n/)
  const kidAt = (time: number) =>
    operator.readContract({
      address: deployment.registry,
      abi: meterRegistryAbi,
      functionName: "kidAt",
      args: [meterId, BigInt(time)],
    })
  t.equal(await kidAt(now + 599), meterId.slice(0, 18))
  t.equal(await kidAt(now + 600), meterIdOf(Scheme.ed25519, fromHex(keys.next!.publicKey)).slice(0, 18))

  const lost = { ...node, meter: meterId, "meter-key": at("found.key") }
  t.match((await run("meter recover finish", lost)).told, /No recovery of meter .* is announced/)
  t.match((await run("meter recover announce", lost)).told, /It is scheduled for/)
  await chain.pass(62)
  t.match(await run("meter recover announce", lost), {
    told: "",
    said: /to be finished from 20[\s\S]*meter recover cancel[\s\S]*meter recover finish/,
  })
  t.match((await run("meter recover finish", lost)).told, /can be finished from/)
  t.match(await run("meter recover cancel", { ...node, meter: meterId }), { told: "" })
  t.match((await run("meter recover cancel", { ...node, meter: meterId })).told, /No recovery/)
  await run("meter recover announce", lost)
  await chain.pass(62)
  t.match(await run("meter recover announce", lost), { told: "" })
  await chain.pass(7 * day + 1)
  t.match(await run("meter recover finish", { ...lost, config }), {
    told: "",
    said: /done: the new key is in force[\s\S]*Start the gateway anew now/,
  })
  t.same(laterKeysOf("Anna roof"), [at("next.key"), at("found.key")])
  const later = Number((await operator.getBlock()).timestamp) + 1
  t.equal(await kidAt(later), meterIdOf(Scheme.ed25519, fromHex(keys.found!.publicKey)).slice(0, 18))
})

t.test("the community's decisions: rules with notice, validators, a successor", async (t) => {
  const soon = async (seconds: number) => String(Number((await operator.getBlock()).timestamp) + seconds)
  writeFileSync(
    at("plan.yaml"),
    stringify({ ...communityPlan, threshold: 3, rules: { ...communityPlan.rules, headroom: 500 } }),
  )
  const decided = { ...node, plan: at("plan.yaml") }
  /** Schedules, lets the delay pass, and does. */
  const twice = async (positionals: string, values: Values) => {
    t.match((await run(positionals, values)).told, /It is scheduled for/, positionals)
    await chain.pass(62)
    t.match(await run(positionals, values), { told: "" }, positionals)
  }
  const announce = { ...decided, time: await soon(8 * day) }
  t.match(await run("policy announce", { ...announce, "dry-run": true }), { told: "", said: /headroom 5 %/ })
  await twice("policy announce", announce)
  t.match((await standing(operator, deployment)).policy, {
    inForce: 1,
    latest: 2,
    latestFrom: Number(announce.time),
  })
  t.match((await run("policy update", node)).told, /RulesUnchanged/)
  await chain.pass(8 * day)
  t.match(await run("policy update", node), { told: "" })
  await twice("validators", decided)
  t.equal((await standing(operator, deployment)).validators.threshold, 3)
  t.match(await run("validators", decided), { told: "", said: /they are that already/ })
  await twice("policy announce", { ...decided, time: await soon(8 * day) })
  t.match(await run("policy withdraw", { ...node, version: "3" }), { told: "" })

  await twice("succession announce", { ...node, oracle: deployment.oracle })
  t.match((await standing(operator, deployment)).oracle.successor?.toLowerCase(), deployment.oracle)
  t.match((await run("succession finish", node)).told, /SuccessionNotYet/)
  t.match(await run("succession withdraw", node), { told: "" })
  const shown = await run("policy show", node)
  t.match(JSON.parse(shown.out), { policy: { inForce: 2, latest: 3 }, validators: { threshold: 3 } })
})
