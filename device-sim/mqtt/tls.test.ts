import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import t from "tap"
import { fromHex } from "../../protocol/hex.ts"
import { curves } from "../../protocol/ocmf/curves.ts"
import { atGenerator } from "../../protocol/ocmf/energy.ts"
import { keyOnCurve, parseKey } from "../../protocol/ocmf/key.ts"
import { readingsFromOcmf } from "../../protocol/ocmf/reading.ts"
import { parseOcmf, verifyOcmf } from "../../protocol/ocmf/record.ts"
import { decodeReading } from "../../protocol/reading.ts"
import { runSimulation, type Scenario } from "../main.ts"
import { createEcdsaKey } from "../signed/ecdsa.ts"
import { createSigningKey } from "../signing-key.ts"
import { home, otherSecret, secret, start } from "../units.test.support.ts"

const missing = ["mosquitto", "mosquitto_sub", "openssl"].filter(
  (command) => spawnSync(command, ["-h"]).error,
)

const roof = createSigningKey(fromHex(secret))
const plant = createEcdsaKey(fromHex(otherSecret), "ocmf", true)

/** An authority, the broker's certificate for localhost, one meter's, and one that nobody signed. */
function certificates(folder: string): void {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" })
    if (status !== 0) throw new Error(stderr)
  }
  const newKey = (name: string) => [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ]
  openssl("req", "-x509", ...newKey("ca"), "-out", "ca.pem", "-days", "2", "-subj", "/CN=Authority")
  openssl(
    "req",
    "-x509",
    ...newKey("stranger"),
    "-out",
    "stranger.pem",
    "-days",
    "2",
    "-subj",
    `/CN=${roof.meterId.slice(0, 60)}`,
  )
  for (const [name, subject] of [
    ["broker", "localhost"],
    ["meter", roof.meterId.slice(0, 60)],
  ] as const) {
    openssl("req", ...newKey(name), "-out", `${name}.csr`, "-subj", `/CN=${subject}`)
    writeFileSync(`${folder}/${name}.ext`, "subjectAltName=DNS:localhost\n")
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-out", `${name}.pem`, "-days", "2", "-extfile", `${name}.ext`],
    )
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === "object" && address ? address.port : 0
}

function scenario(port: number, folder: string, certificate: string): Scenario {
  const meter = { home: "Home", measures: "generation", kind: "mqtt", every: 900 } as const
  const own = { certFile: `${folder}/${certificate}.pem`, keyFile: `${folder}/${certificate}.key` }
  return {
    seed: 1,
    start,
    place: { latitude: 48, longitude: 7.85 },
    clock: { start: start + 36_000, wallStart: Date.now(), speed: 20_000, end: start + 39_600 },
    homes: [{ name: "Home", load: "family", panelsW: 9000 }],
    mqtt: { url: `mqtts://localhost:${port}`, caFile: `${folder}/ca.pem` },
    meters: [
      { ...meter, ...own, name: "Roof", secret },
      { ...meter, ...own, name: "Plant", secret: otherSecret, format: "ocmf" },
    ],
  }
}

t.test(
  "meters reach mosquitto with certificates that it asks for, readings and records each on their topic",
  { skip: missing.length > 0 && `no ${missing.join(", ")}` },
  async (t) => {
    const folder = t.testdir()
    certificates(folder)
    const port = await freePort()
    writeFileSync(
      `${folder}/mosquitto.conf`,
      `listener ${port} 127.0.0.1
cafile ${folder}/ca.pem
certfile ${folder}/broker.pem
keyfile ${folder}/broker.key
require_certificate true
allow_anonymous true
user root
log_type all
`,
    )
    const started: ChildProcess[] = []
    const start = (command: string, ...args: string[]) => {
      const child = spawn(command, args)
      started.push(child)
      return child
    }
    t.teardown(() => {
      for (const child of started) child.kill()
    })
    const broker = start("mosquitto", "-c", `${folder}/mosquitto.conf`)
    let said = ""
    broker.stderr!.on("data", (chunk) => {
      said += chunk
    })
    const until = async (condition: () => boolean) => {
      while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await until(() => said.includes("running"))
    const arrived = new Map<string, string[]>()
    const listener = start(
      "mosquitto_sub",
      ...["-h", "localhost", "-p", String(port), "--cafile", `${folder}/ca.pem`, "-q", "1", "-t", "meters/#"],
      ...["--cert", `${folder}/meter.pem`, "--key", `${folder}/meter.key`, "-F", "%t %x"],
    )
    let text = ""
    listener.stdout!.on("data", (chunk) => {
      text += chunk
      arrived.clear()
      for (const [, topic, hex] of text.matchAll(/^(meters\/\S+) ([0-9a-f]+)\n/gm))
        arrived.set(topic!, [...(arrived.get(topic!) ?? []), hex!])
    })
    await until(() => said.includes("SUBSCRIBE"))

    const abort = new AbortController()
    const run = runSimulation(scenario(port, folder, "meter"), { log: () => {}, signal: abort.signal })
    const readings = `meters/${roof.meterId}/readings`
    const records = `meters/${plant.meterId}/records`
    const complete = () => [readings, records].every((topic) => (arrived.get(topic)?.length ?? 0) >= 5)
    await until(complete)
    abort.abort()
    await run

    const key = keyOnCurve(parseKey(Buffer.from(plant.publicKey).toString("hex")), curves.secp256r1)
    for (const [i, hex] of arrived.get(records)!.entries()) {
      const record = parseOcmf(Buffer.from(hex, "hex"))
      t.ok(verifyOcmf(record, key))
      const { readings, doubts } = readingsFromOcmf(record, atGenerator)
      t.same(doubts, [])
      const { time, sequence } = readings[0]!
      t.equal(sequence, 41 + i)
      t.equal(readings[0]!.generatedWh, home.registersAt(time).generatedWh)
    }
    const times = arrived.get(readings)!.map((hex) => decodeReading(fromHex(hex)).reading.time)
    t.equal(new Set(times).size, 5)

    const log: string[] = []
    const refused = new AbortController()
    const stranger = runSimulation(scenario(port, folder, "stranger"), {
      log: (line) => log.push(line),
      signal: refused.signal,
    })
    await until(() => log.some((line) => line.includes("no connection")))
    refused.abort()
    await stranger
    t.equal(arrived.get(readings)!.length, 5, "who has no certificate of the authority's says nothing")
  },
)

t.test("a certificate that cannot be read, or is none, is named", async (t) => {
  const folder = t.testdir({ "ca.pem": "", "poor.pem": "no certificate", "poor.key": "no key" })
  for (const [certificate, message] of [
    ["nobody", /nobody\.pem cannot be read/],
    ["poor", /poor\.pem, .*poor\.key: not certificates and keys in PEM/],
  ] as const)
    await t.rejects(
      runSimulation(scenario(1, folder, certificate), {
        log: () => {},
        signal: new AbortController().signal,
      }),
      { message },
    )
})
