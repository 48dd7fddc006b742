import { readFileSync } from "node:fs"
import t, { type Test } from "tap"
import type { RegisteredMeter } from "../audit/history.ts"
import { emptySite, recompute } from "../audit/recompute.ts"
import { meterOf, noon, simulate } from "../device-sim/units.test.support.ts"
import type { Meter } from "../gateway/config.ts"
import { rules, start, testClock, testMeter } from "../gateway/intake.test.support.ts"
import { createIntake, type Outcome } from "../gateway/intake.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { buildBatch } from "../gateway/settlement/build.ts"
import { bsmDevice } from "../gateway/sources/modbus/bsm.ts"
import {
  type Device,
  ModbusException,
  type SignedRecord,
  type Unit,
} from "../gateway/sources/modbus/device.ts"
import { ocmfDevice } from "../gateway/sources/modbus/ocmf.ts"
import { type BsmProfile, type OcmfProfile, profileShape } from "../gateway/sources/modbus/profile-shape.ts"
import { simulatedBsm, simulatedOcmf } from "../gateway/sources/modbus/signing-meters.test.support.ts"
import type { Authentic } from "../gateway/verify/examine.ts"
import { blocksInMemory } from "../protocol/block.ts"
import { type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, meterKey, nativeScheme, Scheme } from "../protocol/meter.ts"
import { curves } from "../protocol/ocmf/curves.ts"
import { keyOnCurve, parseKey } from "../protocol/ocmf/key.ts"
import {
  entry,
  fixedSigner,
  hex,
  payload,
  type Signer,
  signed,
  utf8,
} from "../protocol/ocmf/sign.test.support.ts"
import { Clock } from "../protocol/reading.ts"
import { newIdentity } from "../protocol/seal.ts"

const hour = 3600
const profileOf = (name: string) =>
  profileShape.parse(JSON.parse(readFileSync(`gateway/sources/modbus/profiles/${name}.json`, "utf8")))
const signers = {
  bsm: fixedSigner("household 1, BSM"),
  ocmf: fixedSigner("household 2, OCMF"),
  plant: fixedSigner("household 2, OCMF at its solar plant"),
}
const household = (n: number): Hex => toHex(new Uint8Array(20).fill(n))

function meter(name: string, scheme: Scheme, signer: Signer, owner: number): Meter {
  const key = meterKey(scheme, signer.key.point)
  return {
    name,
    household: household(owner),
    key,
    assurance: Assurance.meter,
    ratedW: 20_000,
    startTime: start,
    startWh: 0n,
    restarts: [],
  }
}
const meters = {
  bsm: meter("BSM", Scheme.bsm, signers.bsm, 1),
  ocmf: meter("OCMF", Scheme["ocmf-secp256r1"], signers.ocmf, 2),
  plant: { ...meter("plant", Scheme["ocmf-secp256r1-generation"], signers.plant, 2), startWh: 500n },
}
const all = Object.values(meters)

/** A gateway from its way in to its evidence, and a clock that the test sets. */
function gateway(t: Test, known: readonly Meter[] = all) {
  const journal = openJournal(t.testdir(), known)
  t.teardown(() => journal.close())
  const clock = testClock(start)
  const intake = createIntake(known, journal, rules, clock)
  const submit = (of: Meter, record: SignedRecord, more: { redelivered?: boolean } = {}): Promise<Outcome> =>
    intake.submit({ source: "test", claimedMeter: of.key.meterId, ...record, ...more })
  return { journal, clock, submit }
}

/** What the meter signs at a time, as OCMF. */
function ocmfRecord(
  signer: Signer,
  number: number,
  time: number,
  kWh: number,
  over: Record<string, unknown> = {},
): SignedRecord {
  const TM = `${new Date(time * 1000).toISOString().slice(0, 19)},000+0000 S`
  const text = payload([entry({ TM, RV: kWh, TX: undefined, ...over })], { PG: `F${number}` })
  return { format: "ocmf", bytes: signed(signer, text) }
}

