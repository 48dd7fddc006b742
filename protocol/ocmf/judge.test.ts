import t from "tap"
import { Clock, type Reading } from "../reading.ts"
import { createJudge, type Evidence } from "./judge.ts"
import { splitOcmf } from "./lines.ts"
import { utf8 } from "./sign.test.support.ts"

function says(sequence: number, over: Partial<Reading> = {}): Reading {
  return {
    sequence,
    time: 1_780_000_000 + 900 * sequence,
    clock: Clock.synchronised,
    clockSets: 0,
    boots: 0,
    importedWh: BigInt(1000 + sequence),
    ...over,
  }
}

function evidence(readings: Reading[], over: Partial<Evidence> = {}): Evidence {
  return {
    forged: undefined,
    doubts: [],
    series: "m",
    readings,
    message: utf8(readings.map((reading) => `${reading.sequence} ${reading.importedWh}`).join()),
    ...over,
  }
}

/** Each record's reasons, in order. */
function judgeAll(...records: Evidence[]): string[][] {
  return records.map(createJudge()).map(({ reasons }) => reasons.map(({ reason }) => reason))
}

t.test("records in a row are usable", async (t) => {
  t.same(judgeAll(evidence([says(1), says(1)]), evidence([says(2)]), evidence([says(3)])), [[], [], []])
})

t.test("a missing record is seen, and how many are missing", async (t) => {
  t.same(judgeAll(evidence([says(1)]), evidence([says(3)]), evidence([says(6)])), [
    [],
    ["1 record is missing before record 3"],
    ["2 records are missing before record 6"],
  ])
})

t.test("a record that comes twice, too late, or with another content is told apart", async (t) => {
  const other = evidence([says(2, { importedWh: 5000n })])
  t.same(judgeAll(evidence([says(2)]), evidence([says(2)]), other, evidence([says(1)])), [
    [],
    ["the same record 2 came before"],
    ["another record 2 came before and says something else: the meter contradicts itself"],
    [
      "record 1 came after record 2",
      "the clock went back by 900 s, to 2026-05-28T20:41:40.000Z",
      "importedWh fell from 5000 to 1001 Wh",
    ],
  ])
})

t.test("a register that fell is in doubt until it is back", async (t) => {
  const values = [1000n, 0n, 999n, 1000n, 1001n]
  const records = values.map((importedWh, i) => evidence([says(i, { importedWh })]))
  t.same(judgeAll(...records), [
    [],
    ["importedWh fell from 1000 to 0 Wh"],
    ["importedWh fell from 1000 to 999 Wh"],
    [],
    [],
  ])
})

t.test("within a record the moments are held to the same", async (t) => {
  t.same(judgeAll(evidence([says(1), says(1, { importedWh: 1n, time: 1_780_000_000 })])), [
    ["the clock went back by 900 s, to 2026-05-28T20:26:40.000Z", "importedWh fell from 1001 to 1 Wh"],
  ])
})

t.test("a forged record says nothing about its meter, and meters do not mix", async (t) => {
  const forged = evidence([says(9)], { forged: "the signature is not by this key" })
  const another = evidence([says(1)], { series: "n" })
  t.same(judgeAll(evidence([says(1)]), forged, another, evidence([says(2)])), [
    [],
    ["the signature is not by this key", "it is not valid"],
    [],
    [],
  ])
})

t.test("the two answers are apart", async (t) => {
  const judge = createJudge()
  t.match(judge(evidence([says(1)])), { valid: true, usable: true, reasons: [] })
  t.match(judge(evidence([says(2)], { doubts: ["d"] })), {
    valid: true,
    usable: false,
    reasons: [{ about: "usable", reason: "d" }],
  })
  t.match(judge(evidence([says(3)], { forged: null })), {
    valid: null,
    usable: null,
    reasons: [{ about: "valid", reason: /no key was given/ }, { about: "usable" }],
  })
  t.match(judge(evidence([says(4)], { forged: null, doubts: ["d"] })), { valid: null, usable: false })
  t.match(judge(evidence([], { doubts: ["d"] })), { valid: true, usable: false })
  t.match(judge({ malformed: "m" }), {
    valid: false,
    usable: false,
    reasons: [
      { about: "valid", reason: "m" },
      { about: "usable", reason: "it is not valid" },
    ],
  })
})

t.test("a file is divided where lines begin with OCMF, byte for byte", async (t) => {
  const parts = (text: string) => splitOcmf(utf8(text)).map((part) => Buffer.from(part).toString())
  t.same(parts("OCMF|a|b\nOCMF|c|d\n"), ["OCMF|a|b", "OCMF|c|d"])
  t.same(parts('\r\n  OCMF|{\r\n "ä": 1}|{}\r\n\r\n\tOCMF|c|d'), ['OCMF|{\r\n "ä": 1}|{}', "OCMF|c|d"])
  t.same(parts("junk\nOCMF|a|b"), ["junk", "OCMF|a|b"])
  t.same(parts("OCMF|a OCMF|b"), ["OCMF|a OCMF|b"])
  t.same(parts("\u00a0OCMF|a"), ["\u00a0OCMF|a"], "a space that JSON does not know is not passed over")
  t.same(parts(" \n"), [])
})
