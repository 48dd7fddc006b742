import { createECDH } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { stringify } from "yaml"
import { PersonError } from "../protocol/error.ts"
import { toHex } from "../protocol/hex.ts"
import { Assurance } from "../protocol/meter.ts"
import { type ConfigInput, checkConfig, readConfig, validatorUrls } from "./config.ts"
import { testMeter } from "./intake.test.support.ts"
import { nobodysHash } from "./password.ts"

const keyOf = (name: string) => toHex(testMeter(name).key.publicKey)
const p256 = createECDH("prime256v1")
p256.generateKeys()

/** What an operator would write; a fresh copy each time. */
const good = () =>
  ({
    site: 7,
    dataDir: "data",
    mqtt: { host: "0.0.0.0", port: 1883 },
    web: { host: "127.0.0.1", port: 8080 },
    chain: {
      rpc: "https://rpc.example.org",
      chainId: 100,
      oracle: "0xAbCdEf0123456789abcdef0123456789abcdef01",
      keyFile: "../keys/gateway.key",
    },
    settlement: { everySeconds: 3600 },
    rules: {},
    validators: ["https://validator.example.org"],
    auditors: ["age1auditor"],
    buses: [
      { name: "cupboard", tcp: { host: "192.0.2.9" } },
      { name: "cellar", serial: { path: "/dev/ttyUSB0", baudRate: 9600 } },
    ] as NonNullable<ConfigInput["buses"]>,
    households: [
      { name: "Anna", address: `0x${"1".repeat(40)}` },
      { name: "Bert", address: `0x${"2".repeat(40)}`, recipient: "age1bert" },
    ],
    meters: [
      {
        name: "Anna roof",
        household: `0x${"1".repeat(40)}`,
        scheme: "ed25519",
        publicKey: keyOf("roof"),
        ratedW: 5000,
        startTime: 1_780_272_000,
        startWh: "9007199254740993",
        restarts: [{ time: 1_790_000_000, finalWh: "9007199254999999", firstWh: 0 }],
      },
      {
        name: "Bert grid",
        household: `0x${"2".repeat(40)}`,
        scheme: "ed25519",
        publicKey: keyOf("grid"),
        ratedW: 43_470,
        startTime: 1_780_272_000,
        modbus: {
          bus: "cupboard",
          unit: 1,
          profile: "sdm630",
          measures: "grid",
          everySeconds: 60,
          keyFile: "/etc/commonwatt/bert.key",
        },
      },
    ],
  }) satisfies ConfigInput

t.test(
  "a good configuration: paths lead on from the file, numbers are exact, what is not said has its usual value",
  async (t) => {
    const config = checkConfig(stringify(good()), "/etc/commonwatt/gateway.yaml")
    t.equal(config.dataDir, "/etc/commonwatt/data")
    t.equal(config.chain.keyFile, "/etc/keys/gateway.key")
    t.equal(config.chain.oracle, "0xabcdef0123456789abcdef0123456789abcdef01")
    t.match(config.chain, { rpc: ["https://rpc.example.org"], confirmations: 3, maxFeeGwei: 200 })
    t.same(config.rules, { intervalSeconds: 900, headroomBasisPoints: 1000, clockToleranceSeconds: 120 })
    t.same(config.settlement, { everySeconds: 3600, waitSeconds: 120 })
    t.equal(config.timeSync, "systemd")
    t.equal(config.name, "Commonwatt")
    const [roof, grid] = config.meters
    t.match(roof, {
      assurance: Assurance.meter,
      startWh: 9_007_199_254_740_993n,
      restarts: [{ time: 1_790_000_000, finalWh: 9_007_199_254_999_999n, firstWh: 0n }],
      key: { meterId: testMeter("roof").key.meterId },
    })
    t.notOk(roof!.modbus)
    t.same(config.buses, [
      { name: "cupboard", pauseMs: 0, tcp: { host: "192.0.2.9", port: 502, framing: "tcp" } },
      {
        name: "cellar",
        pauseMs: 0,
        serial: { path: "/dev/ttyUSB0", baudRate: 9600, parity: "none", stopBits: 1 },
      },
    ])
    t.match(grid, {
      assurance: Assurance.gateway,
      startWh: 0n,
      restarts: [],
      modbus: { keyFile: "/etc/commonwatt/bert.key" },
    })
  },
)

