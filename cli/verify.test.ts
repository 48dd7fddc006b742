import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import t from "tap"
import { frames, image, someSignature } from "../protocol/bsm/snapshot.test.support.ts"
import { parseBsm } from "../protocol/bsm/snapshot.ts"
import { meterIdOf, Scheme } from "../protocol/meter.ts"
import {
  entry,
  fixedSigner,
  hex,
  newSigner,
  payload,
  readShared,
  signed,
  skipWithout,
  utf8,
} from "../protocol/ocmf/sign.test.support.ts"
import { Clock, encodeReading, type Reading } from "../protocol/reading.ts"

interface Line {
  valid: boolean | null
  usable: boolean | null
  reasons: { about: string; reason: string }[]
  [field: string]: unknown
}

/** Runs the command as a person does. */
function verify(args: string[], input: string | Uint8Array) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["dist/cli/commonwatt.js", "verify", ...args],
    { input, encoding: "utf8" },
  )
  if (/^\s+at .*:\d+:\d+/m.test(stderr)) t.fail(`a stack trace: ${stderr}`)
  const lines = stdout.startsWith("{")
    ? stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Line)
    : []
  return { status, stdout, stderr, lines }
}

const dir = t.testdir({ "one.ocmf": "", "empty.hex": "\n", "records.json": "[]" })
const signer = newSigner("secp256r1")
const hourly = (n: number, over: Record<string, unknown> = {}) =>
  Buffer.from(
    signed(
      signer,
      payload([entry({ TM: `2026-06-01T1${n}:00:00,000+0200 S`, RV: 100 + n, ...over })], { PG: `T${n}` }),
    ),
  ).toString()

t.test("OCMF records in a row are valid and usable", async (t) => {
  const { status, lines } = verify(["-", "--key", signer.spki], `${hourly(1)}\n${hourly(2)}\n`)
  t.equal(status, 0)
  t.match(lines, [
    { valid: true, usable: true, reasons: [], format: "ocmf", record: 1 },
    {
      valid: true,
      usable: true,
      meter: meterIdOf(Scheme["ocmf-secp256r1"], signer.key.point),
      key: signer.key.fingerprint,
      sequence: 2,
      pagination: "T2",
      time: "2026-06-01T10:00:00.000Z",
      clock: "synchronised",
      registers: { importedWh: "102000" },
      resolutionWh: 1000,
      serial: "M1",
    },
  ])
})

t.test("a byte order mark and the line ends of other systems are no part of a record", async (t) => {
  const { status, lines } = verify(["-", "--key", signer.spki], `\ufeff${hourly(1)}\r\n${hourly(2)}\r\n`)
  t.match([status, lines], [0, [{ valid: true }, { valid: true }]])
})

t.test("a gap, a fall and a clock that goes back are seen between the records of one meter", async (t) => {
  const file = [hourly(1), hourly(3, { RV: 50 }), hourly(4, { TM: "2026-06-01T01:00:00,000+0200 S" })].join(
    "\n",
  )
  const { status, lines } = verify(["-", "--key", signer.spki], file)
  t.equal(status, 0, "valid they are")
  t.match(
    lines.map(({ usable, reasons }) => [usable, reasons.map(({ about, reason }) => `${about}: ${reason}`)]),
    [
      [true, []],
      [
        false,
        ["usable: 1 record is missing before record 3", "usable: importedWh fell from 101000 to 50000 Wh"],
      ],
      [false, [/usable: the clock went back/]],
    ],
  )
})

t.test(
  "one record that is not valid makes the exit code 1, and the others are judged all the same",
  async (t) => {
    const forged = hourly(2).replace("102", "902")
    const { status, lines } = verify(
      ["-", "--key", signer.spki],
      `${hourly(1)}\n${forged}\nOCMF|x|y\n${hourly(2)}`,
    )
    t.equal(status, 1)
    t.match(lines, [
      { valid: true, usable: true },
      {
        valid: false,
        usable: false,
        reasons: [
          { about: "valid", reason: "the signature is not by this key" },
          { about: "usable", reason: "it is not valid" },
        ],
      },
      {
        valid: false,
        usable: false,
        reasons: [{ about: "valid", reason: /The payload is not valid JSON/ }, {}],
      },
      { valid: true, usable: true },
    ])
  },
)

t.test("without a key nothing is valid, and nothing is usable", async (t) => {
  const { status, lines } = verify(["-"], hourly(1))
  t.equal(status, 1)
  t.match(lines, [
    {
      valid: null,
      usable: null,
      meter: null,
      registers: { importedWh: "101000" },
      reasons: [
        { about: "valid", reason: "no key was given: the signature was not checked" },
        { about: "usable", reason: "the signature was not checked" },
      ],
    },
  ])
})

