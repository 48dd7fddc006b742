import { text } from "node:stream/consumers"
import { hashPassword } from "../gateway/password.ts"
import { PersonError } from "../protocol/error.ts"
import { createKey, type KeyKind, keyKinds } from "../provisioning/keys.ts"
import { type Command, required, type Values } from "./command.ts"
import { bundle, firstBoot, unbundle } from "./provision-bundle.ts"
import { policy, recover, rotate, succession, validators } from "./provision-community.ts"
import { community, deployAction, limits, pool, site } from "./provision-contracts.ts"
import { addMeter, household, importTable, invite, labels } from "./provision-household.ts"
import { drill, init, restore } from "./provision-identity.ts"
import { meter, meters, possession } from "./provision-meters.ts"
import { scan } from "./provision-scan.ts"

const actions: Record<string, (values: Values, more: readonly string[]) => Promise<number>> = {
  key,
  password,
  deploy: deployAction,
  site,
  pool,
  limits,
  meters,
  possession,
  meter: (values, more) => meterAction(values, more),
  init,
  restore,
  drill,
  scan,
  household,
  import: importTable,
  invite,
  labels,
  policy,
  validators,
  succession,
  bundle,
  unbundle,
  "first-boot": firstBoot,
  community,
}

function meterAction(values: Values, more: readonly string[]): Promise<number> {
  switch (more[0]) {
    case "add":
      return addMeter(values)
    case "rotate-key":
      return rotate(values)
    case "recover":
      return recover(values, more.slice(1))
    default:
      return meter(values, more)
  }
}

