import type { Hex } from "../hex.ts"
import { toHex } from "../hex.ts"
import { meterIdOf, Scheme } from "../meter.ts"
import type { EvidenceVectors } from "./evidence.ts"
import { bytesFor } from "./fixed-keys.ts"
import { meters } from "./keys.ts"
import { noon } from "./readings.ts"

/** A change to a base: where (a JSON pointer, RFC 6901), and what stands there; null takes it out. */
export type Change = [pointer: string, value: unknown]

/** A whole number of 64 bits is decimal text. */
export interface AuditCase {
  name: string
  changes: Change[]
  /** The check that finds it; null where everything holds. */
  check: string | null
  /** Why, in a word; absent where everything holds. */
  reason?: string
}

/** Beside evidence.json: what else an audit needs to know, and what it must say. */
export interface AuditVectors {
  about: string[]
  /** What evidence.json's batches were made from on chain; `proposal` is what was put before the oracle. */
  batches: (AuditCase & { batches: string[] })[]
  registered: object[]
  /** What the contracts said, of a meter that made 1001 Wh in an hour, and 2000 Wh in the next two. */
  history: object
  histories: AuditCase[]
}

const first = "the first batch of a site: a roof, and two households' sealed parts"
const second = "the second batch, linked to the first, with a gap"
const counted = "format 2: a table of emission factors, with its bytes"
const countedOn = "format 2: the next batch, which names that table alone"
const accounts = "format 2: accounts are stated, records committed to"

/** @param evidence of the same corpus. */
export function auditVectors(evidence: EvidenceVectors): AuditVectors {
  const content = evidence.valid.find(({ name }) => name === first)!.content as Content
  return {
    about: [
      "What an audit must find, check by check (docs/auditors.md). Each case changes a base in one or two places.",
      "batches: evidence.json's batches of these names, read with all identities, in order, against the meters of registered; the last one, with its proposal, is what the changes are made to: /evidence, /registered or /proposal.",
      "histories: what the contracts of a community said; the changes are made to history.",
      "Where a case names a check, that check must find something; other checks may too. Where it names none, none may.",
    ],
    batches: batchCases(content),
    registered: registered(),
    history: history(),
    histories: historyCases(),
  }
}

interface Content {
  households: { meters: { readings: { bytes: Hex }[] }[] }[]
  meters: { readings: { bytes: Hex }[] }[]
}

function registered() {
  const of = (meter: (typeof meters)[keyof typeof meters], household: string, more: object) => ({
    meterId: meter.key.meterId,
    site: 1,
    household: toHex(bytesFor(household).subarray(0, 20)),
    scheme: meter.key.scheme,
    publicKey: toHex(meter.key.publicKey),
    assurance: 1,
    ratedW: 10_000,
    startTime: noon,
    startWh: "0",
    ...more,
  })
  return [
    of(meters.roof, "household A", { startWh: "48213407" }),
    of(meters.grid, "household A", {}),
    of(meters.neighbour, "household B", {}),
  ]
}