t.test("a meter is named by its scheme and key, on every curve", async (t) => {
  const other = newSigner("brainpoolP256r1")
  const { status, lines } = verify(["-", "--key", other.spki], signed(other))
  t.equal(status, 0)
  const meter = meterIdOf(Scheme["ocmf-brainpoolP256r1"], other.key.point)
  t.match(lines, [{ valid: true, meter, key: other.key.fingerprint, curve: "brainpoolP256r1" }])
  const wrong = verify(["-", "--key", signer.spki], signed(other))
  t.equal(wrong.status, 1)
  t.match(wrong.lines, [
    {
      valid: false,
      meter: null,
      reasons: [{ reason: "The key is on secp256r1, the record is signed over brainpoolP256r1." }, {}],
    },
  ])
})

t.test(
  "the XML of the transparency software is read, and the key beside a record proves nothing",
  async (t) => {
    const other = newSigner("secp256r1")
    const value = (record: string, key: string) =>
      `<value transactionId="1" context="Transaction.Begin">
       <signedData format="OCMF" encoding="plain">\n${record.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}\n</signedData>${key}</value>`
    const keyOf = ({ spki }: { spki: string }) =>
      `<publicKey encoding="plain">${spki.toUpperCase().replace(/.{4}/g, "$& ")}</publicKey>`
    const file = `<?xml version="1.0"?>\n<values>${[
      value(hourly(1), keyOf(signer)),
      value(hourly(2), keyOf(other)),
      value(hourly(2), ""),
      value(hourly(2), "<publicKey>zz</publicKey>"),
      '<value><signedData format="ALFEN">AP;0</signedData></value>',
    ].join("<!-- between -->")}</values>\n`
    const { status, lines } = verify(["-"], file)
    t.equal(status, 1)
    t.match(lines, [
      {
        valid: true,
        usable: null,
        reasons: [{ about: "usable", reason: /key came with the record/ }],
        key: signer.key.fingerprint,
      },
      { valid: false, usable: false, reasons: [{ reason: "the signature is not by this key" }, {}] },
      { valid: null, usable: null },
      { valid: false, reasons: [{ reason: /the key beside the record is none: It is neither/ }, {}] },
      { valid: false, reasons: [{ reason: /ALFEN, which is not read/ }, {}] },
    ])
    const given = verify(["-", "--key", signer.spki, "--format", "ocmf"], file)
    t.match(given.lines, [
      { valid: true, usable: true },
      { valid: true, usable: true },
      { valid: true },
      { valid: true },
      {},
    ])
  },
)

t.test("BSM snapshots are read as frames and as images, and their numbers follow each other", async (t) => {
  const snapshot = (numbers: Record<string, number>) =>
    image({ numbers }, signer.der(parseBsm(image({ numbers }, someSignature)).message))
  const first = frames(snapshot({ RCnt: 1 }))
    .map(hex)
    .join("\n")
  const third = hex(snapshot({ RCnt: 3, TotWhImp: 10_001, Epoch: 1_657_267_700, Evt: 1 << 16 }))
  for (const format of [[], ["--format", "bsm"]]) {
    const { status, lines } = verify(["-", ...format, "--key", signer.spki], `${first}\n${third}\n`)
    t.equal(status, 0)
    t.match(lines, [
      {
        valid: true,
        usable: true,
        meter: meterIdOf(Scheme.bsm, signer.key.point),
        sequence: 1,
        time: "2022-07-08T08:06:49.000Z",
        clock: "synchronised",
        registers: { importedWh: "100000" },
        powerW: 2500,
        serial: "001TEST000000001",
        format: "bsm",
      },
      {
        valid: true,
        usable: false,
        status: 1 << 16,
        reasons: [
          { about: "usable", reason: /fatal error of the meter \(Evt bit 16\)/ },
          { about: "usable", reason: "1 record is missing before record 3" },
        ],
      },
    ])
  }
  const damaged = verify(["-", "--key", signer.spki], first.replace(/^2a03c80000/, "2a03c80001"))
  t.equal(damaged.status, 1)
  t.match(damaged.lines, [{ valid: false, reasons: [{ reason: /CRC is wrong/ }, {}] }])
})

