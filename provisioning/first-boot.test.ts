import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { PersonError } from "../protocol/error.ts"
import { newIdentity } from "../protocol/seal.ts"
import { type Bundle, type Lock, lockBundle } from "./bundle.ts"
import { bundleName, firstBoot, lockName, reportName } from "./first-boot.ts"
import { sticksIn } from "./sticks.ts"

const dataDir = "/var/lib/commonwatt"
const config = (settings: Record<string, unknown> = {}) =>
  JSON.stringify({
    site: 7,
    name: "Sunny Lane",
    dataDir,
    mqtt: { host: "127.0.0.1", port: 1883 },
    web: { host: "127.0.0.1", port: 8080 },
    chain: {
      rpc: "http://127.0.0.1:8545",
      chainId: 1,
      oracle: `0x${"2".repeat(40)}`,
      keyFile: "identity/site.key",
    },
    settlement: { everySeconds: 86400 },
    rules: {},
    auditors: ["age1one"],
    households: [{ name: "Home 1", address: `0x${"1".repeat(40)}` }],
    meters: [
      {
        name: "roof",
        household: `0x${"1".repeat(40)}`,
        scheme: "ed25519",
        publicKey: "0xb33ff89bea3568342b50756dbd89b12b04ca27d0c1f9c668647d3a3b4316aafe",
        ratedW: 5000,
        startTime: 1,
      },
    ],
    ...settings,
  })

function bundle(settings: Record<string, unknown> = {}): Bundle {
  const file = (path: string, reader: Bundle["files"][number]["for"], text: string) => ({
    path,
    for: reader,
    content: Buffer.from(text),
  })
  return {
    config: "gateway.yaml",
    files: [
      file("gateway.yaml", "gateway", config(settings)),
      file("identity/root.key", "superuser", "sealed root"),
      file("identity/site.key", "gateway", "sealed site key"),
    ],
    passphrase: "blue lamp on the roof",
  }
}

const isRoot = process.getuid?.() === 0
/** Any that is not root's own. */
const serviceGroup = 65534

/** A box as the package leaves it, with a card in it. */
async function machine(t: Test, lock: Lock, settings?: Record<string, unknown>) {
  const root = t.testdir({ card: {}, stick: {}, etc: {} })
  const at = (...path: string[]) => join(root, ...path)
  if (isRoot) chownSync(at("etc"), 0, serviceGroup)
  chmodSync(at("etc"), 0o2750)
  const file = at("card", bundleName)
  const bytes = await lockBundle(bundle(settings), lock)
  writeFileSync(file, bytes)
  const kept: string[] = []
  const said: string[] = []
  const box = {
    places: ["card", "stick", "none"].map((name) => ({ folder: at(name), called: `the ${name}` })),
    dryRun: false,
    folder: at("etc"),
    dataDir,
    keep: (passphrase: string) => void kept.push(passphrase),
    sync: () => {},
  }
  const boot = (change: Partial<typeof box> = {}) =>
    firstBoot({ ...box, ...change }, (line) => said.push(line))
  return { at, file, bytes, kept, said, boot, report: () => readFileSync(at("card", reportName), "utf8") }
}

t.test(
  "a first boot asks nothing, and leaves a gateway that can start and a card that holds no secret",
  async (t) => {
    const { at, file, bytes, kept, boot, report } = await machine(t, "key inside")
    t.equal(await boot({ dryRun: true }), "taken")
    t.same([readdirSync(at("etc")), readdirSync(at("card"))], [[], [bundleName]], "a dry run changes nothing")

    t.equal(await boot(), "taken")
    t.same(kept, ["blue lamp on the roof"])
    t.equal(readFileSync(at("etc/identity/site.key"), "utf8"), "sealed site key")
    const mode = (path: string) => (statSync(at("etc", path)).mode & 0o7777).toString(8)
    t.equal(mode("gateway.yaml"), "640", "the gateway's group may read what it needs")
    t.equal(mode("identity/site.key"), "640")
    t.equal(mode("identity"), "2750")
    if (isRoot)
      for (const path of ["gateway.yaml", "identity", "identity/site.key"])
        t.equal(statSync(at("etc", path)).gid, serviceGroup, path)
    t.equal(mode("identity/root.key"), "600", "and not what it does not need")
    t.same(readdirSync(at("etc")).sort(), ["gateway.yaml", "identity"], "nothing else is left behind")
    t.notOk(existsSync(file))
    t.match(report(), /has taken the bundle on the card: site 7, Sunny Lane/)

    t.equal(await boot(), "nothing", "there is nothing more to do")
    writeFileSync(file, bytes)
    t.equal(await boot(), "taken", "what a power cut left on the card is wiped by the next boot")
    t.notOk(existsSync(file))
  },
)

t.test("the passphrase may come by another way than the bundle, and is wiped with it", async (t) => {
  const { at, file, boot, report } = await machine(t, { passphrase: "told by telephone" })
  t.equal(await boot(), "refused")
  t.match(report(), /locked with a passphrase, which is not here[\s\S]*commonwatt\.lock/)
  writeFileSync(at("stick", lockName), "told wrongly\n")
  t.equal(await boot(), "refused")
  t.match(report(), /its passphrase is another one/)
  t.ok(existsSync(file) && existsSync(at("stick", lockName)), "nothing is lost by a mistake")
  t.same(readdirSync(at("etc")), [])
  writeFileSync(at("stick", lockName), "told by telephone\r\n")
  t.equal(await boot(), "taken")
  t.same(readdirSync(at("stick")), [])
  t.same(readdirSync(at("card")), [reportName])
})

