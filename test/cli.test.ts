import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import t from "tap"
import { parse, stringify } from "yaml"
import { type Command, runCommand } from "../cli/command.ts"
import { accounts, communityPlan } from "../demo/plan.ts"
import { freePort } from "../demo/processes.ts"
import { verifyPassword } from "../gateway/password.ts"
import { CID } from "../protocol/block.ts"
import { readCar } from "../protocol/car.ts"
import type { Hex } from "../protocol/hex.ts"
import { signEd25519 } from "../provisioning/keys.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"

/** Runs a command as a person would. */
function commonwatt(args: readonly string[], input = "") {
  const child = spawn(process.execPath, ["dist/cli/commonwatt.js", ...args])
  child.stdin.end(input)
  let out = ""
  let talk = ""
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk
  })
  child.stderr.on("data", (chunk: Buffer) => {
    talk += chunk
  })
  const ended = new Promise<{ code: number | null; out: string; talk: string }>((done) =>
    child.once("close", (code) => done({ code, out, talk })),
  )
  return { child, ended, said: () => talk }
}
const run = (...args: string[]) => commonwatt(args).ended

/** A command by its name, out of the file that holds it. */
async function commandOf(name: string): Promise<Command> {
  const parts = Object.values((await import(`../cli/${name}.js`)) as Record<string, Partial<Command>>)
  const command = parts.find((part) => part.name === name && part.run)
  if (!command) throw new Error(`cli/${name}.ts holds no command ${name}`)
  return command as Command
}

/** What is said on stderr meanwhile, where nobody else says anything. */
async function saidBy(work: () => Promise<number>): Promise<{ code: number; talk: string }> {
  const { write } = process.stderr
  let talk = ""
  process.stderr.write = (text: string | Uint8Array) => {
    talk += text
    return true
  }
  try {
    const code = await work()
    return { code, talk }
  } finally {
    process.stderr.write = write
  }
}

const chain = await startTestChain()
t.teardown(() => chain.stop())

t.test("each command has help with an example, and answers a mistake in words", async (t) => {
  for (const name of [
    "demo",
    "run",
    "sim",
    "read",
    "verify",
    "validate",
    "audit",
    "claim",
    "challenge",
    "disclose",
    "evidence",
    "backup",
    "restore",
    "config",
    "provision",
  ]) {
    const command = await commandOf(name)
    t.match(command.help, /\nExample/, name)
    const mistake = await saidBy(() => runCommand(command, ["--no-such-option"]))
    t.equal(mistake.code, 2)
    t.match(mistake.talk, new RegExp(`^commonwatt ${name}: .*--no-such-option`))
    t.notMatch(mistake.talk, /\n {4}at /, "no stack trace")
  }
  const help = await run("verify", "--help")
  t.match([help.code, help.out], [0, /^commonwatt verify: .*\nExample/s])
  const mistake = await run("verify", "--no-such-option")
  t.match([mistake.code, mistake.talk], [2, /^commonwatt verify: .*--no-such-option/])
  t.equal((await run("no-such-command")).code, 2)
})

t.test("a password comes in by standard input and goes out as its hash alone", async (t) => {
  const { code, out } = await commonwatt(["provision", "password"], "correct horse battery\n").ended
  t.equal(code, 0)
  t.ok(await verifyPassword(Buffer.from("correct horse battery"), out.trim()))
  const short = await commonwatt(["provision", "password"], "hunter2\n").ended
  t.equal(short.code, 2)
  t.match(short.talk, /7 characters, it must have at least 12/)
})