t.test(
  "readings may come by TLS alone, or by a broker of one's own; files lead on from the configuration",
  async (t) => {
    const pair = { certFile: "tls/gateway.pem", keyFile: "tls/gateway.key", caFile: "tls/ca.pem" }
    const byTls = checkConfig(
      stringify({ ...good(), mqtt: { tls: { port: 8883, ...pair } } }),
      "/etc/commonwatt/gateway.yaml",
    )
    t.match(byTls.mqtt.tls, {
      certFile: "/etc/commonwatt/tls/gateway.pem",
      caFile: "/etc/commonwatt/tls/ca.pem",
    })
    const broker = {
      url: "mqtts://broker.example:8883",
      clientId: "gateway",
      passwordFile: "broker.password",
    }
    const byBroker = checkConfig(stringify({ ...good(), mqtt: { broker } }), "/etc/commonwatt/gateway.yaml")
    t.match(byBroker.mqtt.broker, { ...broker, passwordFile: "/etc/commonwatt/broker.password" })
  },
)

t.test(
  "validators are named by their URLs, or by their addresses where there is a broker for it",
  async (t) => {
    const address = `0x${"Ab".repeat(20)}`
    const config = {
      ...good(),
      validators: ["http://one.example", address],
      validatorBroker: {
        url: "mqtts://broker.example",
        username: "gateway",
        passwordFile: "broker.password",
      },
    }
    const read = checkConfig(stringify(config), "/etc/commonwatt/gateway.yaml")
    t.same(read.validators, ["http://one.example", address.toLowerCase()])
    t.equal(read.validatorBroker?.passwordFile, "/etc/commonwatt/broker.password")
    t.same(validatorUrls(read), ["http://one.example"], "evidence is fetched where it can be")
  },
)

t.test("several nodes keep their order", async (t) => {
  const rpc = ["https://two.example", "https://one.example/key"]
  const config = { ...good(), chain: { ...good().chain, rpc } }
  t.same(checkConfig(stringify(config), "gateway.yaml").chain.rpc, rpc)
})