t.test("Commonwatt's own readings get the same two answers", async (t) => {
  const halfOrder = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n
  const order = 2n * halfOrder + 1n
  const { key, raw } = fixedSigner("commonwatt verify")
  const lowS = (message: Uint8Array) => {
    const bytes = raw(message)
    const s = BigInt(`0x${hex(bytes.subarray(32))}`)
    if (s > halfOrder) bytes.set(Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"), 32)
    return bytes
  }
  const meterId = meterIdOf(Scheme.es256, key.point)
  const kid = Uint8Array.from(Buffer.from(meterId.slice(2, 18), "hex"))
  const says = (sequence: number, over: Partial<Reading> = {}) =>
    encodeReading(
      {
        sequence,
        time: 1_780_000_000 + sequence,
        clock: Clock.synchronised,
        clockSets: 1,
        boots: 1,
        generatedWh: 5n,
        ...over,
      },
      2,
      kid,
      lowS,
    )
  const file = [says(1), says(2, { status: 4, clock: Clock.relative }), says(4, { generatedWh: 4n })]
    .map(hex)
    .join("\n")
  const { status, lines } = verify(["-", "--key", hex(key.point)], file)
  t.equal(status, 0)
  t.match(lines, [
    {
      valid: true,
      usable: true,
      reasons: [],
      meter: meterId,
      registers: { generatedWh: "5" },
      format: "cose",
    },
    {
      valid: true,
      usable: false,
      status: 4,
      reasons: [
        { reason: "the clock is relative, not synchronised" },
        { reason: "the meter reports status 0x4" },
      ],
    },
    {
      valid: true,
      usable: false,
      reasons: [{ reason: /1 record is missing/ }, { reason: "generatedWh fell from 5 to 4 Wh" }],
    },
  ])
  t.match(
    verify(["-", "--key", hex(key.point)], says(1)),
    { status: 0, lines: [{ valid: true }] },
    "as bytes",
  )
  t.match(verify(["-"], `${hex(says(1))}\nxyz`), {
    status: 1,
    lines: [
      { valid: null, usable: null },
      { valid: false, meter: null },
    ],
  })
})

t.test("a misuse is answered with a line, the context and what to do, and exit code 2", async (t) => {
  const cases: [string[], string, RegExp][] = [
    [[], "", /^commonwatt verify: The file with the readings is missing\.\nSee --help\.\n$/],
    [["no-such-file"], "", /no-such-file cannot be read/],
    [["-", "--format", "pdf"], "x", /The format "pdf" is not known\.\nKnown: cose, ocmf, bsm\./],
    [["-", "--format", "toString"], "x", /The format "toString" is not known/],
    [
      ["-", "--key", "zz!"],
      hourly(1),
      /--key is not a public key\.\n {2}It is neither hexadecimal nor base64/,
    ],
    [
      ["-", "--key", newSigner("secp384r1").spki, "--format", "bsm"],
      "00",
      /--key is not a public key\.\n {2}The key is on/,
    ],
    [["-", "--key", "00"], "d284", /--key is not a public key/],
    [["-", "second"], hourly(1), /Only one file/],
    [["-", "--frobnicate"], "", /Unknown option '--frobnicate'/],
    [["-"], '{"rtu_reply_frames":[]}', /This is a JSON file/],
    [["-"], "<?xml version='1.0'?>", /- holds no record/],
    [[`${dir}/empty.hex`], "", /empty\.hex holds no record/],
    [["-", "--format", "ocmf"], " \n", /- holds no record/],
  ]
  for (const [args, input, words] of cases) {
    const { status, stdout, stderr } = verify(args, input)
    t.match(stderr, words, args.join(" "))
    t.same([status, stdout], [2, ""], args.join(" "))
  }
})

t.test("--help tells both answers and every format", async (t) => {
  const { status, stdout } = verify(["--help"], "")
  t.equal(status, 0)
  for (const words of [
    /--format cose/,
    /ocmf {2}records/,
    /bsm {3}snapshots/,
    /valid {3}well-formed/,
    /usable {2}fit/,
    /Exit code 0/,
  ])
    t.match(stdout, words)
})

t.test("bytes of no format at all are refused in words", async (t) => {
  for (let i = 0; i < 3; i++) {
    const noise = createHash("sha512").update(`noise ${i}`).digest()
    for (const format of ["cose", "ocmf", "bsm"])
      t.match(
        verify(["-", "--format", format], noise),
        { status: 1, lines: [{ valid: false }] },
        `${format} ${i}`,
      )
  }
})

const keba = "ocmf_sequence_keba_20.json"
t.test(
  "20 records of a real meter are valid, and unusable for their clock",
  { skip: skipWithout(keba) },
  async (t) => {
    const records = readShared<{ payload: string; signature: object; public_key: string }[]>(keba)!
    const file = records.map((r) => `OCMF|${r.payload}|${JSON.stringify(r.signature)}`).join("\n")
    const { status, lines } = verify(["-", "--key", records[0]!.public_key], utf8(file))
    t.equal(status, 0)
    t.equal(lines.length, 20)
    for (const { valid, usable, reasons } of lines) {
      t.same([valid, usable], [true, false])
      t.ok(reasons.every(({ reason }) => reason.startsWith("the clock ")))
    }
  },
)

const bsm = "bsm_snapshot_vector.json"
t.test("a real meter's snapshot is valid and usable", { skip: skipWithout(bsm) }, async (t) => {
  const vector = readShared<{ rtu_reply_frames: string[]; public_key_spki_der: string }>(bsm)!
  const { status, lines } = verify(
    ["-", "--key", vector.public_key_spki_der],
    vector.rtu_reply_frames.join("\n"),
  )
  t.equal(status, 0)
  t.match(lines, [{ valid: true, usable: true, sequence: 4278, registers: { importedWh: "100000" } }])
})