t.test("an operator's way by hand: keys, contracts, a site, meters", async (t) => {
  const directory = t.testdir()
  const at = (name: string) => join(directory, name)
  const node = ["--rpc", chain.rpc, "--key-file", at("operator.key")]
  writeFileSync(at("operator.key"), accounts.operator.key)

  const made = await run("provision", "key", "--kind", "meter", "--out", at("roof.key"))
  t.equal(made.code, 0)
  const { publicKey } = JSON.parse(made.out) as { publicKey: string }
  t.equal(statSync(at("roof.key")).mode & 0o777, 0o600, "readable by its owner alone")
  const secret = readFileSync(at("roof.key"), "utf8")
  const again = await run("provision", "key", "--kind", "meter", "--out", at("roof.key"))
  t.equal(again.code, 2)
  t.equal(readFileSync(at("roof.key"), "utf8"), secret, "a key is never written over")

  writeFileSync(at("community.yaml"), stringify(communityPlan))
  const plan = ["--plan", at("community.yaml")]
  const dry = await run("provision", "deploy", ...node, ...plan, "--out", at("deployment.json"), "--dry-run")
  t.same([dry.code, dry.out], [0, ""])
  t.match(dry.talk, /threshold 2 of 3 validators\nchallenge window 1 s/)
  t.notOk(existsSync(at("deployment.json")))
  t.equal((await run("provision", "deploy", ...node, ...plan, "--out", at("deployment.json"))).code, 0)
  const deployed = [...node, "--deployment", at("deployment.json")]
  const check = ["provision", "deploy", "--check", ...plan, "--rpc", chain.rpc, ...deployed.slice(-2)]
  const good = await run(...check)
  t.equal(good.code, 0)
  t.match(good.out, /^ok {7}ImpactOracle: code at 0x/m)
  t.notMatch(good.out, /DIFFERS/)
  const site = await run("provision", "site", ...deployed, "--gateway", accounts.gateway.address)
  t.match(JSON.parse(site.out), { site: 1, gateway: accounts.gateway.address })
  writeFileSync(at("community.yaml"), stringify({ ...communityPlan, threshold: 3 }))
  const differing = await run(...check)
  t.equal(differing.code, 1)
  t.match(differing.out, /^DIFFERS {2}validators: 3 of 3 must sign: there are 2 of /m)

  const meter = {
    household: `0x${"11".repeat(20)}`,
    site: 1,
    scheme: "ed25519",
    publicKey,
    assurance: "gateway",
    ratedW: 5000,
    startTime: start,
    startWh: 112_358,
  }
  writeFileSync(at("meters.yaml"), stringify([meter]))
  const list = ["--list", at("meters.yaml")]
  const unsigned = await run("provision", "meters", ...deployed, ...list)
  t.equal(unsigned.code, 2)
  t.match(unsigned.talk, /has neither keyFile nor possession/)
  const toSign = await run("provision", "possession", ...deployed.slice(-2), ...list)
  const { meterId, digest } = JSON.parse(toSign.out) as { meterId: Hex; digest: Hex }
  writeFileSync(at("meters.yaml"), stringify([{ ...meter, keyFile: "roof.key" }]))
  t.equal((await run("provision", "meters", ...deployed, ...list)).code, 0)
  const signed = { ...meter, possession: signEd25519(secret.trim() as Hex, digest) }
  writeFileSync(at("meters.yaml"), stringify([signed]))
  const twice = await run("provision", "meters", ...deployed, ...list)
  t.equal(twice.code, 2)
  t.match(twice.talk, /MeterAlreadyRegistered/)

  const one = [...deployed, "--meter", meterId]
  const anew = ["--final-wh", "200000", "--first-wh", "0", "--time", String(start + 60)]
  const planned = await run("provision", "meter", "restart", ...one, ...anew, "--dry-run")
  t.match(
    planned.talk,
    /^restart meter 0x.*: its register ended at 200000 Wh and goes on from 0 Wh since 2026-/,
  )
  t.same(parse(planned.out), { restarts: [{ time: start + 60, finalWh: "200000", firstWh: "0" }] })
  t.equal((await run("provision", "meter", "restart", ...one, ...anew)).code, 0)
  const repeated = await run("provision", "meter", "restart", ...one, ...anew)
  t.equal(repeated.code, 2)
  t.match(repeated.talk, /The contract refuses this: restart meter 0x/)
  const unknown = await run("provision", "meter", "explode", ...one)
  t.equal(unknown.code, 2)
  t.match(unknown.talk, /Use one of: suspend, reactivate, revoke, restart/)

  writeFileSync(at("operator.key"), "not a key, and a secret")
  const wrong = await run("provision", "site", ...deployed, "--gateway", accounts.gateway.address)
  t.equal(wrong.code, 2)
  t.notMatch(wrong.talk, /and a secret/, "what a key file holds is never shown")
})