function batchCases({ meters: public_, households }: Content): AuditVectors["batches"] {
  const readings = public_[0]!.readings
  /** Signed, and not by the roof. */
  const neighbours = households[1]!.meters[0]!.readings[0]!.bytes
  const other: Hex = toHex(bytesFor("another"))
  const key = toHex(meters.neighbour.key.publicKey)
  const flipped = `${readings[1]!.bytes.slice(0, -2)}${readings[1]!.bytes.endsWith("00") ? "01" : "00"}`
  const list: [
    name: string,
    check: string | null,
    reason: string | null,
    changes: Change[],
    batches?: string[],
  ][] = [
    ["a batch as it is", null, null, []],
    ["two batches as they are", null, null, [], [first, second]],
    ["accounts as they are", null, null, [], [accounts]],
    ["a table of emission factors, and the next batch names it alone", null, null, [], [counted, countedOn]],
    ["another chain", "evidence", "header", [["/proposal/chainId", 1]]],
    ["another contract", "evidence", "header", [["/proposal/oracle", other.slice(0, 42)]]],
    ["another site", "evidence", "header", [["/proposal/site", 2]]],
    ["another number", "evidence", "header", [["/proposal/number", "2"]]],
    ["another time", "evidence", "header", [["/proposal/time", String(noon)]]],
    ["another root", "evidence", "header", [["/proposal/root", other]]],
    ["another leaf count", "evidence", "header", [["/proposal/leafCount", 2]]],
    ["another headroom than the rules in force", "evidence", "header", [["/proposal/headroom", 0]]],
    ["another sharing key than the policy's", "evidence", "header", [["/proposal/sharingKey", other]]],
    ["a time that is no boundary", "evidence", "boundary", [["/evidence/time", noon + 1801]]],
    ["it ends where it begins", "evidence", "boundary", [["/evidence/time", noon]]],
    [
      "a second batch that links to none",
      "evidence",
      "link",
      [],
      [first, "a second batch that links to none"],
    ],
    [
      "a second batch that links to another",
      "evidence",
      "link",
      [],
      [first, "a second batch that links to another one"],
    ],
    ["a first batch that links to one", "evidence", "link", [], [second]],
    [
      "a second batch that begins elsewhere",
      "evidence",
      "link",
      [["/evidence/from", noon + 900]],
      [first, second],
    ],
    [
      "a table of emission factors whose bytes are nowhere",
      "evidence",
      "factors",
      [["/evidence/factors/table", null]],
      [counted],
    ],
    [
      "another table than the batch before has, without its bytes",
      "evidence",
      "factors",
      [["/evidence/factors/sha256", other]],
      [counted, countedOn],
    ],
    ["a meter that nobody registered", "meters", "unregistered", [["/registered/0", null]]],
    ["a meter of another site", "meters", "unregistered", [["/registered/0/site", 2]]],
    ["a meter with another key", "meters", "key", [["/registered/0/publicKey", key]]],
    ["a meter with the same key under another scheme", "meters", "key", [["/registered/0/scheme", 2]]],
    [
      "one key for two meters",
      "meters",
      "key",
      [["/registered/1/publicKey", toHex(meters.roof.key.publicKey)]],
    ],
    [
      "an id that is not of the key",
      "meters",
      "key",
      [
        ["/evidence/meters/0/meterId", meterIdOf(Scheme.ed25519, bytesFor("no key"))],
        ["/registered/0/meterId", meterIdOf(Scheme.ed25519, bytesFor("no key"))],
      ],
    ],
    [
      "a household's meter sealed to another",
      "meters",
      "household",
      [["/registered/1/household", other.slice(0, 42)]],
    ],
    [
      "a reading that its meter did not sign",
      "readings",
      "signature",
      [["/evidence/meters/0/readings/1/bytes", flipped]],
    ],
    [
      "a reading that is none",
      "readings",
      "malformed",
      [["/evidence/meters/0/readings/1/bytes", readings[1]!.bytes.slice(0, -2)]],
    ],
    [
      "another meter's reading",
      "readings",
      "signature",
      [["/evidence/meters/0/readings/1/bytes", neighbours]],
    ],
    [
      "readings not in the order in which they came",
      "readings",
      "order",
      [["/evidence/meters/0/readings/1/received", noon]],
    ],
    ["a reading that belongs to the next batch", "readings", "order", [["/evidence/time", noon + 900]]],
    ["a Wh more in an interval", "generation", "differs", [["/evidence/generation/0/generatedWh", "751"]]],
    ["a gap where there was none", "generation", "differs", [["/evidence/generation/0/generatedWh", null]]],
    ["an interval left out", "generation", "differs", [["/evidence/generation/0", null]]],
    [
      "a Wh more that was given",
      "households",
      "differs",
      [["/evidence/households/0/records/0/energy/givenWh", "301"]],
    ],
    [
      "a Wh less that was imported",
      "households",
      "differs",
      [["/evidence/households/1/records/0/energy/importedWh", "299"]],
    ],
    [
      "a household's interval left out",
      "households",
      "differs",
      [["/evidence/households/1/records/0", null]],
    ],
    [
      "a Wh more in a statement",
      "statements",
      "differs",
      [["/evidence/statements/0/generatedWh", "48214908"]],
    ],
    [
      "a Wh less in a statement",
      "statements",
      "differs",
      [["/evidence/statements/0/generatedWh", "48214906"]],
    ],
    ["another reading quoted", "statements", "differs", [["/evidence/statements/0/reading", other]]],
    ["another time stated", "statements", "differs", [["/evidence/statements/0/time", noon + 900]]],
    ["a meter not stated", "statements", "differs", [["/evidence/statements/0", null]]],
    ["no statements", "root", "empty", [["/evidence/statements/0", null]]],
    ["another root than the statements'", "root", "differs", [["/evidence/root", other]]],
    [
      "a unit more of credit",
      "accounts",
      "differs",
      [["/evidence/statements/1/credit", "1000000000000"]],
      [accounts],
    ],
    ["an account not stated", "accounts", "differs", [["/evidence/statements/1", null]], [accounts]],
  ]
  return list.map(([name, check, reason, changes, batches = [first]]) => ({
    name,
    batches,
    changes,
    check,
    ...(reason !== null && { reason }),
  }))
}

// ---------------------------------------------------------------- what the contracts said

const address = (n: number) => `0x${n.toString(16).padStart(40, "0")}`

