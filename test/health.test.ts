import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import mqtt from "mqtt"
import pino from "pino"
import t, { type Test } from "tap"
import { stringify } from "yaml"
import { type ConfigInput, readConfig } from "../gateway/config.ts"
import { start, testMeter } from "../gateway/intake.test.support.ts"
import { startGateway } from "../gateway/main.ts"
import { hashPassword } from "../gateway/password.ts"
import type { HealthAnswer } from "../gateway/web/operator/answer.ts"
import { toHex } from "../protocol/hex.ts"

const siteKey = "11".repeat(32)
const plainKey = "07".repeat(32)
const password = "correct horse battery staple"
const roof = testMeter("roof")
const grid = testMeter("grid")
const household = roof.household

/** A gateway with secrets, a meter on a bus where nothing is, and a chain that is away. */
async function aGateway(t: Test) {
  const passwordHash = await hashPassword(password)
  const meter = ({ name, key }: typeof roof) => ({
    name: `Anna ${name}`,
    household,
    scheme: "ed25519" as const,
    publicKey: toHex(key.publicKey),
    ratedW: 5000,
    startTime: start,
  })
  const config: ConfigInput = {
    site: 1,
    dataDir: "data",
    timeSync: "trusted",
    holdSeconds: 0,
    mqtt: {
      host: "127.0.0.1",
      port: 0,
      allowPlainPasswords: true,
      clients: [{ meter: "Anna grid", passwordHash }],
    },
    web: { host: "127.0.0.1", port: 0, operatorPassword: passwordHash },
    chain: { rpc: "http://127.0.0.1:1", chainId: 31337, oracle: `0x${"22".repeat(20)}`, keyFile: "site.key" },
    settlement: { everySeconds: 86_400 },
    rules: {},
    auditors: ["age1sny0nexcrvkcp3r5t8pcw5qs2h9nnk3dltrukd9pfkdc46czx5csf636ac"],
    households: [{ name: "Anna", address: household }],
    buses: [{ name: "cupboard", tcp: { host: "127.0.0.1", port: 1 } }],
    meters: [
      meter(roof),
      meter(grid),
      {
        ...meter(testMeter("plain")),
        modbus: {
          bus: "cupboard",
          unit: 1,
          profile: "sdm630",
          measures: "grid",
          everySeconds: 10,
          keyFile: "plain.key",
        },
      },
    ],
  }
  const plainPublic = (await import("../provisioning/keys.ts")).ed25519PublicKey(`0x${plainKey}`)
  config.meters[2]!.publicKey = toHex(plainPublic)
  const dir = t.testdir({ "site.key": `0x${siteKey}\n`, "plain.key": `0x${plainKey}\n` })
  for (const file of ["site.key", "plain.key"]) chmodSync(join(dir, file), 0o600)
  const file = join(dir, "gateway.yaml")
  writeFileSync(file, stringify(config))
  return { file, passwordHash }
}

async function doctor(...args: string[]) {
  const child = spawn(process.execPath, ["dist/cli/commonwatt.js", "doctor", ...args])
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ])
  return { stdout, stderr, code: code as number }
}