t.test("the audit's exit code is its verdict", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  await community.settle()
  const { oracle } = community.deployment
  const args = ["audit", "--rpc", chain.rpc, "--oracle", oracle]
  const good = await run(...args, "--evidence", community.evidenceUrl, "--json")
  t.equal(good.code, 0)
  t.match(JSON.parse(good.out), { ok: true, mintedWh: "1000", auditedWh: "1000" })
  t.equal((await run(...args)).code, 1, "without evidence nothing is accounted for")
  t.equal((await run("audit", "--rpc", "http://127.0.0.1:1", "--oracle", oracle)).code, 2)

  t.test("and its evidence is served by the trustless gateway convention", async (t) => {
    const root = community.journal.batches.newest(1)[0]!.evidence
    const get = (cid: string, query = "", headers: Record<string, string> = {}) =>
      fetch(`${community.evidenceUrl}/ipfs/${cid}${query}`, { headers })
    const car = await get(`${root}`, "?format=car")
    t.match(car.headers.get("content-type"), /^application\/vnd\.ipld\.car/)
    const { roots, blocks } = await readCar(car.body as unknown as AsyncIterable<Uint8Array>)
    t.same(roots.map(String), [`${root}`])
    for (const { cid } of blocks) {
      const raw = await get(`${cid}`, "", { accept: "application/vnd.ipld.raw" })
      const digest = createHash("sha256")
        .update(Buffer.from(await raw.arrayBuffer()))
        .digest()
      t.same(digest, Buffer.from(cid.multihash.digest), "a block hashes to its address")
    }
    t.equal((await get(`${root}`)).status, 406)
    t.equal((await get("nonsense", "?format=raw")).status, 400)
    const unknown = CID.parse("bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
    t.equal((await get(`${unknown}`, "?format=car")).status, 404)
  })
})

t.test("the gateway", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  await community.stop()
  const directory = t.testdir()
  const [mqtt, web] = [await freePort(0), await freePort(0)]
  writeFileSync(join(directory, "gateway.key"), accounts.gateway.key)
  const file = join(directory, "gateway.yaml")
  const { config, meters } = community
  const settings = {
    site: config.site,
    dataDir: "data",
    mqtt: { host: "127.0.0.1", port: mqtt },
    web: { host: "127.0.0.1", port: web },
    // Nobody answers there: a gateway works without a chain.
    chain: { ...config.chain, rpc: "http://127.0.0.1:1", keyFile: "gateway.key" },
    settlement: config.settlement,
    rules: config.rules,
    auditors: config.auditors,
    households: config.households,
    meters: config.meters.map(({ name, household, ratedW, startTime }, i) => ({
      name,
      household,
      ratedW,
      startTime,
      scheme: "ed25519",
      publicKey: Buffer.from(meters[i]!.key.publicKey).toString("hex"),
    })),
  }
  writeFileSync(file, stringify(settings))

  t.test("works without a chain, and ends cleanly on SIGTERM", async (t) => {
    const { child, ended, said } = commonwatt(["run", "--config", file])
    while (!said().includes("the gateway is up") && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    const metrics = await (await fetch(`http://127.0.0.1:${web}/metrics`)).text()
    t.match(metrics, /^# TYPE commonwatt_readings gauge$/m)
    const hangUp = async (text: string, until: string) => {
      writeFileSync(file, text)
      child.kill("SIGHUP")
      while (!said().includes(until) && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 50))
      const lines = said()
        .split("\n")
        .filter((line) => line.includes('"msg"'))
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    }
    const renamed = stringify({ ...settings, name: "Rainy Lane", web: { ...settings.web, port: web + 1 } })
    t.match(
      (await hangUp(renamed, "waits for a restart")).slice(-2),
      [{ taken: ["name"] }, { waiting: ["web"] }],
      "SIGHUP takes what can change under way, and names what waits",
    )
    t.match(
      (await hangUp("site: one\n", "is refused")).at(-1),
      { msg: /refused, the old one goes on/, mistakes: [/^line 1: site: /] },
      "a configuration with mistakes changes nothing",
    )
    t.equal((await fetch(`http://127.0.0.1:${web}/metrics`)).status, 200)
    writeFileSync(file, stringify(settings))
    child.kill("SIGTERM")
    const { code, talk } = await ended
    t.equal(code, 0, talk)
    t.match(talk, /"stopped"/)
  })

  for (const port of [mqtt, web])
    t.test("says which port is taken, and ends", async (t) => {
      const other = createServer().listen(port, "127.0.0.1")
      t.teardown(() => other.close())
      const { code, talk } = await run("run", "--config", file)
      t.equal(code, 2)
      t.match(talk, new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken`))
    })
})
