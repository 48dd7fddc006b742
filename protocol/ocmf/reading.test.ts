import t from "tap"
import { Clock } from "../reading.ts"
import { maxEnergyWh } from "./energy.ts"
import { directionOfObis } from "./obis.ts"
import { paginationOf, readingsFromOcmf } from "./reading.ts"
import { parseOcmf } from "./record.ts"
import { entry, newSigner, payload, signed, utf8 } from "./sign.test.support.ts"
import { readTime } from "./time.ts"

const signer = newSigner("secp256r1")
const noon = Date.UTC(2026, 5, 1, 10) / 1000

function parse(entries: unknown[], over: Record<string, unknown> = {}) {
  return parseOcmf(signed(signer, payload(entries, over)))
}

function read(entries: unknown[], over: Record<string, unknown> = {}) {
  return readingsFromOcmf(parse(entries, over))
}

t.test("a good record is one reading, and nothing speaks against it", async (t) => {
  t.same(read([entry()]), {
    readings: [
      {
        sequence: 7,
        time: noon,
        clock: Clock.synchronised,
        clockSets: 0,
        boots: 0,
        importedWh: 1_234_560n,
        resolutionWh: 10,
      },
    ],
    doubts: [],
  })
})

t.test("import and export follow the OBIS code, and what they are is for the registry to say", async (t) => {
  const both = [entry(), { RV: 5, RI: "1-0:2.8.0", RU: "kWh" }]
  t.match(read(both).readings, [{ importedWh: 1_234_560n, exportedWh: 5000n, resolutionWh: 1000 }])
  const atPlant = { import: "importedWh", export: "generatedWh" } as const
  t.match(readingsFromOcmf(parse(both), atPlant).readings, [{ generatedWh: 5000n, exportedWh: undefined }])
})

t.test("every spelling of a running register is understood, and nothing else is settled", async (t) => {
  for (const code of [
    "1-0:1.8.0",
    "1-b:1.8.0",
    "1-b:1.8.e",
    "01-00:01.08.00.FF",
    "1-0:1.8.0*255",
    "01-00:B0.08.00.FF",
  ])
    t.same(directionOfObis(code), { direction: "import" }, code)
  for (const code of ["1-0:2.8.0", "1-b:2.8.e", "01-00:02.08.00.ff", "01-00:C0.08.00.FF"])
    t.same(directionOfObis(code), { direction: "export" }, code)
  const unsettled: [string, RegExp][] = [
    ["1-0:1.8.0*198", /of the maker's own kind/],
    ["1-0:1.8.0*01", /stored value/],
    ["1-0:1.8.1", /one tariff/],
    ["1-b:1.9.0", /since the beginning/],
    ["01-00:00.08.06.FF", /not a register of active energy/],
    ["1-0:98.8.0.FF", /not a register of active energy/],
    ["01-00:B2.08.00.FF", /not a register of active energy/],
    ["1-0:3.8.0", /not a register of active energy/],
    ["7-0:1.8.0", /not a register of active energy/],
    ["1-1:1.8.0", /channel of its own/],
    ["1.8.0", /is not an OBIS code/],
    ["", /is not an OBIS code/],
  ]
  for (const [code, why] of unsettled) t.match(directionOfObis(code), { unsettled: why }, code)
})

t.test(
  "other registers are passed over beside one that is settled, and a doubt where they are alone",
  async (t) => {
    const session = { RV: 0, RI: "1-b:1.9.0", RU: "kWh" }
    const seconds = { RV: "      19", RI: "01-00:00.08.06.FF", RU: "sec" }
    t.match(read([entry(), session, seconds]), { readings: [{ importedWh: 1_234_560n }], doubts: [] })
    t.same(read([entry(session)]), {
      readings: [],
      doubts: ["there is no register to settle on: 1-b:1.9.0 does not count since the beginning"],
    })
  },
)

t.test("a Bauer's running register stands in its own fields beside the session's", async (t) => {
  const bauer = entry({ RV: 0.15, RI: "1-0:1.8.0*198", XV: 100.0, XI: "1-0:1.8.0*255", XU: "kWh" })
  t.match(read([bauer], { MV: "BAUER Electronic" }), { readings: [{ importedWh: 100_000n }], doubts: [] })
  t.match(
    read([bauer], { MV: "ACME" }),
    { readings: [], doubts: [/no register/] },
    "another maker's X may mean anything",
  )
})

t.test("an entry has what it leaves out from the entry before", async (t) => {
  const first = entry({ TX: "B", EF: "", CL: 0 })
  const { readings, doubts } = read([
    first,
    { TM: "2026-06-01T12:15:00,999+0200 S", TX: "C", RV: 1234.57 },
    { TM: "2026-06-01T12:30:00,000+0200 S" },
    { TM: "2026-06-01T12:45:00,000+0200 S", TX: "E", RV: 1300, RI: "1-0:1.8.0", RU: "Wh" },
  ])
  t.same(doubts, [])
  t.match(readings, [
    { time: noon, importedWh: 1_234_560n, resolutionWh: 10 },
    { time: noon + 900, importedWh: 1_234_570n },
    { time: noon + 1800, importedWh: 1_234_570n },
    { time: noon + 2700, importedWh: 1300n, resolutionWh: undefined },
  ])
  t.match(
    read([entry({ ST: "M" }), { RV: 1 }]).doubts,
    ["the meter was manipulated (ST M)"],
    "a bad state too",
  )
  t.same(read([entry(), { EF: "E" }, { EF: "" }]).doubts, ["an error makes the energy unusable (EF E)"])
})

t.test("RI and RU are written together", async (t) => {
  for (const alone of [{ RI: "1-0:2.8.0" }, { RU: "Wh" }])
    t.match(read([entry(), { RV: 1, ...alone }]).doubts, [/^of RI and RU, one is written without the other/])
})

t.test("everything that speaks against a record is said", async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ ST: "M" }, /the meter was manipulated \(ST M\)/],
    [{ ST: "Q" }, /in a state that OCMF does not know \(ST Q\)/],
    [{ ST: undefined }, /the state of the meter \(ST\) is not stated/],
    [{ EF: "E" }, /the energy unusable \(EF E\)/],
    [{ EF: "t" }, /the time unusable \(EF t\)/],
    [{ EF: "z" }, /something that OCMF does not name unusable \(EF z\)/],
    [{ TX: "X" }, /an error occurred during the transaction/],
    [{ CL: 0.5 }, /a cable's losses were subtracted/],
    [{ TM: "2026-06-01T12:00:00,000+0200 U" }, /the clock is unknown/],
    [{ TM: "2026-06-01T12:00:00,000+0200 I" }, /the clock is informative/],
    [{ TM: "2026-06-01T12:00:00,000+0200 R" }, /the clock is relative/],
    [{ TM: "2026-06-01T12:00:00Z" }, /is not a time as OCMF writes it/],
    [{ TM: "1970-01-01T00:00:00,000+0100 S" }, /is before 1970/],
    [{ TM: undefined }, /there is no time/],
    [{ TM: 5 }, /TM has a value of the wrong kind/],
    [{ RU: "MWh" }, /1-0:1\.8\.0: the unit "MWh" is neither/],
    [{ RV: -1 }, /1-0:1\.8\.0: the register is negative/],
    [{ RV: true }, /RV has a value of the wrong kind/],
    [{ RV: undefined }, /a reading has no value/],
    [{ RI: undefined, RU: undefined }, /a reading does not say of what/],
    [{ RI: 1 }, /RI has a value of the wrong kind/],
  ]
  for (const [over, why] of cases) {
    const { doubts } = read([entry(over)])
    t.ok(
      doubts.some((doubt) => why.test(doubt)),
      `${JSON.stringify(over)}: ${doubts}`,
    )
  }
})

