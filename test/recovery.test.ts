import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { createProposedHeads } from "../evidence/proposed.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import type { Config } from "../gateway/config.ts"
import { keepOwn } from "../gateway/evidence.ts"
import { createIntake } from "../gateway/intake.ts"
import { type Journal, openJournal } from "../gateway/journal/journal.ts"
import { makeBackup } from "../gateway/recovery/backup.ts"
import { noteLoss, readLoss } from "../gateway/recovery/marker.ts"
import { noticeLoss } from "../gateway/recovery/notice.ts"
import { recover, type RecoveryOptions, type RecoveryReport } from "../gateway/recovery/recover.ts"
import type { BlockSource } from "../protocol/block.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { readingDigest } from "../protocol/reading.ts"
import { siteIdentity } from "../protocol/site-identity.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

/** A site with three settled batches, readings behind the last, its evidence on disk and with a peer. */
async function livedIn(t: Test, { sealedToItself = true, homes = 2 } = {}) {
  const community = await startCommunity(chain, { homes })
  t.teardown(() => community.stop())
  const { journal, config } = community
  const own = await siteIdentity(readAccountKey(config.chain.keyFile, "The site's key"))
  const auditors = sealedToItself ? [...config.auditors, own.recipient] : config.auditors
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
      statements: journal.batches.statements(number),
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

  t.test("pages overwritten: what can still be read is salvaged, and the rest is in the evidence", async (t) => {
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
  })

  t.test("its log cut short: what is behind the last batch on chain is found out and made good", async (t) => {
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
        noteLoss(copy.dataDir, { why: "the chain has batch 3", since: 0, aside: [] })
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
  })

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
  })

  t.test("with a back-up: what was not in a batch yet is back too", async (t) => {
    const dataDir = join(community.directory, "backed up")
    cpSync(config.dataDir, dataDir, { recursive: true })
    const directory = join(community.directory, "stick")
    const configFile = join(community.directory, "gateway.yaml")
    writeFileSync(configFile, `chain:\n  keyFile: ${config.chain.keyFile}\n`)
    await makeBackup({
      configFile,
      site: config.site,
      dataDir,
      directory,
      recipients: [site.own.recipient],
      now: 1_800_000_000,
    })
    for (const end of ["", "-wal", "-shm"]) rmSync(join(dataDir, `journal.sqlite${end}`), { force: true })
    const copy: Config = { ...config, dataDir, backup: { directory, recipients: [], everyHours: 24, keep: 7 } }
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

  t.test("what it goes on with is minted, signed by validators that saw nothing of it, and audited", async (t) => {
    const copy = damaged(site, "goes on", (file) => {
      for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
    })
    const { journal } = await startOn(site, copy)
    const later = start + 4 * hour
    community.setTime(later)
    const { rules, meters } = config
    const clock = { now: () => later, delayUntil: () => 0 }
    const intake = createIntake(meters, journal, rules, clock)
    for (const meter of community.meters) {
      const made = 4000n
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
    t.equal((await community.chain.totalSupply()) - supply, 2000n, "the hour that was not settled yet")
    t.equal(journal.batches.newest(1)[0]?.number, 4n)
    const store = openEvidenceStore(join(copy.dataDir, "evidence"))
    await keepOwn(journal.batches, store)
    const report = await audit({
      client: connect(chain.rpc),
      oracle: community.deployment.oracle,
      evidence: evidenceFrom(store.directory),
      identities: [community.auditor.identity],
      progress: () => {},
    })
    store.close()
    journal.close()
    t.same(report.checks.flatMap(({ findings }) => findings), [])
    t.ok(report.ok)
  })
})

t.test("where parts are sealed to others alone, what cannot be opened is said, and comes from what is left of the file", async (t) => {
  const site = await livedIn(t, { sealedToItself: false, homes: 1 })
  const copy = damaged(site, "sealed", (file) => {
    openJournal(join(file, ".."), site.config.meters).close()
    const bytes = readFileSync(file)
    bytes.fill(0, 0, 16)
    writeFileSync(file, bytes)
  })
  const { journal, report } = await startOn(site, copy)
  t.match(report!.lost, [/batch 1: readings of 1 household\(s\) are not sealed to this site's key/])
  t.equal(pictureOf(journal, copy).batches.length, 3)
  journal.close()
})

function readingOf({ community, config }: Site): Uint8Array {
  const [meter] = config.meters
  return community.journal.readings.lastCounted(meter!.key.meterId)!.bytes
}