export const provision: Command = {
  name: "provision",
  summary: "the operator's tools: keys, contracts, sites, pools, meters and what becomes of them",
  help: `
Usage: commonwatt provision init    --dir DIR --shares-to DIR [--shares 2/3] [--meters N] [SEAL] [--dry-run]
       commonwatt provision drill   --dir DIR < SHARES
       commonwatt provision restore --dir DIR [--meters N] [SEAL] [--dry-run] < SHARES
       commonwatt provision scan   [--serial PORT] [--hosts HOSTS] [--config FILE] [--dry-run]
                                   [--baud LIST] [--parity LIST] [--units LIST] [--port N] [--wait MS] [--profiles DIR] [--json]
       commonwatt provision key    --kind account|meter|auditor --out FILE
       commonwatt provision password < FILE
       commonwatt provision deploy --plan FILE NODE --out FILE [--dry-run]
       commonwatt provision deploy --check --plan FILE --deployment FILE --rpc URL
       commonwatt provision community init --plan FILE NODE --out FILE [--dry-run]
       commonwatt provision bundle --config FILE [--dir IDENTITY --passphrase-file FILE] --out FILE LOCK [--dry-run]
       commonwatt provision unbundle FILE --dir DIR [LOCK] [--passphrase-to FILE] [--remove] [--dry-run]
       commonwatt provision first-boot [--from DIR,DIR] [--dir DIR] [--report FILE] [--dry-run]
       commonwatt provision site   NODE --deployment FILE --gateway ADDRESS [--dry-run]
       commonwatt provision site   NODE --deployment FILE --site N [--dry-run]
       commonwatt provision pool   NODE --deployment FILE --site N [--dry-run]
       commonwatt provision limits NODE --deployment FILE --site N --households A,B,C --limit WH [--dry-run]
       commonwatt provision household add --config FILE --name NAME --address ADDRESS [--recipient age1…] [--dry-run]
       commonwatt provision meter add NODE --deployment FILE --config FILE --name NAME --household NAME --address ADDRESS
                                   --rated-w W --time T [--start-wh WH] [--meter-key FILE] [--public-key KEY]
                                   [--scheme NAME] [--possession SIGNATURE]
                                   [--bus NAME --unit N --profile NAME --measures generation|grid] [--every S] [--dry-run]
       commonwatt provision import FILE.csv NODE --deployment FILE --config FILE [--dry-run]
       commonwatt provision invite --config FILE --household NAME --page https://HOST --out FILE [--days N] [--dry-run]
       commonwatt provision labels --config FILE --page https://HOST --out FILE [--name METER] [--dry-run]
       commonwatt provision possession --deployment FILE --list FILE
       commonwatt provision meters NODE --deployment FILE --list FILE [--dry-run]
       commonwatt provision meter suspend|reactivate|revoke NODE --deployment FILE --meter ID [--dry-run]
       commonwatt provision meter restart   … --final-wh WH --first-wh WH --time T
       commonwatt provision meter power     … --rated-w W --time T
       commonwatt provision meter move      … --site N
       commonwatt provision meter hand-over … --household ADDRESS --time T
       commonwatt provision meter end       … --final-wh WH --time T
       commonwatt provision meter replace   … --final-wh WH --time T --list FILE
       commonwatt provision meter rotate-key … --old-key FILE --meter-key FILE --time T [--config FILE]
       commonwatt provision meter recover announce|finish … --meter-key FILE [--config FILE]
       commonwatt provision meter recover cancel …
       commonwatt provision policy show|update NODE --deployment FILE [--dry-run]
       commonwatt provision policy announce NODE --deployment FILE --plan FILE --time T [--dry-run]
       commonwatt provision policy withdraw NODE --deployment FILE --version N [--dry-run]
       commonwatt provision validators NODE --deployment FILE --plan FILE [--dry-run]
       commonwatt provision succession announce NODE --deployment FILE --oracle ADDRESS [--dry-run]
       commonwatt provision succession withdraw|finish NODE --deployment FILE [--dry-run]

NODE is --rpc URL --key-file FILE: a node of the chain and the key of who does it (32 bytes of hexadecimal behind 0x).

SEAL is --passphrase-file FILE, or nothing: then this machine keeps a passphrase of its own, encrypted by systemd-creds,
and gives it to the gateway's unit.

init   makes a gateway's identity from one root: site key, TLS key, box key (opens bundles and back-ups) and keys for
       plain meters, each sealed; and recovery shares to print, 2 of 3 if not said otherwise. Given again it completes
       what is missing, adds meter keys (--meters N is how many there are to be) or prints another set of shares.
drill  proves that shares (their words, a line for each) give the identity in DIR. Opens and changes nothing.
restore  makes the same identity again from shares, on another machine.
scan   finds meters on a serial bus (usual rates and parities until someone answers) and at hosts of the network
       (names, addresses, or a network up to /24; Modbus TCP), and prints which profile fits and what each shows, to
       compare with its display. It only reads; a port that another program has is left alone, and so are the hosts of a
       configuration. --units 1-32 on a serial bus, 1-3,126,255 on the network; --wait is per unit.
key    makes a key, writes its secret to a new file and prints the public part:
${Object.entries(keyKinds)
  .map(([kind, what]) => `         ${kind.padEnd(8)} ${what}`)
  .join("\n")}
password  reads a password from standard input and prints its hash (scrypt), for MQTT clients and hubs and for
       web.operatorPassword in a gateway's configuration. The password itself is kept nowhere.
deploy puts a community's contracts on a chain as its plan says, and writes where they are to --out before the first
       transaction. Given again after a failure it goes on where it stopped.
  --check  compares what is on chain with the plan and with the code that the contracts compile to: a line for each
       thing, and exit code 0 only if all hold.
community init  deploys as the plan says and then checks all of it, in one go; given again it goes on, and checks again.
bundle puts a configuration, every file that it names and an identity into one encrypted file (age) for a new gateway.
       LOCK is --lock-file FILE (a passphrase), --to age1… (the box's key, which its init printed), or --key-inside: it
       opens by itself, and whoever holds it has the keys.
unbundle  takes it there, LOCK being --lock-file FILE or --key-file FILE (box.key). The passphrase of sealed keys goes
       into this machine's keeping, or where --passphrase-to says. With --remove the bundle is deleted in the end.
first-boot  takes commonwatt.bundle from the boot partition or a USB stick, opens it with what lies in it, with the
       passphrase in commonwatt.lock beside it or on another stick, or with the key of the box, wipes both, and leaves
       commonwatt-first-boot.txt there. The package does this at each start, and when a stick is plugged in, until there is
       a configuration.
site   opens a site for a gateway (the address of its key) and prints the site's number; with --site it adds
       what an open site's stake lacks, after it was slashed or the rules changed.
pool   deploys the pool in which a site's households settle what they shared.
limits sets how far households of a site may be in debt.
meters registers the meters of a YAML list: household, site, scheme, publicKey, assurance, ratedW, startTime, startWh,
       and keyFile (a key that the gateway keeps) or possession (what the meter itself signed).
household  puts a household into the gateway's configuration; comments there stay.
meter add  shows what it is going to state, registers the meter and puts it, and its household, into the configuration.
       With --dry-run it needs no node. What is registered or configured already is left: give it again after a failure.
import does the same for each line of a table. Its head: name,household,address,ratedW,startTime,startWh,scheme,
       publicKey,possession,keyFile,bus,unit,profile,measures,everySeconds (what is not needed may be left out).
invite prints a code that opens a household's page, once. labels prints a label with a code for each meter.
possession  prints the digest that each meter of a list must sign to be registered.
meter  changes what the registry knows of one meter, in one line that you review.
       rotate-key: its old key signs the new one. recover: a key that is lost or stolen; the community announces the new
       one, the guardian or the household can cancel it for seven days, then anyone finishes it. --config is that of
       the gateway that signs for the meter: the new key is put there. Everyone else learns it from the registry.
policy    announces the rules of a plan for a time at least seven days ahead; update tells the oracle of them then.
validators  stakes for the plan's validators and names them. succession  puts another oracle in office, after its window.

  --dry-run         says what it would do, and does nothing
  --time T          Unix seconds

Where an account's role has a delay, the same command first schedules and, given again after the delay, does it.

Example:
  commonwatt provision deploy --plan community.yaml --rpc http://127.0.0.1:8545 --key-file operator.key \\
    --out deployment.json
  commonwatt provision deploy --check --plan community.yaml --rpc http://127.0.0.1:8545 --deployment deployment.json
`,
  options: {
    dir: { type: "string" },
    serial: { type: "string" },
    hosts: { type: "string" },
    config: { type: "string" },
    baud: { type: "string" },
    parity: { type: "string" },
    units: { type: "string" },
    port: { type: "string" },
    wait: { type: "string" },
    profiles: { type: "string" },
    json: { type: "boolean" },
    "shares-to": { type: "string" },
    shares: { type: "string" },
    meters: { type: "string" },
    "passphrase-file": { type: "string" },
    kind: { type: "string" },
    rpc: { type: "string" },
    "key-file": { type: "string" },
    plan: { type: "string" },
    check: { type: "boolean" },
    out: { type: "string" },
    deployment: { type: "string" },
    gateway: { type: "string" },
    site: { type: "string" },
    households: { type: "string" },
    limit: { type: "string" },
    list: { type: "string" },
    meter: { type: "string" },
    name: { type: "string" },
    address: { type: "string" },
    recipient: { type: "string" },
    "start-wh": { type: "string" },
    scheme: { type: "string" },
    "public-key": { type: "string" },
    possession: { type: "string" },
    "old-key": { type: "string" },
    version: { type: "string" },
    oracle: { type: "string" },
    to: { type: "string" },
    "lock-file": { type: "string" },
    "passphrase-to": { type: "string" },
    remove: { type: "boolean" },
    "key-inside": { type: "boolean" },
    from: { type: "string" },
    report: { type: "string" },
    "meter-key": { type: "string" },
    bus: { type: "string" },
    unit: { type: "string" },
    profile: { type: "string" },
    measures: { type: "string" },
    every: { type: "string" },
    page: { type: "string" },
    days: { type: "string" },
    "final-wh": { type: "string" },
    "first-wh": { type: "string" },
    "rated-w": { type: "string" },
    household: { type: "string" },
    time: { type: "string" },
    "dry-run": { type: "boolean" },
  },
  async run(values, [action = "", ...more]) {
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (!act)
      throw new PersonError(action ? `There is no "provision ${action}".` : "What is to be provisioned?", {
        next: `Use one of: ${Object.keys(actions).join(", ")}. See commonwatt provision --help.`,
      })
    return act(values, more)
  },
}

async function key(values: Values): Promise<number> {
  const kind = required(values, "kind", Object.keys(keyKinds).join(", "))
  if (!Object.hasOwn(keyKinds, kind))
    throw new PersonError(`There is no kind of key "${kind}".`, {
      next: `Use one of: ${Object.keys(keyKinds).join(", ")}.`,
    })
  const created = await createKey(kind as KeyKind, required(values, "out", "the file for the secret"))
  process.stdout.write(`${JSON.stringify(created)}\n`)
  return 0
}

/** A password that small devices and hubs log in with, at least as long as makes guessing hopeless. */
const leastPasswordCharacters = 12

async function password(): Promise<number> {
  const given = (await text(process.stdin)).replace(/\r?\n$/, "")
  if (given.length < leastPasswordCharacters)
    throw new PersonError(
      `The password has ${given.length} characters, it must have at least ${leastPasswordCharacters}.`,
      { next: "A good one: openssl rand -base64 18 | tee password.txt | commonwatt provision password" },
    )
  process.stdout.write(`${await hashPassword(given)}\n`)
  return 0
}
