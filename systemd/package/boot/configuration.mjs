// Prints the configuration of a gateway with one plain meter. Arguments: what `provision key` said of the auditor, and
// `provision init` of the identity.
const [, , auditor, identity] = process.argv
const { recipient } = JSON.parse(auditor)
const [{ publicKey }] = JSON.parse(identity).meters
const household = `0x${"11".repeat(20)}`
console.log(
  JSON.stringify({
    site: 1,
    name: "Cellar",
    dataDir: "/var/lib/commonwatt",
    timeSync: "trusted",
    holdSeconds: 0,
    mqtt: { host: "127.0.0.1", port: 1883 },
    web: { host: "127.0.0.1", port: 8080 },
    chain: {
      rpc: "http://127.0.0.1:8545",
      chainId: 31337,
      oracle: `0x${"22".repeat(20)}`,
      keyFile: "./identity/site.key",
    },
    settlement: { everySeconds: 86400 },
    rules: {},
    auditors: [recipient],
    households: [{ name: "Home 1", address: household }],
    buses: [{ name: "meter cupboard", tcp: { host: "127.0.0.1", port: 1502 } }],
    meters: [
      {
        name: "Home 1 roof",
        household,
        scheme: "ed25519",
        publicKey,
        ratedW: 6000,
        startTime: 1700000000,
        modbus: {
          bus: "meter cupboard",
          unit: 1,
          profile: "sdm630",
          measures: "generation",
          everySeconds: 10,
          keyFile: "./identity/meter-1.key",
        },
      },
    ],
  }),
)