t.test("a gateway's log holds no secret and no load, and a flood does not fill it", async (t) => {
  const { file, passwordHash } = await aGateway(t)
  const lines: string[] = []
  const log = pino({ level: "debug", base: null }, { write: (line: string) => void lines.push(line) })
  const gateway = await startGateway(readConfig(file), log)
  const address = `mqtt://127.0.0.1:${gateway.mqttPort}`

  // What the home used, minute by minute; some of it is in doubt, for the register falls.
  const loads = [731, 4_417, 1_213, 987_653, 2_729, 3_119, 61_211, 5_003]
  const client = await mqtt.connectAsync(address, { username: "Anna grid", password })
  for (const [i, wh] of loads.entries())
    await client.publishAsync(
      `meters/${grid.key.meterId}/readings`,
      Buffer.from(grid.says(i, { importedWh: BigInt(wh), powerW: wh + 1 })),
      { qos: 1 },
    )
  for (let n = 0; n < 300; n++)
    await client.publishAsync(`meters/${grid.key.meterId}/readings`, Buffer.from(`no reading ${n}`), {
      qos: 1,
    })
  await client.endAsync()
  const wrong = mqtt.connect(address, { username: "Anna grid", password: `${password}!`, reconnectPeriod: 0 })
  wrong.on("error", () => {})
  await new Promise<void>((resolve) => wrong.on("close", () => resolve()))
  wrong.end(true)
  const answer = await fetch(`http://127.0.0.1:${gateway.webPort}/operator`, {
    headers: { authorization: `Basic ${Buffer.from(`operator:${password}`).toString("base64")}` },
  })
  t.equal(answer.status, 200)

  const asked = await doctor("--config", file, "--json")
  t.equal(asked.code, 1)
  const health = JSON.parse(asked.stdout) as HealthAnswer
  t.equal(health.running, true)
  const found = health.findings.map(({ code }) => code as string)
  for (const code of ["bus-silent", "meter-silent"]) t.ok(found.includes(code), code)
  await t.test(
    "without its chain and a bus it hears the others, stores, shows its pages and says what lacks",
    async (t) => {
      const at = (path: string) => fetch(`http://127.0.0.1:${gateway.webPort}${path}`)
      for (const path of ["/", "/audit", "/metrics"]) t.equal((await at(path)).status, 200, path)
      const { accepted, settlement } = (await (await at("/api/status")).json()) as {
        accepted: number
        settlement: { problem?: string }
      }
      t.ok(accepted > 0, `${accepted} readings of a meter that is there were stored`)
      t.match(settlement.problem, /no node of the chain answers/)
      const lacking = async () => {
        const { findings } = JSON.parse((await doctor("--config", file, "--json")).stdout) as HealthAnswer
        return findings.map(({ code }) => code as string)
      }
      let lacks = await lacking()
      while (!lacks.some((code) => /chain-unreachable|settlement-held/.test(code))) lacks = await lacking()
      t.ok(lacks.includes("bus-silent"))
    },
  )
  const status = (await (await fetch(`http://127.0.0.1:${gateway.webPort}/api/status`)).json()) as {
    accepted: number
    quarantinedByReason: Record<string, number>
  }
  await gateway.stop()

  const all = lines.join("")
  const { malformed = 0, ...doubts } = status.quarantinedByReason
  t.ok(
    status.accepted > 0 && malformed >= 300 && Object.keys(doubts).length > 0,
    "there was something to keep quiet about",
  )
  t.match(all, /quarantined/)
  for (const secret of [
    siteKey,
    plainKey,
    password,
    passwordHash,
    passwordHash.slice(-43),
    Buffer.from(password).toString("base64"),
  ])
    t.notOk(all.toLowerCase().includes(secret.toLowerCase()), secret)
  for (const wh of loads) t.notMatch(all, new RegExp(`\\b(${wh}|${wh + 1})\\b`), `${wh} Wh`)
  t.ok(lines.length < 60, `${lines.length} lines`)
  const more = lines.map((line) => JSON.parse(line) as { more?: number; reason?: string })
  t.equal(
    more.find(({ reason, more }) => reason === "malformed" && more)?.more,
    malformed - 5,
    "what was left out is counted",
  )

  const after = await doctor("--config", file)
  t.equal(after.code, 1)
  t.match(after.stdout, /ALARM: The gateway does not run\./)
  t.match(after.stdout, /ALARM: The node of the chain does not answer/)
  t.equal(after.stderr, "")
})

t.test("the doctor says what it cannot look at, and names a line and keys that are not there", async (t) => {
  const none = await doctor("--config", join(t.testdir(), "none.yaml"))
  t.equal(none.code, 2)
  t.match(none.stderr, /cannot be read/)

  const { file } = await aGateway(t)
  const dir = t.testdirName
  const text = (await import("node:fs")).readFileSync(file, "utf8")
  const moved = join(dir, "moved.yaml")
  writeFileSync(
    moved,
    text
      .replace("site.key", "lost.key")
      .replace(
        /tcp:\n\s+host: 127.0.0.1\n\s+port: 1\n/,
        "serial: { path: /dev/no-such-port, baudRate: 9600 }\n",
      ),
  )
  const { stdout, code } = await doctor("--config", moved, "--json")
  t.equal(code, 1)
  const { findings, running } = JSON.parse(stdout) as HealthAnswer
  t.equal(running, false)
  t.same(
    findings.map(({ code, about }) => `${code} ${about?.split("/").at(-1) ?? ""}`.trim()),
    ["not-running", "key lost.key", "bus-silent cupboard", "chain-unreachable"],
  )
})
