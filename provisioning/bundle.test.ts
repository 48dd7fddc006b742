import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import t, { type Test } from "tap"
import { newIdentity } from "../protocol/seal.ts"
import { type Bundle, lockBundle, openBundle, staysInside } from "./bundle.ts"
import { gather, unpack } from "./bundle-files.ts"

const config = `site: 1
dataDir: /var/lib/commonwatt
mqtt: { tls: { port: 8883, certFile: tls/a.pem, keyFile: tls/a.key, caFile: tls/ca.pem } }
web: { host: 127.0.0.1, port: 8080 }
chain: { rpc: "http://127.0.0.1:8545", chainId: 1, oracle: "0x${"2".repeat(40)}", keyFile: gateway.key }
settlement: { everySeconds: 86400 }
rules: {}
auditors: [age1one]
validatorBroker: { url: "mqtts://broker.example", passwordFile: broker.password, caFile: tls/ca.pem }
households: [{ name: Home 1, address: "0x${"1".repeat(40)}" }]
profilesDir: profiles
meters:
  - { name: roof, household: "0x${"1".repeat(40)}", scheme: ed25519, publicKey: "0xb33ff89bea3568342b50756dbd89b12b04ca27d0c1f9c668647d3a3b4316aafe", ratedW: 5000, startTime: 1 }
`

/** A folder as an operator has it when a gateway is prepared. */
function workshop(t: Test): string {
  const folder = t.testdir({
    "gateway.yaml": config,
    "gateway.key": "the site's secret",
    "broker.password": "the broker's secret",
    tls: { "a.pem": "certificate", "a.key": "the TLS secret", "ca.pem": "issuer" },
    profiles: { "mine.json": readFileSync("gateway/sources/modbus/profiles/sdm120.json", "utf8") },
    identity: { "root.key": "sealed root", "identity.json": "{}" },
    "notes.txt": "nobody asked for this",
  })
  for (const file of ["gateway.key", "broker.password", "tls/a.key"]) chmodSync(join(folder, file), 0o600)
  return folder
}

t.test("what a new gateway needs goes into one file and comes out where it belongs", async (t) => {
  const from = workshop(t)
  const gathered = gather(join(from, "gateway.yaml"), join(from, "identity"))
  t.same(gathered.files.map(({ path }) => path).sort(), [
    "broker.password",
    "gateway.key",
    "gateway.yaml",
    "identity/identity.json",
    "identity/root.key",
    "profiles/mine.json",
    "tls/a.key",
    "tls/a.pem",
    "tls/ca.pem",
  ])
  const lock = { passphrase: "blue lamp on the roof" }
  const locked = await lockBundle({ ...gathered, passphrase: "of the keys" }, lock)
  t.match(Buffer.from(locked).toString("latin1"), /^age-encryption\.org\/v1\n/)
  for (const hidden of ["secret", "sealed root", "of the keys", "Home 1"])
    t.notOk(Buffer.from(locked).includes(hidden), `${hidden} cannot be read`)
  await t.rejects(openBundle(locked, { passphrase: "another lamp" }), { message: /does not open/ })

  const opened = await openBundle(locked, lock)
  t.equal(opened.passphrase, "of the keys")
  const to = join(from, "new")
  t.equal(unpack(opened, to).at(-1), "gateway.yaml", "the configuration is the last")
  for (const { path, content, for: reader } of gathered.files) {
    t.same(readFileSync(join(to, path)), Buffer.from(content), path)
    t.equal(statSync(join(to, path)).mode & 0o777, reader === "anyone" ? 0o644 : 0o600)
  }
  t.same(unpack(opened, to), [], "once more changes nothing")
  writeFileSync(join(to, "gateway.key"), "another")
  t.throws(() => unpack(opened, to), { message: /There is another .*gateway\.key already/ })
  t.equal(readFileSync(join(to, "gateway.key"), "utf8"), "another")
})

t.test("a bundle for a box's key opens with that key alone", async (t) => {
  const box = await newIdentity()
  const files = [{ path: "gateway.yaml", for: "anyone" as const, content: Buffer.from(config) }]
  const locked = await lockBundle({ config: "gateway.yaml", files }, { recipient: box.recipient })
  t.equal((await openBundle(locked, { identity: box.identity })).files.length, 1)
  await t.rejects(openBundle(locked, { identity: (await newIdentity()).identity }), {
    message: /does not open/,
  })
  locked[locked.length - 1]! ^= 1
  await t.rejects(openBundle(locked, { identity: box.identity }), { message: /does not open/ })
})

t.test("no bundle writes outside of its folder", async (t) => {
  for (const path of [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "a//b",
    "./a",
    "",
    "a/",
    "a\0b",
    "a\\b",
    "..",
    "a/./b",
  ])
    t.notOk(staysInside(path), JSON.stringify(path))
  for (const path of ["gateway.yaml", "tls/a.pem", "..a", "a..b/c"]) t.ok(staysInside(path), path)
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "\\") }), (path) => {
      return !staysInside(path) || join("/gateway", path).startsWith("/gateway/")
    }),
  )
  const box = await newIdentity()
  const evil = (files: Bundle["files"]) =>
    lockBundle({ config: "gateway.yaml", files }, { recipient: box.recipient })
  const file = (path: string) => ({ path, for: "anyone" as const, content: Buffer.from(config) })
  for (const files of [
    [file("gateway.yaml"), file("../evil")],
    [file("other.yaml")],
    [file("gateway.yaml"), file("gateway.yaml")],
  ])
    await t.rejects(openBundle(await evil(files), { identity: box.identity }), { name: "PersonError" })
})

t.test("what lies elsewhere, is missing, or would not run is not bundled or taken", async (t) => {
  const from = workshop(t)
  const file = join(from, "gateway.yaml")
  mkdirSync(join(from, "sub"))
  writeFileSync(
    join(from, "sub/gateway.yaml"),
    config
      .replace("tls/a.pem", "../tls/a.pem")
      .replace(/mqtt: .*/, "mqtt: { host: 127.0.0.1, port: 0 }")
      .replace("keyFile: gateway.key", "keyFile: ../gateway.key")
      .replace(/validatorBroker: .*\n/, "")
      .replace("profilesDir: profiles\n", ""),
  )
  t.throws(() => gather(join(from, "sub/gateway.yaml"), undefined), { message: /does not lie beside/ })
  writeFileSync(file, config.replaceAll("tls/ca.pem", "tls/none.pem"))
  t.throws(() => gather(file, undefined), { name: "PersonError", context: [/none\.pem: it is not there/] })
  const bad = {
    config: "gateway.yaml",
    files: [{ path: "gateway.yaml", for: "anyone" as const, content: Buffer.from("site: one\n") }],
  }
  t.throws(() => unpack(bad, join(from, "bad")), { message: /mistakes?\.$/ })
  t.notOk(existsSync(join(from, "bad")))
  t.same(
    readdirSync(from).filter((name) => name.startsWith("bad")),
    [],
    "nothing is left behind",
  )
})