t.test(
  "wherever a copy was torn, the person reads so, nothing is taken, and the next boot tries again",
  async (t) => {
    const { at, file, bytes, kept, said, boot, report } = await machine(t, "key inside")
    for (const length of [0, 1, 60, 74, 75, 76, 120, 260, bytes.length - 1]) {
      writeFileSync(file, bytes)
      truncateSync(file, length)
      t.equal(await boot(), "refused", `${length} bytes of ${bytes.length}`)
      t.match(report(), /could not take[\s\S]*(torn|beginning is lost)[\s\S]*tried again at the next start/)
    }
    for (const place of [10, 90, 200, bytes.length - 20]) {
      const damaged = Buffer.from(bytes)
      damaged[place]! ^= 1
      writeFileSync(file, damaged)
      t.equal(await boot(), "refused", `another byte ${place}`)
    }
    t.same(readdirSync(at("etc")), [])
    t.same(kept, [])
    t.notMatch(said.join("\n"), /SECRET/i)
    writeFileSync(file, bytes)
    t.equal(await boot(), "taken")
  },
)

t.test("cut off at any step, the next boot comes to the same end", async (t) => {
  const cut = () => {
    throw new Error("power cut")
  }
  for (const step of ["keep", "sync"] as const) {
    const { at, file, boot } = await machine(t, "key inside")
    t.equal(await boot({ [step]: cut }), "refused")
    t.ok(existsSync(file), "the card keeps the bundle until all is on the disk")
    mkdirSync(at("etc/.unpacking"), { recursive: true })
    t.equal(await boot(), "taken", step)
    t.same(readdirSync(at("etc")).sort(), ["gateway.yaml", "identity"])
    t.notOk(existsSync(file))
  }
})

t.test("what does not fit this box is refused, with the reason, before anything is written", async (t) => {
  const elsewhere = await machine(t, "key inside", { dataDir: "/srv/data" })
  t.equal(await elsewhere.boot(), "refused")
  t.match(elsewhere.report(), /dataDir: \/srv\/data is no folder[\s\S]*dataDir: \/var\/lib\/commonwatt/)
  t.same([readdirSync(elsewhere.at("etc")), elsewhere.kept], [[], []])

  const wrong = await machine(t, "key inside", { site: "one" })
  t.equal(await wrong.boot(), "refused")
  t.match(wrong.report(), /mistake[\s\S]*site/)

  const other = await machine(t, "key inside")
  writeFileSync(other.at("etc/gateway.yaml"), "another gateway's")
  t.equal(await other.boot(), "refused")
  t.match(other.report(), /There is another .*gateway\.yaml already/)
  t.equal(readFileSync(other.at("etc/gateway.yaml"), "utf8"), "another gateway's")

  const { recipient } = await newIdentity()
  const foreign = await machine(t, { recipient })
  t.equal(await foreign.boot(), "refused")
  t.match(foreign.report(), /locked with the key of a box, and this box has none/)

  const own = await newIdentity()
  const boxed = await machine(t, { recipient: own.recipient })
  mkdirSync(boxed.at("etc/identity"))
  writeFileSync(boxed.at("etc/identity/box.key"), `${own.identity}\n`)
  writeFileSync(boxed.at("stick", lockName), "another card's\n")
  t.equal(await boxed.boot(), "taken", "and a box opens what is for it")
  t.ok(existsSync(boxed.at("stick", lockName)), "a lock that opened nothing is left alone")

  const refused = await machine(t, "key inside")
  const keep = () => {
    throw new PersonError("This machine keeps a passphrase already, and it is another one.")
  }
  t.equal(await refused.boot({ keep }), "refused")
  t.same(readdirSync(refused.at("etc")), [])
})

t.test("a good bundle on a stick is taken though the one on the card is torn", async (t) => {
  const { at, file, bytes, boot, report } = await machine(t, "key inside")
  truncateSync(file, 300)
  writeFileSync(at("stick", bundleName), bytes)
  t.equal(await boot(), "taken")
  t.match(report(), /torn/)
  t.match(readFileSync(at("stick", reportName), "utf8"), /has taken/)
})

t.test("sticks are told from disks, and only what people's computers write is mounted", async (t) => {
  const lsblk = {
    blockdevices: [
      {
        path: "/dev/mmcblk0",
        fstype: null,
        tran: null,
        children: [{ path: "/dev/mmcblk0p1", fstype: "vfat" }],
      },
      {
        path: "/dev/sda",
        fstype: null,
        tran: "usb",
        children: [
          { path: "/dev/sda1", fstype: "vfat" },
          { path: "/dev/sda2", fstype: "ext4" },
        ],
      },
      { path: "/dev/sdb", fstype: "exfat", tran: "usb" },
      { path: "/dev/sdc", fstype: "vfat", tran: "sata" },
    ],
  }
  t.same(sticksIn(JSON.stringify(lsblk)), ["/dev/sda1", "/dev/sdb"])
})
