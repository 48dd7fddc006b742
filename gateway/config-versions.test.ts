import t from "tap"
import { parseDocument } from "yaml"
import { currentVersion, migrate } from "./config-versions.ts"

const old = `# our street
site: 1
publicUrl: http://gateway.example
meters:
  - name: roof # above the barn
    modbus: { host: 192.0.2.1, port: 502, unit: 1, profile: sdm630, keyFile: roof.key }
  - name: grid
    modbus:
      host: 192.0.2.1
      port: 502
      unit: 2
  - name: attic
    modbus: { host: 192.0.2.2, port: 1502, unit: 1 }
  - name: signing
`

t.test("a file from before there were buses has each line once, and its meters on them", async (t) => {
  const document = parseDocument(old)
  const done = migrate(document)
  t.match(done.join("\n"), /publicUrl.*removed\n.*\nmeter roof is on bus 192\.0\.2\.1:502/)
  t.same(document.toJS(), {
    version: 1,
    site: 1,
    meters: [
      { name: "roof", modbus: { bus: "192.0.2.1:502", unit: 1, profile: "sdm630", keyFile: "roof.key" } },
      { name: "grid", modbus: { bus: "192.0.2.1:502", unit: 2 } },
      { name: "attic", modbus: { bus: "192.0.2.2:1502", unit: 1 } },
      { name: "signing" },
    ],
    buses: [
      { name: "192.0.2.1:502", tcp: { host: "192.0.2.1", port: 502 } },
      { name: "192.0.2.2:1502", tcp: { host: "192.0.2.2", port: 1502 } },
    ],
  })
  t.match(document.toString(), /# our street/)
  t.match(document.toString(), /name: roof # above the barn/)
})

t.test("migrating again finds nothing to do", async (t) => {
  const document = parseDocument(old)
  migrate(document)
  const once = document.toString()
  t.same(migrate(document), [])
  t.equal(document.toString(), once)
})

t.test("a file without a version gets one, and keeps all else", async (t) => {
  const document = parseDocument("site: 1\nbuses: []\n")
  t.same(migrate(document), [`it is of version ${currentVersion}`])
  t.same(document.toJS(), { version: currentVersion, site: 1, buses: [] })
})

t.test("a version that this program does not know is not touched", async (t) => {
  for (const version of [currentVersion + 1, -1, 0.5, "one"])
    t.throws(() => migrate(parseDocument(`version: ${version}\nsite: 1\n`)), RangeError)
})