/** Each bad configuration: what is changed in a good one, and what the operator is told. */
type Input = ReturnType<typeof good>
const bad: Record<string, [change: (config: Input) => unknown, told: RegExp]> = {
  "a setting that is missing": [(c) => Reflect.deleteProperty(c, "site"), /^site: /],
  "a setting that does not exist": [(c) => Object.assign(c, { sites: 7 }), /^sites: is not known here$/],
  "a setting that does not exist, further in": [
    (c) => Object.assign(c.meters[0]!, { rated: 5000 }),
    /^meters\.0\.rated: is not known here$/,
  ],
  "a site that is not a number": [(c) => Object.assign(c, { site: "seven" }), /^site: .*expected number/],
  "a site of 0": [(c) => Object.assign(c, { site: 0 }), /^site: .*>0/],
  "a port that does not exist": [(c) => Object.assign(c.mqtt, { port: 65_536 }), /^mqtt\.port: .*<=65535/],
  "no way for readings to come by MQTT": [
    (c) => Object.assign(c, { mqtt: {} }),
    /^mqtt: give host and port, or tls, or broker$/,
  ],
  "a broker of one's own and an embedded one": [
    (c) => Object.assign(c.mqtt, { broker: { url: "mqtt://broker.example", clientId: "gateway" } }),
    /^mqtt\.broker: with a broker of your own, listeners, clients and hubs are that broker's$/,
  ],
  "a broker without a name for the session": [
    (c) => Object.assign(c, { mqtt: { broker: { url: "mqtt://broker.example" } } }),
    /^mqtt\.broker\.clientId: /,
  ],
  "a plain listener for nobody": [
    (c) => Object.assign(c.mqtt, { anonymous: false }),
    /^mqtt\.anonymous: the plain listener takes neither/,
  ],
  "a password in the clear": [
    (c) => Object.assign(c.mqtt, { clients: [{ meter: "Anna roof", passwordHash: "sunny day" }] }),
    /^mqtt\.clients\.0\.passwordHash: must be a scrypt hash/,
  ],
  "a password that no listener takes": [
    (c) => Object.assign(c.mqtt, { clients: [{ meter: "Anna roof", passwordHash: nobodysHash }] }),
    /^mqtt\.clients\.0 \(Anna roof\): no listener takes passwords/,
  ],
  "a log-in for a meter that nobody knows": [
    (c) => Object.assign(c.mqtt, { clients: [{ meter: "Anna cellar", passwordHash: nobodysHash }] }),
    /^mqtt\.clients\.0: no meter has the name Anna cellar$/,
  ],
  "a hub of a household that nobody knows": [
    (c) => Object.assign(c.mqtt, { hubs: [{ name: "hub", household: "3".repeat(40), certificate: "hub" }] }),
    /^mqtt\.hubs\.0 \(hub\): no household has the address 3{40}$/,
  ],
  "a certificate where there is no TLS": [
    (c) => Object.assign(c.mqtt, { clients: [{ meter: "Anna roof", certificate: "roof" }] }),
    /^mqtt\.clients\.0 \(Anna roof\): certificates need mqtt\.tls$/,
  ],
  "an oracle that is no address": [
    (c) => Object.assign(c.chain, { oracle: "0x12" }),
    /^chain\.oracle: must be 20 bytes of hexadecimal$/,
  ],
  "an rpc that is no URL": [
    (c) => Object.assign(c.chain, { rpc: "example" }),
    /^chain\.rpc\.0: Invalid URL$/,
  ],
  "a second node that is no web address": [
    (c) => Object.assign(c.chain, { rpc: ["https://one.example", "ftp://two.example"] }),
    /^chain\.rpc\.1: Invalid URL$/,
  ],
  "a node that is named twice": [
    (c) => Object.assign(c.chain, { rpc: ["https://one.example", "https://one.example"] }),
    /^chain\.rpc: must name each node once$/,
  ],
  "no depth at all": [(c) => Object.assign(c.chain, { confirmations: 0 }), /^chain\.confirmations: .*>=1$/],
  "gas for nothing": [(c) => Object.assign(c.chain, { maxFeeGwei: 0 }), /^chain\.maxFeeGwei: .*>0$/],
  "a clock that nobody keeps": [
    (c) => Object.assign(c, { timeSync: "ntp" }),
    /^timeSync: .*"systemd"\|"trusted"/,
  ],
  "a validator's address, and no broker": [
    (c) => Object.assign(c, { validators: [`0x${"1".repeat(40)}`] }),
    /^validators\.0: is an address, and there is no validatorBroker/,
  ],
  "a validator that is a broker": [
    (c) => Object.assign(c, { validators: ["mqtt://broker.example"] }),
    /^validators\.0: must be a validator's URL \(http:\/\/ or https:\/\/\), or its address/,
  ],
  "a validator that is named twice": [
    (c) => Object.assign(c, { validators: ["http://one.example", "http://one.example"] }),
    /^validators\.1: is there twice$/,
  ],
  "no auditor": [(c) => Object.assign(c, { auditors: [] }), /^auditors: .*>=1/],
  "an auditor with another key": [
    (c) => Object.assign(c, { auditors: ["ssh-ed25519 AAAA"] }),
    /^auditors\.0: .*start with "age1"/,
  ],
  "no meter": [(c) => Object.assign(c, { meters: [] }), /^meters: must name a meter at least/],
  "a batch in the middle of an interval": [
    (c) => Object.assign(c.settlement, { everySeconds: 1000 }),
    /^settlement\.everySeconds: must be a multiple of rules\.intervalSeconds$/,
  ],
  "an interval of no time": [
    (c) => Object.assign(c.rules, { intervalSeconds: 0 }),
    /^rules\.intervalSeconds: .*>0/,
  ],
  "headroom below zero": [
    (c) => Object.assign(c.rules, { headroomBasisPoints: -1 }),
    /^rules\.headroomBasisPoints: .*>=0/,
  ],
  "a register that is not whole": [
    (c) => Object.assign(c.meters[0]!, { startWh: "1.5" }),
    /^meters\.0\.startWh: /,
  ],
  "restarts that are not in order": [
    (c) =>
      Object.assign(c.meters[0]!, { restarts: [2, 1].map((time) => ({ time, finalWh: 5, firstWh: 0 })) }),
    /^meters\.0\.restarts: must be in order of time, no two at once$/,
  ],
  "a register that has run backwards": [
    (c) => Object.assign(c.meters[0]!, { startWh: -1 }),
    /^meters\.0\.startWh: /,
  ],
  "a meter of no power": [(c) => Object.assign(c.meters[0]!, { ratedW: 0 }), /^meters\.0\.ratedW: .*>0/],
  "a scheme that nobody knows": [
    (c) => Object.assign(c.meters[0]!, { scheme: "rsa" }),
    /^meters\.0\.scheme: .*"ed25519"\|"es256"/,
  ],
  "two households at one address": [
    (c) => Object.assign(c.households[1]!, { address: c.households[0]!.address }),
    /^households\.1 \(Bert\): another household has the same address$/,
  ],
  "a meter of nobody": [
    (c) => Object.assign(c.meters[0]!, { household: `0x${"3".repeat(40)}` }),
    /^meters\.0 \(Anna roof\): no household has the address 0x3{40}$/,
  ],
  "two meters of one name": [
    (c) => Object.assign(c.meters[1]!, { name: "Anna roof" }),
    /^meters\.1 \(Anna roof\): another meter has the same name$/,
  ],
  "two meters of one key": [
    (c) => Object.assign(c.meters[1]!, { publicKey: c.meters[0]!.publicKey }),
    /^meters\.1 \(Bert grid\): another meter has the same key$/,
  ],
  "a key that is too short": [
    (c) => Object.assign(c.meters[0]!, { publicKey: "0x1234" }),
    /^meters\.0 \(Anna roof\): A public key of scheme 1 has 32 bytes, this one has 2\.$/,
  ],
  "a key that is no hexadecimal": [
    (c) => Object.assign(c.meters[0]!, { publicKey: "roof" }),
    /^meters\.0 \(Anna roof\): "roof" is not hexadecimal\.$/,
  ],
  "a key of small order": [
    (c) => Object.assign(c.meters[0]!, { publicKey: `01${"0".repeat(62)}` }),
    /^meters\.0 \(Anna roof\): This Ed25519 key has small order/,
  ],
  "a key that is not on its curve": [
    (c) => Object.assign(c.meters[0]!, { scheme: "es256", publicKey: "11".repeat(64) }),
    /^meters\.0 \(Anna roof\): This public key is not a point of secp256r1\.$/,
  ],
  "a kind of meter that nobody knows": [
    (c) => Object.assign(c.meters[1]!.modbus!, { profile: "sdm6300" }),
    /^meters\.1 \(Bert grid\): There is no meter profile "sdm6300"\. Use one of: .*sdm630, /,
  ],
  "a unit that does not exist": [
    (c) => Object.assign(c.meters[1]!.modbus!, { unit: 256 }),
    /^meters\.1\.modbus\.unit: .*<=255/,
  ],
  "a plain meter with a key that the gateway cannot hold": [
    (c) => Object.assign(c.meters[1]!, { scheme: "es256", publicKey: p256.getPublicKey("hex").slice(2) }),
    /^meters\.1 \(Bert grid\): a key that the gateway holds must be ed25519$/,
  ],
  "a bus that is neither serial nor on a network": [
    (c) => c.buses.push({ name: "none" }),
    /^buses\.2: a bus is either serial or tcp$/,
  ],
  "a bus that is both": [
    (c) => Object.assign(c.buses[0]!, { serial: { path: "/dev/ttyUSB1", baudRate: 9600 } }),
    /^buses\.0: a bus is either serial or tcp$/,
  ],
  "a parity that nobody has": [
    (c) => Object.assign(c.buses[1]!.serial!, { parity: "mark" }),
    /^buses\.1\.serial\.parity: .*"none"\|"even"\|"odd"/,
  ],
  "two buses of one name": [
    (c) => c.buses.push({ name: "cellar", tcp: { host: "192.0.2.10" } }),
    /^buses\.2 \(cellar\): another bus has the same name$/,
  ],
  "two buses on one line": [
    (c) => c.buses.push({ name: "attic", serial: { path: "/dev/ttyUSB0", baudRate: 19_200 } }),
    /^buses\.2 \(attic\): another bus is the same line, \/dev\/ttyUSB0$/,
  ],
  "a meter on a bus that does not exist": [
    (c) => Object.assign(c.meters[1]!.modbus!, { bus: "attic" }),
    /^meters\.1 \(Bert grid\): there is no bus named attic$/,
  ],
  "a unit that no serial line has": [
    (c) => Object.assign(c.meters[1]!.modbus!, { bus: "cellar", unit: 248 }),
    /^meters\.1 \(Bert grid\): modbus\.unit must be from 1 to 247 on a serial line$/,
  ],
  "a plain meter without a key to sign with": [
    (c) => Reflect.deleteProperty(c.meters[1]!.modbus!, "keyFile"),
    /^meters\.1 \(Bert grid\): modbus\.keyFile is missing: the gateway signs for a plain meter$/,
  ],
  "a meter that signs itself, with a scheme that is not its own": [
    (c) => Object.assign(c.meters[1]!.modbus!, { profile: "bsm-ws36a" }),
    /^meters\.1 \(Bert grid\): scheme: a meter of profile Bauer.* signs in its own format/,
  ],
  "a meter that signs itself, at another place than its scheme says": [
    (c) => {
      Reflect.deleteProperty(c.meters[1]!.modbus!, "keyFile")
      Object.assign(c.meters[1]!.modbus!, { profile: "bsm-ws36a", measures: "grid" })
      Object.assign(c.meters[1]!, { scheme: "bsm-generation", publicKey: p256.getPublicKey("hex").slice(2) })
    },
    /^meters\.1 \(Bert grid\): modbus\.measures is grid, and the scheme says that it measures generation$/,
  ],
  "one device under two names": [
    (c) => c.meters.push({ ...c.meters[1]!, name: "Bert roof", publicKey: keyOf("third") }),
    /^meters\.2 \(Bert roof\): another meter is the same Modbus unit$/,
  ],
  "a meter that is read less than once an interval": [
    (c) => Object.assign(c.meters[1]!.modbus!, { everySeconds: 901 }),
    /^meters\.1 \(Bert grid\): modbus\.everySeconds must not be more than rules\.intervalSeconds$/,
  ],
}