t.test("households with a BSM and an OCMF meter, from the wire to an auditor's sums", async (t) => {
  const { journal, clock, submit } = gateway(t)
  const bsm = simulatedBsm(signers.bsm, start)
  const ocmf = simulatedOcmf(signers.ocmf)
  const plant = simulatedOcmf(signers.plant)
  const options = { measures: "grid", pause: async () => {}, clockQuality: () => Clock.synchronised } as const
  const polled: [Meter, Device, Unit][] = [
    [
      meters.bsm,
      bsmDevice(profileOf("bsm-ws36a") as BsmProfile, { ...options, publicKey: signers.bsm.key.point }),
      bsm.unit,
    ],
    ...(
      [
        ["ocmf", ocmf],
        ["plant", plant],
      ] as const
    ).map(([name, { unit }]): [Meter, Device, Unit] => [
      meters[name],
      ocmfDevice(profileOf("iskra-wm3m4c") as OcmfProfile, {
        ...options,
        publicKey: signers[name].key.point,
      }),
      unit,
    ]),
  ]
  const handedIn: Uint8Array[] = []
  for (let quarter = 0; quarter <= 4; quarter++) {
    const time = start + 900 * quarter
    clock.set(time)
    bsm.time = ocmf.time = plant.time = time
    bsm.energy = 10_000 + 25 * quarter
    ocmf.importedKWh = `${100 + quarter}.00`
    ocmf.exportedKWh = `${50 + 2 * quarter}.00`
    plant.importedKWh = "3.00"
    plant.exportedKWh = `${quarter}.50`
    for (const [of, device, unit] of polled) {
      const { signed } = await device.poll(unit, () => time)
      handedIn.push(signed!.bytes)
      t.match(
        await submit(of, signed!),
        { kind: "authentic", verdict: { accepted: true } },
        `${of.name} ${quarter}`,
      )
    }
  }
  const stored = all
    .flatMap(({ key }) => journal.readings.after(key.meterId, 0n))
    .map(({ bytes }) => hex(bytes))
  t.same(new Set(stored), new Set(handedIn.map(hex)), "the journal has the very bytes that the meters signed")

  const auditor = await newIdentity()
  const plan = {
    chainId: 31_337,
    oracle: toHex(new Uint8Array(20).fill(9)),
    site: 1,
    number: 1n,
    time: start + hour,
    rules: { version: 1, sharingKey: { name: "proportional", version: 1 }, ...rules } as const,
    meters: all,
    recipientsOf: () => [auditor.recipient],
  }
  const batch = (await buildBatch(journal, plan as never))!
  t.match(batch.statements, [{ meterId: meters.plant.key.meterId, generatedWh: 4500n, time: start + hour }])
  journal.batches.add(batch)
  const blocks = blocksInMemory(journal.batches.blocksOf(batch.evidence)!)
  const evidence = await readEvidence(batch.evidence, blocks, [auditor.identity])
  t.match(
    evidence.meters,
    [{ scheme: 132, readings: { length: 5 } }],
    "the plant is public, the homes are sealed",
  )
  const records = evidence.households.map(({ household, records }) => [household, records.at(-1)!.energy])
  t.match(records, [
    [household(1), { importedWh: 250n, receivedWh: 250n }],
    [household(2), { importedWh: 1000n, exportedWh: 2000n, generatedWh: 1000n, givenWh: 250n }],
  ])

  const registered = new Map(all.map((of) => [of.key.meterId, registration(of)]))
  const audited = recompute(evidence, emptySite, registered)
  t.same(audited.findings, [])
  t.same([audited.readings, audited.counted, audited.doubtful], [15, 15, []])
  const twin = meter("plant again", Scheme["ocmf-secp256r1"], signers.plant, 2)
  const twice = new Map(registered).set(twin.key.meterId, registration(twin))
  t.match(recompute(evidence, emptySite, twice).findings, [
    { what: "its key is registered for another meter too" },
  ])

  const changed = (change: (copy: OpenedEvidence) => void) => {
    const copy = structuredClone({ ...evidence, cid: undefined, previous: null }) as unknown as OpenedEvidence
    change(copy)
    return recompute({ ...copy, cid: evidence.cid }, emptySite, registered).findings.map(({ what }) => what)
  }
  t.match(
    changed(({ meters: [plant] }) => {
      const { bytes } = plant!.readings[2]!
      bytes[bytes.indexOf("2.5".charCodeAt(0), 150)] = "9".charCodeAt(0)
    })[0],
    /^reading 2 (\(sequence \d+\) is not signed by the meter|is malformed)/,
  )
  t.match(
    changed(({ meters: [plant] }) => (plant!.scheme = Scheme["ocmf-secp256r1"])),
    [/its key is not the registered one/],
  )
})