t.test("after an exception nothing of the transaction is usable", async (t) => {
  t.same(read([entry({ TX: "B" }), { TX: "X" }, { TX: "E" }]).doubts, [
    "an error occurred during the transaction (TX X)",
  ])
})

t.test("two values of one register at one time are a doubt", async (t) => {
  t.match(read([entry(), { RV: 2000 }]).doubts, [
    "two values of importedWh at one time: 1234560 and 2000000 Wh",
  ])
  t.same(read([entry(), { RV: 1234.56 }]).doubts, [], "said twice alike, it is said once")
})

t.test("registers go up to 2^63 - 1 Wh, digit by digit", async (t) => {
  const text = (rv: string) => payload([entry({ RU: "Wh" })]).replace("1234.56", rv)
  const of = (rv: string) => readingsFromOcmf(parseOcmf(signed(signer, text(rv))))
  t.match(of(`${maxEnergyWh}`).readings, [{ importedWh: maxEnergyWh }])
  t.match(
    of("9007199254740993").readings,
    [{ importedWh: 9007199254740993n }],
    "2^53 + 1, which no float holds",
  )
  t.match(of(`${maxEnergyWh + 1n}`), { readings: [], doubts: [/beyond 2\^63 - 1/, /no register/] })
})

t.test("pagination is a letter and a number without leading zeros", async (t) => {
  t.same(paginationOf(parse([entry()], { PG: "F0" })), { context: "F", number: 0 })
  for (const PG of ["T07", "X7", "7", "T", "T-1", "T9007199254740993", 7, undefined]) {
    t.equal(paginationOf(parse([entry()], { PG })), undefined)
    t.match(read([entry()], { PG }), { readings: [], doubts: [/no pagination/] })
  }
})

t.test("a time is read with its offset and its letter", async (t) => {
  t.same(readTime("2019-08-13T10:03:15,000+0000 I"), { time: 1565690595, clock: Clock.informative })
  t.same(readTime("1970-01-01T01:08:51,999+0100 U"), { time: 531, clock: Clock.unknown })
  t.same(readTime("2024-02-29T00:00:00,000-0330 R"), { time: 1709177400, clock: Clock.relative })
  for (const text of [
    "2023-02-29T00:00:00,000+0000 S",
    "2023-02-28T24:00:00,000+0000 S",
    "2023-13-01T00:00:00,000+0000 S",
    "2023-01-01T00:00:60,000+0000 S",
    "2023-01-01T00:00:00,000+1500 S",
    "2023-01-01T00:00:00,000+0060 S",
    "2023-01-01T00:00:00,000+0000 X",
    "2023-01-01T00:00:00,000+0000",
    "2023-01-01T00:00:00.000+0000 S",
    "0023-01-01T00:00:00,000+0000 S",
  ])
    t.type(readTime(text), "string", text)
})

t.test("reading a record changes none of its bytes", async (t) => {
  const parsed = parse([entry()])
  const before = utf8(payload([entry()]))
  readingsFromOcmf(parsed)
  t.same(parsed.message, before)
})