/** @returns what an operator would be told. */
function complaintAbout(t: { fail(what: string): unknown }, text: string): PersonError {
  try {
    checkConfig(text, "/etc/commonwatt/gateway.yaml")
  } catch (error) {
    if (error instanceof PersonError) return error
    t.fail(`it is not for a person: ${error}`)
  }
  throw new Error("The configuration was taken.")
}

for (const [name, [change, told]] of Object.entries(bad))
  t.test(`${name} is named by its place and the reason`, async (t) => {
    const config = good()
    change(config)
    const error = complaintAbout(t, stringify(config))
    t.match(
      error.message,
      /^The configuration \/etc\/commonwatt\/gateway\.yaml has (a mistake|2 mistakes)\.$/,
    )
    const [, line, what = ""] = /^line (\d+): (.*)$/s.exec(error.context[0]!) ?? []
    t.ok(Number(line) > 0)
    t.match(what, told)
  })

t.test("all mistakes of form are named at once", async (t) => {
  const config = good()
  Object.assign(config, { site: -1, auditors: [] })
  Object.assign(config.meters[1]!.modbus!, { unit: -1 })
  const error = complaintAbout(t, stringify(config))
  t.match(error.message, / has 3 mistakes\.$/)
  t.match([...error.context].map((line) => line.replace(/^line \d+: /, "")).sort(), [
    /^auditors: /,
    /^meters\.1\.modbus\.unit: /,
    /^site: /,
  ])
})

