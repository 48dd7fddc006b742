import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { PersonError } from "../protocol/error.ts"
import { newSalt, sealSecret } from "../protocol/sealed-secret.ts"
import type { Values } from "./command.ts"
import { config } from "./config.ts"

/** @returns what was printed, or what the person was told. */
async function run(
  t: Test,
  positionals: string[],
  values: Values = {},
): Promise<{ out: string; told: string }> {
  const printed = t.capture(process.stdout, "write", () => true)
  const said = t.capture(process.stderr, "write", () => true)
  let told = ""
  try {
    await config.run(values, positionals)
  } catch (error) {
    if (!(error instanceof PersonError)) throw error
    told = [error.message, ...error.context, error.next].join("\n")
  } finally {
    printed.restore()
    said.restore()
  }
  return {
    out: printed()
      .map(({ args }) => String(args[0]))
      .join(""),
    told,
  }
}

const folder = "gateway/bad-configurations"
for (const name of readdirSync(folder))
  t.test(`${name.replace(/-/g, " ").replace(/\.yaml$/, "")}: config check says so`, async (t) => {
    const file = join(folder, name)
    const [, wanted = ""] = /^# told: (.*)$/m.exec(readFileSync(file, "utf8")) ?? []
    t.not(wanted, "")
    const { out, told } = await run(t, ["check", file])
    t.equal(out, "")
    t.match(told, new RegExp(wanted))
    t.match(told, file)
  })

const good = (more = "") => `site: 1 # ours
dataDir: data
mqtt: { host: 127.0.0.1, port: 1883 }
web: { host: 127.0.0.1, port: 8080 }
chain: { rpc: "http://127.0.0.1:8545", chainId: 1, oracle: "0x${"2".repeat(40)}", keyFile: gateway.key }
settlement: { everySeconds: 86400 }
rules: {}
auditors: [age1one]
households: [{ name: Home 1, address: "0x${"1".repeat(40)}" }]
meters:
  - name: roof
    household: "0x${"1".repeat(40)}"
    scheme: ed25519
    publicKey: "0xb33ff89bea3568342b50756dbd89b12b04ca27d0c1f9c668647d3a3b4316aafe"
    ratedW: 5000
    startTime: 1
${more}`

t.test("the files that a configuration names are looked at, and what they hold is never shown", async (t) => {
  const secret = `0x${"5e".repeat(32)}`
  const directory = t.testdir({ "gateway.yaml": good(), "gateway.key": secret })
  const at = (name: string) => join(directory, name)
  chmodSync(at("gateway.key"), 0o644)
  const open = await run(t, ["check", at("gateway.yaml")])
  t.match(
    open.told,
    /chain\.keyFile: .*gateway\.key: others on this machine can read it \(mode 644\): chmod 600/,
  )
  t.notMatch(open.told, /5e5e/)
  chmodSync(at("gateway.key"), 0o600)
  t.match(await run(t, ["check", at("gateway.yaml")]), {
    told: "",
    out: /is right: site 1, 1 households, 1 meters/,
  })
  chmodSync(directory, 0o2750)
  for (const [mode, said] of [
    [0o640, /^$/],
    [0o644, /mode 644/],
    [0o660, /mode 660/],
  ] as const) {
    chmodSync(at("gateway.key"), mode)
    t.match(
      (await run(t, ["check", at("gateway.yaml")])).told,
      said,
      "a service's group may read its secrets",
    )
  }
  writeFileSync(at("gateway.key"), sealSecret(secret, "one", newSalt()))
  chmodSync(at("gateway.key"), 0o644)
  t.match(await run(t, ["check", at("gateway.yaml")]), { told: "" }, "what is sealed may lie open")
  const tls = "mqtt: { tls: { port: 8883, certFile: a.pem, keyFile: a.key, caFile: gateway.yaml } }"
  writeFileSync(at("gateway.yaml"), good().replace(/^mqtt: .*$/m, tls))
  const missing = await run(t, ["check", at("gateway.yaml")])
  t.match(
    missing.told,
    /mqtt\.tls\.certFile: .*a\.pem: it is not there\nmqtt\.tls\.keyFile: .*a\.key: it is not there/,
  )
})

const place =
  "{ host: 192.0.2.1, port: 502, unit: 1, profile: sdm630, measures: grid, everySeconds: 60, keyFile: a.key }"

t.test("an older file is migrated, once, and stays beside the new one as it was", async (t) => {
  const old = good(`    modbus: ${place}\n`)
  const file = join(t.testdir({ "gateway.yaml": old }), "gateway.yaml")
  chmodSync(file, 0o640)
  const refused = await run(t, ["check", file])
  t.match(refused.told, /modbus\.host: is not known here[\s\S]*commonwatt config migrate/)
  const dry = await run(t, ["migrate", file], { "dry-run": true })
  t.match(dry.out, /^version: 1\nsite: 1 # ours\n/)
  t.equal(readFileSync(file, "utf8"), old)
  t.match(await run(t, ["migrate", file]), {
    out: /is of version 1; as it was: .*gateway\.yaml\.version-0\n$/,
  })
  t.equal(readFileSync(file, "utf8"), dry.out)
  t.equal(readFileSync(`${file}.version-0`, "utf8"), old)
  t.equal(statSync(file).mode & 0o777, 0o640)
  t.match(await run(t, ["migrate", file]), { out: /already/ })
  writeFileSync(file, `${old}# again\n`)
  t.match(await run(t, ["migrate", file]), { told: /no back-up is ever written over/ })
  t.equal(readFileSync(file, "utf8"), `${old}# again\n`)
})

t.test("what would not hold after a migration is not written", async (t) => {
  const old = good().replace("ratedW: 5000", "ratedW: 0")
  const file = join(t.testdir({ "gateway.yaml": old }), "gateway.yaml")
  t.match(await run(t, ["migrate", file]), { told: /ratedW/ })
  t.equal(readFileSync(file, "utf8"), old)
  t.notOk(existsSync(`${file}.version-0`))
})
