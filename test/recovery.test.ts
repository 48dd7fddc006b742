import { spawn, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import type { AddressInfo } from "node:net"
import { basename, join } from "node:path"
import { type HttpBindings, serve } from "@hono/node-server"
import { Hono } from "hono"
import { pino } from "pino"
import t, { type Test } from "tap"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { accounts } from "../demo/plan.ts"
import { carry } from "../evidence/carry.ts"
import { evidenceFolder } from "../evidence/folder.ts"
import { createProposedHeads } from "../evidence/proposed.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import { type Config, readConfig } from "../gateway/config.ts"
import { createDeliveries } from "../gateway/deliveries.ts"
import { keepOwn } from "../gateway/evidence.ts"
import { createIntake } from "../gateway/intake.ts"
import { type Journal, openJournal } from "../gateway/journal/journal.ts"
import { keeperRoutes } from "../gateway/keeper/routes.ts"
import { openShelf } from "../gateway/keeper/shelf.ts"
import { backupsIn, makeBackup, unpackBackup } from "../gateway/recovery/backup.ts"
import { noteLoss, readLoss } from "../gateway/recovery/marker.ts"
import { noticeLoss } from "../gateway/recovery/notice.ts"
import { type RecoveryOptions, type RecoveryReport, recover } from "../gateway/recovery/recover.ts"
import { drill, restore } from "../gateway/recovery/restore.ts"
import type { BlockSource } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { readingDigest } from "../protocol/reading.ts"
import { newIdentity } from "../protocol/seal.ts"
import { siteIdentity } from "../protocol/site-identity.ts"
import type { Accounts } from "../protocol/tariff.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

/** What shared energy is worth, so that accounts have to come back too. */
const worth: Accounts = {
  version: 1,
  fund: `0x${"ee".repeat(20)}`,
  everySeconds: 2 * hour,
  tariffs: [{ from: start, unitsPerKWh: 150, periods: [], utcOffsetMinutes: 0, fundParts: 100_000 }],
}

/** A site with three settled batches, readings behind the last, its evidence on disk and with a peer. */
async function livedIn(t: Test) {
  const community = await startCommunity(chain, { accounts: worth })
  t.teardown(() => community.stop())
  const { journal, config } = community
  const own = await siteIdentity(readAccountKey(config.chain.keyFile, "The site's key"))
  const auditors = [...config.auditors, own.recipient]
  const settle = (over: { journal?: Journal } = {}) =>
    community.settle(community.settlement({ config: { ...config, auditors }, ...over }))
  for (let n = 0; n < 3; n++) {
    await community.report(n === 0 ? start : start + n * hour + 900, start + (n + 1) * hour)
    await settle()
  }
  await community.report(start + 3 * hour + 900, start + 3 * hour + 1800)
  const store = openEvidenceStore(join(config.dataDir, "evidence"))
  await keepOwn(journal.batches, store)
  t.equal(store.batches().length, 3)
  store.close()
  const peer = openEvidenceStore(join(community.directory, "peer"))
  t.teardown(() => peer.close())
  await keepOwn(journal.batches, peer)
  return { community, config, own, settle, peer, whole: pictureOf(journal, config) }
}

type Site = Awaited<ReturnType<typeof livedIn>>

/** What a journal must not lose: batches in their order, what each held, and what the rules remember. */
function pictureOf(journal: Journal, { meters }: Config) {
  const batches = journal.batches.newest(100).reverse()
  return {
    batches: batches.map(({ number, root, evidence, time }) => ({
      number,
      root,
      evidence: evidence.toString(),
      time,
      leaves: journal.batches.leaves(number),
      accounting: journal.batches.accounts.accounting(number),
      held: meters.map(({ key: { meterId } }) => {
        const last = journal.batches.lastReading(journal.readings.rowId(meterId), number + 1n)
        const reading = journal.readings.lastCounted(meterId, last)
        return reading && readingDigest(reading.bytes)
      }),
    })),
    meters: meters.map(({ key: { meterId } }) => ({
      state: journal.readings.state(meterId),
      readings: journal.readings.after(meterId, 0n).map(({ bytes, received, reason }) => ({
        digest: readingDigest(bytes),
        received,
        reason,
      })),
    })),
  }
}

/** A copy of the site's directory as a power cut would leave it, damaged in some way. */
function damaged({ community, config }: Site, name: string, damage: (file: string) => void): Config {
  const dataDir = join(community.directory, name)
  cpSync(config.dataDir, dataDir, { recursive: true })
  damage(join(dataDir, "journal.sqlite"))
  return { ...config, dataDir }
}

/** Starts on a directory as the gateway does. */
async function startOn(
  site: Site,
  config: Config,
  over: Partial<RecoveryOptions> = {},
): Promise<{ journal: Journal; report: RecoveryReport | undefined }> {
  const store = openEvidenceStore(join(config.dataDir, "evidence"))
  store.sync()
  const heads = createProposedHeads(config.chain)
  let report: RecoveryReport | undefined
  const options: RecoveryOptions = {
    config,
    store,
    elsewhere: [],
    proposed: async () => (await heads([config.site]))[0],
    identities: [site.own.identity],
    now: () => 1_800_000_000,
    pause: async () => {
      throw new Error("it waits")
    },
    log: () => {},
    ...over,
  }
  try {
    const loss = noticeLoss(config, store, 1_800_000_000)
    if (loss) report = await recover(loss, options)
    return { journal: openJournal(config.dataDir, config.meters), report }
  } finally {
    store.close()
  }
}

const withoutTail = (whole: Site["whole"]) => ({
  batches: whole.batches,
  meters: whole.meters.map(({ readings }) => readings.slice(0, -2)),
})

t.test("a journal that is lost comes back, and the site goes on where it was", async (t) => {
  const site = await livedIn(t)
  const { community, whole, config } = site
  const asides = ({ dataDir }: Config) =>
    readdirSync(dataDir).filter((name) => /^journal-damaged-\d{8}T\d{6}Z(-\d+)?\.sqlite$/.test(name))

  t.test("untouched, nothing is done to it", async (t) => {
    const copy = damaged(site, "untouched", () => {})
    const { journal, report } = await startOn(site, copy)
    t.equal(report, undefined)
    t.same(pictureOf(journal, copy), whole)
    journal.close()
  })

  t.test("deleted: everything that was in a batch is back, from the evidence alone", async (t) => {
    const copy = damaged(site, "deleted", (file) => {
      for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
    })
    const { journal, report } = await startOn(site, copy)
    t.match(report, { why: "the journal is gone", base: "nothing", batches: 3, newest: 3, lost: [] })
    const picture = pictureOf(journal, copy)
    t.same(picture.batches, whole.batches)
    t.same(
      picture.meters.map(({ readings }) => readings),
      withoutTail(whole).meters,
    )
    t.equal(readLoss(copy.dataDir), undefined)
    t.match(JSON.parse(journal.lastRecovery()!.report), { why: "the journal is gone" })
    journal.close()
  })

  t.test("deleted with all evidence of its own: peers have it", async (t) => {
    const copy = damaged(site, "all gone", (file) => {
      for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
      rmSync(join(file, "..", "evidence"), { recursive: true })
      writeFileSync(file, "")
      truncateSync(file, 0)
      writeFileSync(`${file}-wal`, "")
    })
    writeFileSync(join(copy.dataDir, "journal.sqlite"), "no database, and never was one".repeat(100))
    await t.rejects(startOn(site, copy), /it waits/, "while nobody gives it, it waits and says so")
    const { journal, report } = await startOn(site, copy, { elsewhere: [site.peer.source] })
    t.match(report, { why: /not a database/, batches: 3 })
    t.same(pictureOf(journal, copy).batches, whole.batches)
    t.equal(asides(copy).length, 1, "what was there is kept")
    journal.close()
  })

  t.test(
    "pages overwritten: what can still be read is salvaged, and the rest is in the evidence",
    async (t) => {
      let salvaged = 0
      for (let round = 0; round < 5; round++) {
        const copy = damaged(site, `overwritten ${round}`, (file) => {
          // As after a start in order: everything is in the file, nothing in the log.
          openJournal(join(file, ".."), config.meters).close()
          const bytes = readFileSync(file)
          for (let n = 0; n < 3; n++) {
            const page = (round * 31 + n * 17) % (bytes.length / 1024)
            bytes.fill(0x55 + round, page * 1024 + (page === 0 ? 100 : 0), (page + 1) * 1024)
          }
          writeFileSync(file, bytes)
        })
        const { journal, report } = await startOn(site, copy)
        if (!report) {
          t.same(pictureOf(journal, copy), whole, `round ${round}: only free or derived pages were hit`)
          journal.close()
          continue
        }
        const picture = pictureOf(journal, copy)
        t.same(picture.batches, whole.batches, `round ${round}: ${report.why}`)
        for (const [i, { readings }] of picture.meters.entries()) {
          const all = whole.meters[i]!.readings
          const settled = all.slice(0, -2)
          t.same(readings.slice(0, settled.length), settled, "what was in a batch is there, in its order")
          const rest = readings.slice(settled.length)
          t.ok(rest.every((one) => all.some(({ digest }) => digest === one.digest)))
          salvaged += rest.length
        }
        journal.close()
      }
      t.ok(salvaged > 0, `${salvaged} unsettled readings came out of damaged files`)
    },
  )

  t.test(
    "its log cut short: what is behind the last batch on chain is found out and made good",
    async (t) => {
      for (const part of [0, 0.5, 0.9]) {
        const copy = damaged(site, `cut ${part}`, (file) => {
          const log = `${file}-wal`
          const { length } = readFileSync(log)
          t.ok(length > 0)
          truncateSync(log, Math.floor(length * part))
          rmSync(`${file}-shm`, { force: true })
        })
        let { journal } = await startOn(site, copy)
        if (!journal.batches.get(3n)) {
          // The gateway notices on its look at the chain, and starts again.
          journal.close()
          noteLoss(copy.dataDir, { why: "the chain has batch 3", since: 0, sound: true, aside: [] })
          ;({ journal } = await startOn(site, copy))
        }
        const picture = pictureOf(journal, copy)
        t.same(picture.batches, whole.batches)
        for (const [i, { readings }] of picture.meters.entries()) {
          const settled = whole.meters[i]!.readings.slice(0, -2)
          t.same(readings.slice(0, settled.length), settled)
        }
        journal.close()
      }
    },
  )

  t.test("a damaged value that SQLite does not see is seen by its checksum", async (t) => {
    const copy = damaged(site, "value", (file) => {
      openJournal(join(file, ".."), config.meters).close()
      const bytes = readFileSync(file)
      const reading = readingOf(site)
      const at = bytes.indexOf(reading)
      t.ok(at > 0)
      bytes[at + 40]! ^= 1
      writeFileSync(file, bytes)
    })
    const { journal, report } = await startOn(site, copy)
    t.equal(report, undefined, "SQLite finds nothing wrong with it")
    t.throws(() => pictureOf(journal, copy), { name: "DamagedRow", message: /is not what was written/ })
    journal.close()
    noteLoss(copy.dataDir, { why: "a reading is not what was written", since: 0, sound: false, aside: [] })
    const again = await startOn(site, copy)
    t.match(again.report, { base: "nothing", batches: 3 })
    t.same(pictureOf(again.journal, copy).batches, whole.batches)
    t.same(
      pictureOf(again.journal, copy).meters.map(({ readings }) => readings),
      whole.meters.map(({ readings }, i) => (i === 0 ? readings.slice(0, -1) : readings)),
      "all but the damaged one, which is gone",
    )
    again.journal.close()
  })

  t.test("with a back-up: what was not in a batch yet is back too", async (t) => {
    const dataDir = join(community.directory, "backed up")
    cpSync(config.dataDir, dataDir, { recursive: true })
    const directory = join(community.directory, "stick")
    await makeBackup({
      configFile: community.configFile,
      site: config.site,
      dataDir,
      directory,
      recipients: [site.own.recipient],
      now: 1_800_000_000,
    })
    for (const end of ["", "-wal", "-shm"]) rmSync(join(dataDir, `journal.sqlite${end}`), { force: true })
    const copy: Config = {
      ...config,
      dataDir,
      backup: { directory, recipients: [], to: [], everyHours: 24, keep: 7 },
    }
    const { journal, report } = await startOn(site, copy)
    t.match(report, { base: /commonwatt-site-\d+-20270115T080000Z\.tar\.gz\.age$/, batches: 0, lost: [] })
    t.same(pictureOf(journal, copy), whole)
    journal.close()
  })

  t.test("an interrupted recovery begins again, and ends the same", async (t) => {
    for (let blocks = 0; blocks < 10; blocks += 5) {
      const copy = damaged(site, `interrupted ${blocks}`, (file) => {
        rmSync(`${file}-wal`)
        writeFileSync(file, "damaged".repeat(500))
        rmSync(join(file, "..", "evidence"), { recursive: true })
      })
      let left = blocks
      const failing: BlockSource = async (cid) => {
        if (left-- <= 0) throw new Error("the power went")
        return site.peer.source(cid)
      }
      await t.rejects(startOn(site, copy, { elsewhere: [failing] }), /it waits/)
      t.match(readLoss(copy.dataDir), { why: /damaged/ }, "it knows that something was to be done")
      const { journal, report } = await startOn(site, copy, { elsewhere: [site.peer.source] })
      t.equal(report!.aside.length, 1, "what was there is kept, once")
      t.same(pictureOf(journal, copy).batches, whole.batches)
      journal.close()
      t.notOk(existsSync(join(copy.dataDir, "rebuilding")))
      t.equal(readLoss(copy.dataDir), undefined)
    }
  })

  t.test(
    "where parts cannot be opened, that is said, and the readings come from what is left of the file",
    async (t) => {
      const copy = damaged(site, "sealed", (file) => {
        openJournal(join(file, ".."), config.meters).close()
        const bytes = readFileSync(file)
        // The pages of the newest batch's own tables: readings are before them.
        bytes.fill(0x77, bytes.length - 40 * 1024)
        writeFileSync(file, bytes)
      })
      const { journal, report } = await startOn(site, copy, { identities: [] })
      t.match(report!.lost, [/batch 1: readings of 2 household\(s\) are not sealed to this site's key/])
      t.same(
        pictureOf(journal, copy).batches.map(({ root }) => root),
        whole.batches.map(({ root }) => root),
      )
      journal.close()
    },
  )

  const at = (name: string) => join(community.directory, name)
  const stick = at("stick")
  const roots = site.whole.batches.map(({ evidence }) => evidence)

  t.test(
    "evidence goes onto a stick, the rest of it when the stick was pulled, and nothing twice",
    async (t) => {
      const first = await commonwatt("evidence", "export", "--config", community.configFile, "--to", stick)
      t.equal(first.code, 0, first.talk)
      t.match(JSON.parse(first.out), { batches: 3, there: 0, failed: [] })
      // As if it had been pulled in the middle of one.
      const file = join(stick, `${roots[1]}.car`)
      const bytes = readFileSync(file)
      writeFileSync(join(stick, `${roots[1]}.part`), bytes.subarray(0, Math.floor(bytes.length / 2)))
      rmSync(file)
      const again = await commonwatt("evidence", "export", "--config", community.configFile, "--to", stick)
      const carried = JSON.parse(again.out)
      t.match(carried, { batches: 1, there: 2, failed: [] })
      t.ok(carried.bytes < bytes.length * 0.8, `${carried.bytes} of ${bytes.length} bytes were written`)
    },
  )

  t.test("a check of the stick finds nothing wrong, and then what was done to it", async (t) => {
    const good = await commonwatt("evidence", "check", stick)
    t.equal(good.code, 0, good.talk)
    t.equal(good.out.trim().split("\n").length, 3)
    const worse = at("worse")
    cpSync(stick, worse, { recursive: true })
    const file = join(worse, `${roots[2]}.car`)
    const bytes = readFileSync(file)
    bytes[bytes.length - 200]! ^= 1
    writeFileSync(file, bytes)
    rmSync(join(worse, `${roots[0]}.car`))
    const bad = await commonwatt("evidence", "check", worse)
    t.equal(bad.code, 1)
    t.match(bad.out, /was changed/)
    t.match(bad.talk, /batch 2 follows baf\w+, which is not here/)

    const into = await carry(evidenceFolder(worse), evidenceFolder(at("auditor")), {}, () => {})
    t.match(into, { batches: 1, failed: [{ why: /was changed/ }] }, "what is damaged is not taken")
  })

  t.test("a validator takes from the stick what is its community's, and an auditor reads it", async (t) => {
    const validator = at("validator.yaml")
    const settings = {
      dataDir: "taken",
      listen: { host: "127.0.0.1", port: 0 },
      rpc: chain.rpc,
      oracle: config.chain.oracle,
      keyFile: "none",
      identityFile: "none",
      sites: [{ site: config.site, evidence: "http://127.0.0.1:1" }],
    }
    writeFileSync(validator, JSON.stringify(settings))
    const taken = await commonwatt("evidence", "import", "--from", stick, "--config", validator)
    t.equal(taken.code, 0, taken.talk)
    t.match(JSON.parse(taken.out), { batches: 3 })
    const other = await carry(
      evidenceFolder(stick),
      evidenceFolder(at("other")),
      { oracle: `0x${"1".repeat(40)}` },
      () => {},
    )
    t.match(other, { batches: 0, failed: [] }, "another community's is left where it is")
    const report = await audit({
      client: connect(chain.rpc),
      oracle: config.chain.oracle,
      evidence: evidenceFrom(join(community.directory, "taken", "evidence")),
      identities: [community.auditor.identity],
      progress: () => {},
    })
    t.same(
      report.checks.flatMap(({ findings }) => findings),
      [],
    )
  })

  const python = ["python3", "/usr/bin/python3"].find(
    (command) => spawnSync(command, ["-c", "import cryptography, cbor2"]).status === 0,
  )
  t.test(
    "a reader in Python, with nothing of ours, reads the stick",
    { skip: python === undefined && "no python3 with cryptography and cbor2" },
    async (t) => {
      const script = [
        "import pathlib, sys",
        "sys.path.insert(0, 'protocol/vectors')",
        "import verify",
        "files = [f for f in pathlib.Path(sys.argv[1]).iterdir() if f.suffix == '.car']",
        "for f in files:",
        "    [root], blocks = verify.read_car(f.read_bytes())",
        "    e = verify.read_evidence(root, blocks, [])",
        "    print([v for v in e if isinstance(v, dict)][0]['number'])",
      ].join("\n")
      const { stdout, stderr, status } = spawnSync(python!, ["-c", script, stick], { encoding: "utf8" })
      t.equal(status, 0, stderr)
      t.same(stdout.trim().split("\n").sort(), ["1", "2", "3"])
    },
  )

  t.test(
    "a back-up holds nothing in the clear, opens for its recipients alone, and becomes a new board",
    async (t) => {
      const operator = await newIdentity()
      const file = at("gateway-b.yaml")
      const text = readFileSync(community.configFile, "utf8")
      writeFileSync(
        file,
        `${text}backup: { directory: backups, recipients: [${operator.recipient}], keep: 1 }\n`,
      )
      const made = await commonwatt("backup", "--config", file)
      t.equal(made.code, 0, made.talk)
      const backup = JSON.parse(made.out).file as string
      const secret = readFileSync(config.chain.keyFile, "utf8").trim()
      const packed = readFileSync(backup)
      for (const needle of [secret, secret.slice(2), "gateway.yaml", "SQLite format 3"])
        t.notOk(packed.includes(needle), "encrypted as a whole")
      t.notOk(packed.includes(Buffer.from(secret.slice(2), "hex")))
      t.same(
        readdirSync(config.dataDir).filter((name) => name.startsWith("backup-")),
        [],
        "and nothing lies about",
      )

      const key = at("operator.key")
      writeFileSync(key, `# made by age-keygen\n${operator.identity}\n`)
      const drilled = await commonwatt("restore", "--from", backup, "--drill", "--identity", key)
      t.equal(drilled.code, 0, drilled.talk)
      t.match(JSON.parse(drilled.out), { site: config.site, batch: 3, meters: 4, lacking: [] })
      await t.rejects(drill(backup, [(await newIdentity()).identity], []), {
        name: "PersonError",
        message: /cannot be restored/,
      })
      const cut = at("cut.age")
      for (const length of [500, packed.length - 5000, packed.length - 1]) {
        writeFileSync(cut, packed.subarray(0, length))
        await t.rejects(unpackBackup(cut, [operator.identity], at("cut")), { name: "PersonError" })
        t.notOk(existsSync(at("cut")), "half a back-up leaves nothing")
      }

      const board = at("board")
      await t.rejects(restore(backup, [operator.identity], config.dataDir, 0, []), {
        message: /is not empty/,
      })
      const restored = await commonwatt(
        "restore",
        "--from",
        backup,
        "--to",
        board,
        "--site-key",
        config.chain.keyFile,
      )
      t.equal(restored.code, 0, restored.talk)
      const fresh = readConfig(join(board, "gateway.yaml"))
      t.equal(readFileSync(fresh.chain.keyFile, "utf8").trim(), secret)
      t.equal(statSync(fresh.chain.keyFile).mode & 0o077, 0)

      // What was settled since: the new board learns it from chain and peers before it reads anything.
      await community.report(start + 3 * hour + 2700, start + 4 * hour)
      await site.settle()
      await keepOwn(community.journal.batches, site.peer)
      const { journal, report } = await startOn(site, fresh, { elsewhere: [site.peer.source] })
      t.match(report, {
        why: /^restored from the back-up of/,
        base: "the journal itself",
        batches: 1,
        newest: 4,
      })
      t.same(pictureOf(journal, fresh), pictureOf(community.journal, config))
      journal.close()
    },
  )

  t.test(
    "the age tool and tar open it without Commonwatt",
    { skip: spawnSync("age", ["--version"]).status !== 0 && "age is not installed" },
    async (t) => {
      const [backup] = backupsIn(at("backups"), config.site)
      const script = 'age -d -i "$1" "$2" | tar tzf -'
      const { stdout, status } = spawnSync("sh", ["-c", script, "sh", at("operator.key"), backup!], {
        encoding: "utf8",
      })
      t.equal(status, 0)
      t.same(stdout.trim().split("\n"), [
        "manifest.json",
        "gateway.yaml",
        "files/1-gateway.key",
        "data/journal.sqlite",
      ])
    },
  )

  t.test(
    "what it goes on with is minted, signed by validators that saw nothing of it, and audited",
    async (t) => {
      const copy = damaged(site, "goes on", (file) => {
        for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
      })
      const { journal } = await startOn(site, copy, { elsewhere: [site.peer.source] })
      const later = start + 5 * hour
      community.setTime(later)
      const { rules, meters } = config
      const clock = { now: () => later, delayUntil: () => 0 }
      const intake = createIntake(meters, journal, rules, clock)
      for (const meter of community.meters) {
        const made = 5000n
        const registers =
          meter.measures === "generation"
            ? { generatedWh: made }
            : { importedWh: meter.home % 2 ? made / 2n : 0n, exportedWh: meter.home % 2 ? 0n : made / 3n }
        const bytes = community.sign(meter, later, registers)
        t.match(await intake.submit({ source: "test", bytes }), { verdict: { accepted: true } })
      }
      const supply = await community.chain.totalSupply()
      community.serve(journal)
      await site.settle({ journal })
      t.equal(
        (await community.chain.totalSupply()) - supply,
        2000n,
        "the hour that was not settled yet, and only that",
      )
      t.equal(journal.batches.newest(1)[0]?.number, 5n)
      const store = openEvidenceStore(join(copy.dataDir, "evidence"))
      await keepOwn(journal.batches, store)
      const report = await audit({
        client: connect(chain.rpc),
        oracle: community.deployment.oracle,
        evidence: evidenceFrom(store.directory),
        identities: [community.auditor.identity],
        progress: () => {},
      })
      await keepOwn(journal.batches, site.peer)
      store.close()
      journal.close()
      t.same(
        report.checks.flatMap(({ findings }) => findings),
        [],
      )
      t.ok(report.ok)
    },
  )

  t.test(
    "a gateway that burnt comes back from a neighbour's, over a line that was cut, and its next batch settles",
    async (t) => {
      const keeper = await startKeeper(t, accounts.gateway.address.toLowerCase() as Hex)
      const file = at("gateway-c.yaml")
      const operator = await newIdentity()
      // What does not shrink, so that it goes over the line in pieces.
      writeFileSync(at("ca.pem"), randomBytes(700_000))
      writeFileSync(
        file,
        `${readFileSync(community.configFile, "utf8")}backup: { directory: sent, recipients: [${operator.recipient}], to: ["${keeper.url}"] }
validatorBroker: { url: "mqtts://127.0.0.1:1", caFile: ca.pem }
`,
      )
      keeper.cutAfter(1)
      const cut = await commonwatt("backup", "--config", file)
      t.match(cut, { code: 1, talk: /^not kept by http:\S+: it does not answer/ })
      const [first] = backupsIn(at("sent"), config.site)
      t.match(keeper.list(), { kept: [], part: { at: 512 * 1024 } })
      keeper.cutAfter(Number.POSITIVE_INFINITY)
      const siteKey = readAccountKey(config.chain.keyFile, "The site's key")
      const sent = {
        config: readConfig(file),
        siteKey,
        now: () => start,
        stopping: new AbortController().signal,
      }
      const deliveries = createDeliveries({ ...sent, log: pino({ level: "silent" }) })
      await deliveries.look()
      t.match(deliveries.status, [{ problem: undefined, newest: Number }])
      t.match(keeper.list(), { kept: [{ name: basename(first!) }] })
      const newer = await commonwatt("backup", "--config", file)
      t.match(newer, { code: 0, talk: "" })
      t.match(JSON.parse(newer.out), { keptBy: [keeper.url] })
      keeper.alter(basename(JSON.parse(newer.out).file))

      for (const path of [config.dataDir, config.chain.keyFile, at("sent"), at("backups"), file])
        rmSync(path, { recursive: true })
      // The key comes from the recovery words.
      const key = at("from-words.key")
      writeFileSync(key, accounts.gateway.key, { mode: 0o600 })
      const strangers = at("stranger.key")
      writeFileSync(strangers, accounts.operator.key, { mode: 0o600 })
      const from = ["restore", "--from", keeper.url, "--to", at("after the fire")]
      t.match(await commonwatt(...from, "--site-key", strangers), {
        code: 2,
        talk: /keeps no back-ups of yours/,
      })
      const restored = await commonwatt(...from, "--site-key", key)
      t.match(restored, { code: 0, talk: /^fetching .*\n.*cannot be restored.*\nfetching .*\nStart it/ })
      t.match(JSON.parse(restored.out), { site: config.site, meters: 4, lacking: [] })
      t.same(
        readdirSync(community.directory).filter((name) => /fire./.test(name)),
        [],
        "nothing lies about",
      )

      const board = readConfig(join(at("after the fire"), "gateway.yaml"))
      const { journal, report } = await startOn(site, board, { elsewhere: [site.peer.source] })
      t.match(report, { base: "the journal itself", newest: 5, lost: [] })
      const later = start + 6 * hour
      community.setTime(later)
      const intake = createIntake(board.meters, journal, board.rules, {
        now: () => later,
        delayUntil: () => 0,
      })
      for (const meter of community.meters.filter(({ measures }) => measures === "generation"))
        t.match(
          await intake.submit({
            source: "test",
            bytes: community.sign(meter, later, { generatedWh: 6000n }),
          }),
          { verdict: { accepted: true } },
        )
      const supply = await community.chain.totalSupply()
      community.serve(journal)
      await site.settle({ journal })
      t.equal((await community.chain.totalSupply()) - supply, 2000n)
      journal.close()
    },
  )
})

/** A neighbour's gateway that keeps the back-ups of an account. */
async function startKeeper(t: Test, account: Hex) {
  const directory = t.testdir()
  const shelf = openShelf({ directory, keep: 2, eachMB: 5 })
  const settings = { directory, for: [account], keep: 2, eachMB: 5 }
  const routes = keeperRoutes(settings, () => performance.now() / 1000, pino({ level: "silent" }), shelf)
  let left = Number.POSITIVE_INFINITY
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(async (c, next) => {
    if (c.req.method === "PUT" && left-- <= 0) c.env.incoming.socket.destroy()
    return next()
  })
  app.route("/", routes)
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 })
  await once(server, "listening")
  t.teardown(() => server.close())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    list: () => shelf.list(account),
    cutAfter(pieces: number) {
      left = pieces
    },
    alter(name: string) {
      const bytes = readFileSync(join(directory, account, name))
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(join(directory, account, name), bytes)
    },
  }
}

/** Runs a command as a person would. */
async function commonwatt(...args: string[]): Promise<{ code: number | null; out: string; talk: string }> {
  const child = spawn(process.execPath, ["dist/cli/commonwatt.js", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  let out = ""
  let talk = ""
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk
  })
  child.stderr.on("data", (chunk: Buffer) => {
    talk += chunk
  })
  return new Promise((done) => child.once("close", (code) => done({ code, out, talk })))
}

function readingOf({ community, config }: Site): Uint8Array {
  const [meter] = config.meters
  return community.journal.readings.lastCounted(meter!.key.meterId)!.bytes
}