t.test("all that does not fit together is named at once, in one go over the file", async (t) => {
  const config = good()
  Object.assign(config.settlement, { everySeconds: 1000 })
  Object.assign(config.meters[0]!, { household: `0x${"3".repeat(40)}` })
  Object.assign(config.meters[1]!, { name: "Anna roof", publicKey: "0x12" })
  Object.assign(config, { mqtt: {} })
  t.match(
    complaintAbout(t, stringify(config)).context.map((line) => line.replace(/^line \d+: /, "")),
    [
      /^settlement/,
      /^meters\.0 .*no household/,
      /^meters\.1 .*same name/,
      /^meters\.1 .*32 bytes/,
      /^mqtt: give/,
    ],
  )
})

t.test("a mistake is named with the line on which it stands, or on which it would", async (t) => {
  const lines = stringify(good()).split("\n")
  const on = (text: string) => lines.findIndex((line) => line.includes(text)) + 1
  const told = (from: string, to: string) => complaintAbout(t, lines.join("\n").replace(from, to)).context[0]
  t.match(told("chainId: 100", "chainId: ten"), new RegExp(`^line ${on("chainId")}: chain\\.chainId: `))
  t.match(told("ratedW: 43470", "ratedW: 0"), new RegExp(`^line ${on("43470")}: meters\\.1\\.ratedW: `))
  t.match(told("unit: 1", "unit: one"), new RegExp(`^line ${on("unit: 1")}: meters\\.1\\.modbus\\.unit: `))
  t.match(told("  chainId: 100\n", ""), new RegExp(`^line ${on("chain:")}: chain\\.chainId: `))
})

t.test("what is not YAML, or empty, is said to be so", async (t) => {
  t.match(complaintAbout(t, "site: [7"), { message: /is not valid YAML\.$/, context: [/line 1/] })
  t.match(complaintAbout(t, ""), {
    message: /has a mistake\.$/,
    context: [/^(line 1: )?file: .*expected object/],
  })
})