t.test(
  "the meters of the simulator, which were made from the documents alone, are read and believed",
  async (t) => {
    for (const [device, profile, format] of [
      ["bsm-ws36a", "bsm-ws36a", "bsm"],
      ["wm3m4c", "iskra-wm3m4c", "ocmf"],
    ] as const) {
      const { unit, clock, key } = simulate(meterOf(device, 42, { measures: "grid" }))
      const wire: Unit = {
        async read({ function: code, address, count }) {
          const bytes = unit.read(code === 3 ? "holding" : "input", address, count)
          if (!bytes || count > 125) throw new ModbusException("illegal data address", 2)
          return Buffer.from(bytes)
        },
        async write(address, words) {
          const bytes = Buffer.alloc(2 * words.length)
          words.forEach((word, i) => {
            bytes.writeUInt16BE(word, 2 * i)
          })
          if (!unit.write?.(address, bytes)) throw new ModbusException("illegal data address", 2)
        },
      }
      const publicKey = keyOnCurve(parseKey(hex(key!.publicKey)), curves.secp256r1).point
      const known = {
        ...meters.bsm,
        key: meterKey(nativeScheme(format, curves.secp256r1), publicKey),
        startTime: noon,
      }
      const gate = gateway(t, [known])
      const options = {
        measures: "grid",
        publicKey,
        clockQuality: () => Clock.synchronised,
        pause: async (ms: number) => {
          clock.wallMs += ms
        },
      } as const
      const made =
        format === "bsm"
          ? bsmDevice(profileOf(profile) as BsmProfile, options)
          : ocmfDevice(profileOf(profile) as OcmfProfile, options)
      t.match(await made.identify(wire), { serial: /^\d{8}$/ }, device)
      const imported: bigint[] = []
      for (let minute = 0; minute < 60; minute += 15) {
        clock.now = noon + 60 * minute
        gate.clock.set(clock.now)
        const { signed } = await made.poll(wire, () => clock.now)
        const outcome = await gate.submit(known, signed!)
        t.match(outcome, { kind: "authentic", verdict: { accepted: true } }, `${device} ${minute}`)
        imported.push((outcome as Authentic).signed.reading.importedWh!)
      }
      t.same(imported, [...imported].sort(), "its register counts")
    }
  },
)

t.test("what a meter did not sign is refused, each for its own reason", async (t) => {
  const { clock, submit, journal } = gateway(t, [...all, testMeter("roof")])
  clock.set(start + hour)
  const record = (n: number, kWh = 100 + n, over = {}) =>
    ocmfRecord(signers.ocmf, n, start + 60 * n, kWh, over)
  const refused = (reason: string, detail: RegExp) => ({ kind: "refused", reason, detail })
  t.match(await submit(meters.ocmf, record(2)), { kind: "authentic", verdict: { accepted: true } })

  const forged = record(3)
  const digit = Buffer.from(forged.bytes).indexOf('"RV":103') + 5
  forged.bytes[digit] = "9".charCodeAt(0)
  t.match(await submit(meters.ocmf, forged), refused("bad-signature", /not signed by the key of OCMF/))
  const stranger = ocmfRecord(fixedSigner("stranger"), 3, start + 180, 103)
  t.match(await submit(meters.ocmf, stranger), refused("bad-signature", /not signed/), "another key")
  t.match(
    await submit(meters.plant, record(3, 103, { RI: "1-0:2.8.0" })),
    refused("bad-signature", /key of plant/),
    "another meter's",
  )
  const carried = {
    ...stranger,
    bytes: Buffer.concat([stranger.bytes.subarray(0, -1), utf8(`,"PK":"${hex(signers.ocmf.key.point)}"}`)]),
  }
  t.match(
    await submit(meters.ocmf, carried),
    refused("bad-signature", /not signed/),
    "a key in the record proves nothing",
  )

  t.match(
    await submit(meters.ocmf, record(2)),
    refused("replayed", /sequence 4503599627370498 of OCMF was here before/),
  )
  t.match(await submit(meters.ocmf, record(2), { redelivered: true }), { kind: "known" })
  const other = { SA: "ECDSA-secp256r1-SHA256", SE: "base64" }
  const [, text, section] = Buffer.from(record(2).bytes).toString().split("|")
  const SD = Buffer.from(JSON.parse(section!).SD, "hex").toString("base64")
  const again = utf8(`OCMF|${text}|${JSON.stringify({ ...other, SD })}`)
  t.match(
    await submit(meters.ocmf, { format: "ocmf", bytes: again }),
    refused("replayed", /was here before/),
    "in other bytes, too",
  )
  t.match(
    await submit(meters.ocmf, record(2, 101)),
    refused("equivocation", /two different readings with sequence/),
  )
  t.match(await submit(meters.ocmf, record(1)), { verdict: { accepted: false, reason: "out-of-order" } })

  const unknown = {
    ...meters.ocmf,
    key: meterKey(Scheme["ocmf-secp256r1"], fixedSigner("unknown").key.point),
  }
  t.match(await submit(unknown, record(4)), refused("unknown-meter", /no meter of this site is 0x/))
  t.match(
    await submit(meters.bsm, record(4)),
    refused("malformed", /^an OCMF record; what BSM sends is a BSM snapshot$/),
  )
  t.match(await submit(testMeter("roof"), record(4)), refused("malformed", /what roof sends is a reading/))
  t.match(
    await submit(meters.bsm, { format: "bsm", bytes: new Uint8Array(505) }),
    refused("oversized", /505 bytes/),
  )
  t.match(
    await submit(meters.ocmf, { format: "ocmf", bytes: utf8("OCMF|{}|{}") }),
    refused("malformed", /has no/),
  )
  t.match(journal.quarantine.counts().get("bad-signature"), 4)
})

