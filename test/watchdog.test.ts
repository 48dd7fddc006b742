import { execFileSync, spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import pino from "pino"
import t, { type Test } from "tap"
import { stringify } from "yaml"
import { type ConfigInput, readConfig } from "../gateway/config.ts"
import { startGateway } from "../gateway/main.ts"
import { notifySocket } from "../gateway/supervise/notify-socket.test.support.ts"
import { createProgress, type Progress } from "../gateway/supervise/progress.ts"
import { toHex } from "../protocol/hex.ts"
import { ed25519PublicKey } from "../provisioning/keys.ts"

const lacks = ["systemd-notify --version", "/usr/bin/python3 --version"].find(
  (command) => spawnSync("sh", ["-c", command]).status !== 0,
)
const skip = lacks ? `${lacks} does not run here` : false
const nobody = 1
const packed = "dist/packed/gateway.js"

/** A gateway whose meter is not there, and whose broker and chain are away. */
function lonelyGateway(t: Test): string {
  const directory = t.testdir()
  const secret = `0x${"07".repeat(32)}` as const
  writeFileSync(join(directory, "roof.key"), `${secret}\n`, { mode: 0o600 })
  writeFileSync(join(directory, "gateway.key"), `0x${"11".repeat(32)}\n`, { mode: 0o600 })
  const household = `0x${"11".repeat(20)}`
  const config: ConfigInput = {
    site: 1,
    dataDir: "data",
    timeSync: "trusted",
    mqtt: { broker: { url: `mqtt://127.0.0.1:${nobody}`, clientId: "gateway" } },
    web: { host: "127.0.0.1", port: 0 },
    chain: {
      rpc: `http://127.0.0.1:${nobody}`,
      chainId: 31337,
      oracle: `0x${"22".repeat(20)}`,
      keyFile: "gateway.key",
    },
    settlement: { everySeconds: 86_400 },
    rules: {},
    auditors: ["age1sny0nexcrvkcp3r5t8pcw5qs2h9nnk3dltrukd9pfkdc46czx5csf636ac"],
    households: [{ name: "Home 1", address: household }],
    buses: [{ name: "cupboard", tcp: { host: "127.0.0.1", port: nobody } }],
    meters: [
      {
        name: "Home 1 roof",
        household,
        scheme: "ed25519",
        publicKey: toHex(ed25519PublicKey(secret)),
        ratedW: 5_000,
        startTime: 1_700_000_000,
        modbus: {
          bus: "cupboard",
          unit: 1,
          profile: "sdm630",
          measures: "generation",
          everySeconds: 10,
          keyFile: "roof.key",
        },
      },
    ],
  }
  const file = join(directory, "gateway.yaml")
  writeFileSync(file, stringify(config))
  return file
}

t.test("a meter, a broker and a chain that are away are no reason to start anew", async (t) => {
  const turns = new Map<string, number>()
  let turned = () => {}
  const inner = createProgress(() => performance.now())
  const progress: Progress = {
    ...inner,
    loop(what, patienceMs) {
      turns.set(what, 0)
      t.ok(patienceMs >= 5 * 60_000, `${what} is given time`)
      const came = inner.loop(what, patienceMs)
      return () => {
        turns.set(what, (turns.get(what) ?? 0) + 1)
        came()
        turned()
      }
    },
  }
  const gateway = await startGateway(readConfig(lonelyGateway(t)), pino({ enabled: false }), { progress })
  t.same([...turns.keys()].sort(), ["polling Home 1 roof", "settlement"], "every loop is watched")
  await new Promise<void>((resolve) => {
    turned = () => [...turns.values()].every((n) => n >= 1) && resolve()
    turned()
  })
  t.same(progress.stalls(), [])
  t.match(gateway.status(), /^1 meter, 1 unreachable; /)
  await gateway.stop()
})

t.test(
  "the gateway, packed as its unit starts it, tells systemd when it is up and when it ends",
  {
    skip,
  },
  async (t) => {
    if (!existsSync(packed)) execFileSync(process.execPath, ["dist/cli/pack.js"])
    const socket = await notifySocket(t)
    const child = spawn(process.execPath, [packed, "--config", lonelyGateway(t)], {
      env: { ...socket.environment, WATCHDOG_USEC: "400000" },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    })
    const web = new Promise<number>((resolve) =>
      child.once("message", (it: { web: number }) => resolve(it.web)),
    )
    t.teardown(() => child.kill("SIGKILL"))
    const ended = new Promise((resolve) => child.once("exit", resolve))
    await socket.until("READY=1")
    await socket.until("WATCHDOG=1")
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${await web}${path}`)).text()
    t.match(await get("/"), "</html>")
    t.match(await get("/metrics"), /^commonwatt_/m)
    t.equal(
      await get("/wallet.js"),
      readFileSync("dist/gateway/web/wallet/wallet.js", "utf8"),
      "it finds what lies beside its parts",
    )
    child.kill("SIGTERM")
    t.equal(await ended, 0)
    t.same(socket.heard.at(-1), ["STOPPING=1", "STATUS=stopping"])
  },
)