t.test("a file that cannot be read is named, with what to do", async (t) => {
  const file = join(t.testdir({ "gateway.yaml": stringify(good()) }), "gateway.yaml")
  t.equal(readConfig(file).site, 7)
  t.equal(readConfig(file).dataDir, join(t.testdirName, "data"))
  t.throws(() => readConfig(`${file}.old`), {
    name: "PersonError",
    message: `The configuration ${file}.old cannot be read.`,
    context: [/ENOENT/],
    next: /Check the path/,
  })
})

t.test(
  "the sharing key is proportional where none is given; an address may have its checksum's capitals",
  async (t) => {
    t.same(checkConfig(stringify(good()), "site.yaml").sharingKey, { name: "proportional", version: 1 })
    const [anna, bert] = good().households.map(({ address }) => address)
    const parts = [
      { household: `0x${"1".repeat(40)}`, parts: 600_000 },
      { household: bert!, parts: 400_000 },
    ]
    const written = { ...good(), sharingKey: { name: "static", version: 2, parts } }
    t.same(checkConfig(stringify(written), "site.yaml").sharingKey, {
      name: "static",
      version: 2,
      parts: [{ household: anna, parts: 600_000 }, parts[1]],
    })
  },
)

t.test("a coefficients file as Spain's distributors take it is read as the sharing key", async (t) => {
  const [anna, bert] = good().households.map(({ address }) => address)
  const [one, two] = ["ES0021000000000001AA0F", "ES0021000000000002BB0F"]
  const folder = t.testdir({
    "betas.txt": `${one};0,250000\n${two};0,750000\n`,
    "site.yaml": stringify({
      ...good(),
      coefficients: {
        file: "betas.txt",
        version: 3,
        supplyPoints: { [one]: anna, [two.toLowerCase()]: bert },
      },
    }),
  })
  t.same(readConfig(join(folder, "site.yaml")).sharingKey, {
    name: "static",
    version: 3,
    parts: [
      { household: anna, parts: 250_000 },
      { household: bert, parts: 750_000 },
    ],
  })
})

t.test("a sharing key that cannot be meant is refused, with the reason", async (t) => {
  const stranger = `0x${"9".repeat(40)}`
  const cases: [object, RegExp][] = [
    [{ accounts: { version: 1 } }, /accounts\.fund/],
    [{ sharingPool: `0x${"11".repeat(20)}` }, /sharingPool: settles accounts, and there are no accounts/],
    [{ sharingKey: { name: "fair", version: 1 } }, /sharingKey\.name/],
    [{ sharingKey: { name: "minimum", version: 1 } }, /intervalSeconds must be 3600/],
    [
      { sharingKey: { name: "table", version: 1, seconds: 1000, rows: [] } },
      /multiple of rules\.intervalSeconds/,
    ],
    [{ sharingKey: { name: "priority", version: 1, ranks: [[stranger]] } }, /no household has this address/],
    [{ coefficients: { file: "gone.txt", version: 1, supplyPoints: {} } }, /gone\.txt/],
    [
      {
        sharingKey: { name: "equal", version: 1 },
        coefficients: { file: "gone.txt", version: 1, supplyPoints: {} },
      },
      /keep one of them/,
    ],
  ]
  for (const [over, reason] of cases)
    try {
      checkConfig(stringify({ ...good(), ...over }), "site.yaml")
      t.fail(`${JSON.stringify(over)} was taken`)
    } catch (error) {
      if (!(error instanceof PersonError)) throw error
      t.match([error.message, ...error.context].join("\n"), reason)
    }
})

t.test(
  "a table of emission factors is read with the configuration, or what is wrong with it is said",
  async (t) => {
    const table = "# grid: DE\n# source: s\n# version: 1\nhour,grams_per_kwh\n"
    const emissionFactors = { file: "grid.csv" }
    const folder = t.testdir({
      "grid.csv": `${table}2026-06-01T00:00Z,350.2\n`,
      "site.yaml": stringify({ ...good(), emissionFactors }),
    })
    t.match(readConfig(join(folder, "site.yaml")).emissionFactors, { grid: "DE", source: "s", version: "1" })
    writeFileSync(join(folder, "grid.csv"), `${table}2026-06-01T00:00Z,350200\n`)
    try {
      readConfig(join(folder, "site.yaml"))
      t.fail("it was taken")
    } catch (error) {
      t.match((error as PersonError).context, [
        /emissionFactors: .*grid\.csv is not a table of emission factors\. Line 5 has no factor/,
      ])
    }
  },
)