t.test("a proof of fraud is kept once, in however many ways its signature is written", async (t) => {
  const { clock, submit, journal } = gateway(t)
  clock.set(start + hour)
  await submit(meters.ocmf, ocmfRecord(signers.ocmf, 1, start + 60, 100))
  const lie = Buffer.from(ocmfRecord(signers.ocmf, 1, start + 60, 101).bytes).toString()
  for (let spaces = 0; spaces < 20; spaces++)
    await submit(meters.ocmf, { format: "ocmf", bytes: utf8(lie + " ".repeat(spaces)) })
  const proofs = () => journal.quarantine.newest(100).filter(({ reason }) => reason === "equivocation")
  t.equal(proofs().length, 1)
  t.same(proofs()[0]!.bytes, utf8(lie))
  await submit(meters.ocmf, ocmfRecord(signers.ocmf, 1, start + 60, 102))
  t.equal(proofs().length, 2, "another lie is another proof")
})

t.test(
  "what a meter signed and should not be relied on is kept, and does not count, with the reason",
  async (t) => {
    const { clock, submit } = gateway(t)
    clock.set(start + hour)
    const doubt = (reason: string, detail: RegExp) => ({
      kind: "authentic",
      verdict: { accepted: false, reason, detail },
    })
    const record = (n: number, over = {}) => ocmfRecord(signers.ocmf, n, start + 60 * n, 100 + n / 10, over)
    t.match(await submit(meters.ocmf, record(1)), { verdict: { accepted: true } })
    t.match(
      await submit(meters.ocmf, record(2, { TM: "2026-06-01T00:02:00,000+0000 I" })),
      doubt("clock-unsynchronised", /clock quality 1/),
    )
    t.match(
      await submit(meters.ocmf, record(3, { ST: "E", EF: "E" })),
      doubt("record-in-doubt", /the meter has an error \(ST E\); .*EF E/),
    )
    t.match(
      await submit(meters.ocmf, record(7)),
      { verdict: { accepted: true } },
      "the next sound one counts, also after a gap",
    )

    const bsm = simulatedBsm(signers.bsm, start + 60)
    const device = bsmDevice(profileOf("bsm-ws36a") as BsmProfile, {
      measures: "grid",
      pause: async () => {},
    })
    const poll = async () => submit(meters.bsm, (await device.poll(bsm.unit, () => start + 60)).signed!)
    t.match(await poll(), { verdict: { accepted: true } })
    bsm.time += 60
    bsm.numbers = { Evt: 1 << 16 }
    t.match(await poll(), doubt("record-in-doubt", /fatal error of the meter \(Evt bit 16\)/))
    bsm.time += 60
    bsm.numbers = { EpochSetCnt: 0 }
    t.match(await poll(), doubt("clock-unsynchronised", /clock quality 1/))
    bsm.time = 0
    bsm.numbers = {}
    t.match(await poll(), { kind: "refused", reason: "malformed", detail: /the meter has no time/ })
  },
)

function registration(of: Meter): RegisteredMeter {
  return {
    meterId: of.key.meterId,
    site: 1,
    household: of.household,
    scheme: of.key.scheme,
    publicKey: toHex(of.key.publicKey),
    assurance: of.assurance,
    ratedW: of.ratedW,
    startWh: of.startWh,
    startTime: of.startTime,
    restarts: [],
    at: { block: 1n, log: 0, transaction: "0x" },
  }
}
