import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { serve } from "@hono/node-server"
import t from "tap"
import { stringify } from "yaml"
import { type ConfigInput, readConfig } from "../gateway/config.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { keeperRoutes } from "../gateway/keeper/routes.ts"
import { createPlainMeterSigner } from "../gateway/sources/modbus/sign.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { sealSecret } from "../protocol/sealed-secret.ts"

/** Runs the command as a person would. */
const provision = (args: string[], input = "") => commonwatt(["provision", ...args], input)

async function commonwatt(args: string[], input = "", environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ["dist/cli/commonwatt.js", ...args], {
    env: { ...process.env, ...environment },
  })
  child.stdin.end(input)
  const [out, talk, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ])
  return { code, out, talk }
}

const wordsOn = (page: string) => [...page.matchAll(/<li>([a-z]+)/g)].map(([, word]) => word).join(" ")

t.test("a gateway's identity: made once, proved by its shares, and brought back from them", async (t) => {
  const folder = t.testdir({ passphrase: "blue lamp on the roof\n" })
  const at = (name: string) => join(folder, name)
  const sealed = ["--passphrase-file", at("passphrase")]
  const init = ["init", "--dir", at("id"), "--meters", "1", ...sealed, "--shares-to", at("stick")]

  const beside = await provision([...init.slice(0, -1), at("id/shares")])
  t.match(beside, { code: 2, talk: /must not lie beside/ })
  const dry = await provision([...init, "--dry-run"])
  t.match(dry, { code: 0, out: "", talk: /3 recovery shares in .*, any 2 of which/ })
  t.notOk(existsSync(at("id")))

  const made = await provision(init)
  t.equal(made.code, 0, made.talk)
  const identity = JSON.parse(made.out) as { site: { address: string } }
  const pages = readdirSync(at("stick"))
    .sort()
    .map((name) => readFileSync(join(at("stick"), name), "utf8"))
  t.equal(pages.length, 3)
  const shares = pages.map(wordsOn)
  for (const page of pages) {
    t.match(page, identity.site.address)
    t.match(page, /<svg/)
  }
  const key = process.env.COMMONWATT_PASSPHRASE_FILE
  process.env.COMMONWATT_PASSPHRASE_FILE = at("passphrase")
  const secret = readAccountKey(join(at("id"), "site.key"), "The site's key")
  process.env.COMMONWATT_PASSPHRASE_FILE = key ?? ""
  for (const hidden of [secret, shares[0]!, "blue lamp"]) t.notOk((made.out + made.talk).includes(hidden))

  const drilled = await provision(["drill", "--dir", at("id")], `${shares[2]}\n${shares[0]}\n`)
  t.match(drilled, { code: 0, out: /^The shares give this identity/ })
  const back = await provision(
    ["restore", "--dir", at("new"), "--meters", "1", ...sealed],
    `${shares[1]}\n${shares[2]}\n`,
  )
  t.equal(back.code, 0, back.talk)
  t.same(JSON.parse(back.out), identity)

  // The board burns with its passphrase; the back-up lies with a neighbour.
  const account = identity.site.address as Hex
  const routes = keeperRoutes({ directory: at("kept"), for: [account], keep: 1, eachMB: 5 }, () => 0, {
    info: () => {},
  })
  const server = serve({ fetch: routes.fetch, hostname: "127.0.0.1", port: 0 })
  await once(server, "listening")
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { meters } = JSON.parse(made.out) as { meters: { publicKey: Hex }[] }
  const household = `0x${"11".repeat(20)}` as const
  const settings: ConfigInput = {
    site: 1,
    dataDir: "data",
    mqtt: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    chain: { rpc: url, chainId: 1, oracle: household, keyFile: "id/site.key" },
    relay: { keyFile: "relay.key" },
    settlement: { everySeconds: 86_400 },
    rules: {},
    auditors: ["age1nobody"],
    backup: {
      directory: "own",
      recipients: ["age1sny0nexcrvkcp3r5t8pcw5qs2h9nnk3dltrukd9pfkdc46czx5csf636ac"],
      to: [url],
    },
    households: [{ name: "Home 1", address: household }],
    buses: [{ name: "cupboard", tcp: { host: "127.0.0.1", port: 1 } }],
    meters: [
      {
        name: "Home 1 roof",
        household,
        scheme: "ed25519",
        publicKey: meters[0]!.publicKey,
        ratedW: 5000,
        startTime: 1_780_272_000,
        modbus: {
          bus: "cupboard",
          unit: 1,
          profile: "sdm630",
          measures: "generation",
          everySeconds: 60,
          keyFile: "id/meter-1.key",
        },
      },
    ],
  }
  writeFileSync(at("gateway.yaml"), stringify(settings))
  writeFileSync(at("relay.key"), sealSecret(`0x${"77".repeat(32)}`, "another one altogether"), {
    mode: 0o600,
  })
  openJournal(at("data"), []).close()
  const old = { COMMONWATT_PASSPHRASE_FILE: at("passphrase") }
  const kept = await commonwatt(["backup", "--config", at("gateway.yaml")], "", old)
  t.equal(kept.code, 0, kept.talk)
  for (const name of ["id", "data", "own", "passphrase", "gateway.yaml"])
    rmSync(at(name), { recursive: true })

  writeFileSync(at("fresh-passphrase"), "green lamp in the cellar\n")
  const board = await commonwatt(
    ["restore", "--from", url, "--to", at("board"), "--words", "--passphrase-file", at("fresh-passphrase")],
    `${shares[0]}\n${shares[2]}\n`,
  )
  t.match(board, { code: 1, talk: /by hand: relay\.keyFile: .* was sealed for the old machine/ })
  t.equal(JSON.parse(board.out).site, 1)
  process.env.COMMONWATT_PASSPHRASE_FILE = at("fresh-passphrase")
  const config = readConfig(join(at("board"), "gateway.yaml"))
  t.equal(readAccountKey(config.chain.keyFile, "The site's key"), secret, "opened by the new passphrase")
  t.type(
    createPlainMeterSigner(config.meters, () => 0),
    "function",
  )
  process.env.COMMONWATT_PASSPHRASE_FILE = key ?? ""
})