const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}`
const [nobody, oracle, policy, home, commons] = [0, 1, 3, 4, 5].map(address)
const at = (block: number, log = 0) => ({ block: String(block), log, transaction: word(block) })
const hour = 3600

/** 9/10 of the register are minted, 1/10 of that to the commons: 900 and 1800 Wh, 90 and 180 of them to the commons. */
function history() {
  const rules = {
    challengeWindow: 60,
    answerTime: 60,
    headroom: 1000,
    gatewayHeadroom: 0,
    meterFactor: 9000,
    gatewayFactor: 5000,
    commonsShare: 1000,
    bond: 0,
    siteStake: 0,
    validatorStake: 0,
  }
  const proposal = (number: number, time: number, block: number) => ({
    oracle,
    site: 1,
    number: String(number),
    root: word(20 + number),
    evidence: word(30 + number),
    time: String(time),
    leafCount: 1,
    validatorSet: 1,
    signers: "1",
    validAt: time + 120,
    at: at(block),
  })
  const settled = (
    number: number,
    fromWh: number,
    toWh: number,
    from: number,
    to: number,
    block: number,
  ) => ({
    site: 1,
    number: String(number),
    meterId: word(7),
    fromWh: String(fromWh),
    toWh: String(toWh),
    fromTime: from,
    toTime: to,
    at: at(block),
  })
  return {
    chainId: 1,
    oracle,
    registry: address(10),
    issuance: address(11),
    token: address(12),
    certificates: address(13),
    retirements: address(14),
    mayMint: { token: address(11), certificates: address(11) },
    mayBurn: { token: address(14), certificates: address(14) },
    standing: {
      totalSupplyWh: "2600",
      certificatesWh: [],
      retiredForWh: [[home, "100"]],
      retirements: 1,
      balances: [
        { account: home, wh: "2330" },
        { account: commons, wh: "270" },
      ],
    },
    toBlock: "100",
    /** Of each block that something happened in: its time. */
    times: {
      5: noon,
      10: noon + hour + 30,
      11: noon + hour + 150,
      20: noon + 3 * hour + 30,
      21: noon + 3 * hour + 150,
    },
    oracles: [{ oracle, at: at(1) }],
    meters: [
      {
        meterId: word(7),
        site: 1,
        household: home,
        scheme: 1,
        publicKey: word(8),
        assurance: 1,
        source: 1,
        ratedW: 5000,
        startWh: "0",
        startTime: noon,
        at: at(2),
      },
    ],
    proposals: [proposal(1, noon + hour, 10), proposal(2, noon + 3 * hour, 20)],
    settled: [
      settled(1, 0, 1001, noon, noon + hour, 11),
      settled(2, 1001, 3001, noon + hour, noon + 3 * hour, 21),
    ],
    minted: [
      { account: home, wh: "810", at: at(11, 1) },
      { account: commons, wh: "90", at: at(11, 2) },
      { account: home, wh: "1620", at: at(21, 1) },
      { account: commons, wh: "180", at: at(21, 2) },
    ],
    burned: [{ account: home, wh: "100", at: at(30) }],
    transfers: [
      { from: nobody, to: home, wh: "810", at: at(11, 1) },
      { from: nobody, to: commons, wh: "90", at: at(11, 2) },
      { from: nobody, to: home, wh: "1620", at: at(21, 1) },
      { from: nobody, to: commons, wh: "180", at: at(21, 2) },
      { from: home, to: nobody, wh: "100", at: at(30) },
    ],
    retired: [{ number: "1", holder: home, beneficiary: home, wh: "100", at: at(30, 1) }],
    rules: [{ oracle, version: 1, rules, at: at(5) }],
    policies: [
      {
        version: 1,
        activeFrom: noon - 1,
        rules,
        sharingKey: word(0),
        withdrawn: false,
        by: policy,
        at: at(3),
      },
    ],
    policyOf: [[oracle, policy]],
    commons: [{ to: commons, at: at(4) }],
    challenges: [],
  }
}

function historyCases(): AuditCase[] {
  const open = {
    oracle,
    site: 1,
    number: "2",
    leaf: word(40),
    meterId: word(7),
    deadline: noon,
    at: at(20, 5),
  }
  const list: [name: string, check: string | null, reason: string | null, ...changes: Change[]][] = [
    ["a history as it is", null, null],
    ["GREEN that another may mint", "contracts", "minter", ["/mayMint/token", address(99)]],
    ["certificates that another may mint", "contracts", "minter", ["/mayMint/certificates", address(99)]],
    ["certificates that another may burn", "contracts", "burner", ["/mayBurn/certificates", address(99)]],
    ["a meter registered twice", "contracts", "twice", ["/meters/1", "/meters/0"]],
    ["rules that were never announced", "policy", "unannounced", ["/policies/0", null]],
    ["other rules than were announced", "policy", "differs", ["/rules/0/rules/meterFactor", 10_000]],
    ["rules before they were in force", "policy", "early", ["/policies/0/activeFrom", noon + 1]],
    ["rules that were withdrawn", "policy", "early", ["/policies/0/withdrawn", true]],
    ["a number left out", "proposals", "number", ["/proposals/1/number", "3"]],
    ["a number twice", "proposals", "number", ["/proposals/1/number", "1"]],
    ["a time that goes back", "proposals", "time", ["/proposals/1/time", String(noon + hour)]],
    ["proposed before its time", "proposals", "time", ["/times/20", noon + hour + 200]],
    ["a window that was too short", "proposals", "window", ["/proposals/1/validAt", noon + 3 * hour + 31]],
    ["settled within the window", "proposals", "window", ["/times/21", noon + 3 * hour + 60]],
    ["a meter that nobody registered", "settlements", "unregistered", ["/settled/1/meterId", word(9)]],
    ["a Wh paid twice", "settlements", "continuity", ["/settled/1/fromWh", "1000"]],
    ["a Wh left out", "settlements", "continuity", ["/settled/1/fromWh", "1002"]],
    ["a second paid twice", "settlements", "continuity", ["/settled/1/fromTime", noon + hour - 1]],
    ["a register that goes back", "settlements", "back", ["/settled/1/toWh", "1000"]],
    ["more than its statement says", "settlements", "statement", ["/settled/1/toWh", "3002"]],
    [
      "another time than its statement's",
      "settlements",
      "statement",
      ["/settled/1/toTime", noon + 3 * hour + 1],
    ],
    ["more than the meter can make", "settlements", "ceiling", ["/meters/0/ratedW", 100]],
    ["a meter of another site", "settlements", "site", ["/meters/0/site", 2]],
    [
      "a meter that was suspended",
      "settlements",
      "status",
      ["/meters/0/statuses", [{ status: 2, at: at(15) }]],
    ],
    [
      "a meter that was revoked",
      "settlements",
      "status",
      ["/meters/0/statuses", [{ status: 3, at: at(15) }]],
    ],
    [
      "beyond the meter's end",
      "settlements",
      "end",
      ["/meters/0/end", { countedWh: "2000", time: noon + 2 * hour, at: at(15) }],
    ],
    ["a proposal that was never made", "settlements", "proposal", ["/settled/1/number", "9"]],
    [
      "a proposal that was cancelled",
      "settlements",
      "cancelled",
      ["/proposals/1/cancelled", "by the guardian"],
    ],
    ["a doubt that was open", "settlements", "doubted", ["/challenges", [open]]],
    ["a Wh minted beside", "mints", "surplus", ["/minted/2/wh", "1621"]],
    ["a Wh kept back", "mints", "deficit", ["/minted/2/wh", "1619"]],
    ["minted to another", "mints", "surplus", ["/minted/2/account", address(99)]],
    ["the commons' share to the household", "mints", "surplus", ["/minted/3/account", home]],
    ["a mint that nothing was settled for", "mints", "surplus", ["/minted/2/at", at(50)]],
    [
      "certificates that nobody generated",
      "certificates",
      "surplus",
      ["/minted/4", { id: "1", account: home, wh: "1", at: at(50) }],
    ],
    [
      "a transfer out of nowhere",
      "transfers",
      "nowhere",
      ["/transfers/5", { from: address(99), to: address(98), wh: "1", at: at(40) }],
    ],
    [
      "a Wh more transferred than there was",
      "transfers",
      "nowhere",
      ["/transfers/5", { from: commons, to: home, wh: "271", at: at(40) }],
      ["/standing/balances/0/wh", "2601"],
      ["/standing/balances/1/wh", "0"],
    ],
    [
      "transferred before it was had",
      "transfers",
      "nowhere",
      ["/transfers/4", { from: home, to: commons, wh: "2431", at: at(29) }],
      ["/transfers/5", { from: commons, to: home, wh: "1", at: at(31) }],
    ],
    ["a balance that no transfer explains", "transfers", "balance", ["/standing/balances/1/wh", "271"]],
    ["a Wh too many in the supply", "supply", "differs", ["/standing/totalSupplyWh", "2601"]],
    ["a Wh too few in the supply", "supply", "differs", ["/standing/totalSupplyWh", "2599"]],
    ["a retirement that burned less", "retirements", "differs", ["/burned/0/wh", "99"]],
    [
      "a burn without a retirement",
      "retirements",
      "differs",
      ["/burned/1", { account: home, wh: "1", at: at(60) }],
    ],
    ["a retirement left out", "retirements", "number", ["/retired/0/number", "2"]],
    ["more retirements counted than made", "retirements", "number", ["/standing/retirements", 2]],
    [
      "a beneficiary's sum that is another",
      "retirements",
      "differs",
      ["/standing/retiredForWh", [[home, "101"]]],
    ],
  ]
  return list.map(([name, check, reason, ...changes]) => ({
    name,
    changes,
    check,
    ...(reason !== null && { reason }),
  }))
}
