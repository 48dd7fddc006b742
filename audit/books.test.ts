import fc from "fast-check"
import t from "tap"
import type { Hex } from "../protocol/hex.ts"
import { Assurance, Scheme } from "../protocol/meter.ts"
import {
  certificateId,
  checkMints,
  checkRetirements,
  checkSettlements,
  checkSupply,
  divide,
  keyOf,
  mintsOf,
} from "./books.ts"
import type { CheckName, CheckResult } from "./checks.ts"
import { type MeterLife, MeterStatus, type Position } from "./meter-life.ts"
import { checkPolicies, sharingKeyOf } from "./policies.ts"
import type { ChainRules, History, Settled } from "./record.ts"
import { checkWindows } from "./windows.ts"

const address = (n: number) => `0x${n.toString(16).padStart(40, "0")}` as Hex
const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex
const [oracle, successor, policy, home, commons, factory] = [1, 2, 3, 4, 5, 6].map(address) as [
  Hex,
  Hex,
  Hex,
  Hex,
  Hex,
  Hex,
]
const meterId = word(7)
/** In the block of this number, and in a transaction of its own. */
const at = (block: number, log = 0): Position => ({ block: BigInt(block), log, transaction: word(block) })
/** 2026-06-01T00:00:00Z */
const june = 1_780_272_000

const rules: ChainRules = {
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

const meter: MeterLife = {
  meterId,
  site: 1,
  household: home,
  scheme: Scheme.ed25519,
  publicKey: word(8),
  assurance: Assurance.meter,
  source: 1,
  ratedW: 5000,
  startWh: 0n,
  startTime: june,
  restarts: [],
  ratings: [],
  moves: [],
  households: [],
  keys: [],
  statuses: [],
  certificates: [],
  end: undefined,
  replacedBy: undefined,
  at: at(2),
}

const settled: Settled = {
  site: 1,
  number: 1n,
  meterId,
  fromWh: 0n,
  toWh: 1001n,
  fromTime: june,
  toTime: june + 3600,
  at: at(10, 0),
}

/** One meter that made 1001 Wh in an hour: 900 Wh are minted (9/10), 90 of them to the commons (1/10). */
function history(over: Partial<History> = {}): History {
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
      totalSupplyWh: 900n,
      certificatesWh: new Map(),
      retiredForWh: new Map(),
      retirements: 0,
      balances: [],
    },
    toBlock: 100n,
    oracles: [{ oracle, at: at(1) }],
    meters: [meter],
    proposals: [
      {
        oracle,
        site: 1,
        number: 1n,
        root: word(20),
        evidence: word(21),
        time: BigInt(june + 3600),
        leafCount: 1,
        validatorSet: 1,
        signers: 1n,
        validAt: june + 3700,
        cancelled: undefined,
        signersFault: false,
        at: at(8),
      },
    ],
    settled: [settled],
    minted: [
      { id: undefined, account: home, wh: 810n, at: at(10, 1) },
      { id: undefined, account: commons, wh: 90n, at: at(10, 2) },
    ],
    transfers: [],
    burned: [],
    retired: [],
    validators: [],
    rules: [{ oracle, version: 1, rules, at: at(1) }],
    policies: [
      { version: 1, activeFrom: 0, rules, sharingKey: word(0), withdrawn: false, by: policy, at: at(1) },
    ],
    fromBlock: 0n,
    policyOf: new Map([[oracle, policy]]),
    commons: [{ to: commons, at: at(3) }],
    challenges: [],
    slashed: [],
    ...over,
  }
}

const check = (name: CheckName): CheckResult => ({ name, title: "", examined: 0, findings: [], skipped: [] })
const said = ({ findings }: CheckResult) => findings.map(({ where, what }) => `${where}: ${what}`)

/** What each of the books' checks says of a history; the batch's statement is proven. */
function checked(h: History) {
  const results = {
    settlements: check("settlements"),
    mints: check("mints"),
    certificates: check("certificates"),
    supply: check("supply"),
    retirements: check("retirements"),
  }
  const statement = { kind: 1, meterId, generatedWh: 1001n, time: june + 3600, reading: word(30) } as const
  const proven = new Map(
    h.proposals.map((p) => [keyOf(p), { statements: [statement], unproven: new Set<Hex>(), accounts: [] }]),
  )
  const accounted = checkSettlements(h, proven, true, results.settlements)
  checkMints(h, results.mints, results.certificates)
  checkSupply(h, results.supply)
  checkRetirements(h, results.retirements)
  return { accounted, findings: Object.values(results).flatMap(said) }
}

t.test("a register is divided alike however often it is settled, and no Wh is made or lost", async (t) => {
  const wh = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const fraction = fc.integer({ min: 0, max: 10_000 })
  fc.assert(
    fc.property(fc.array(wh, { minLength: 3, maxLength: 3 }), fraction, fraction, (points, factor, share) => {
      const [a, b, c] = points.sort((x, y) => (x < y ? -1 : 1)) as [bigint, bigint, bigint]
      const [first, second, whole] = [
        divide(a, b, factor, share),
        divide(b, c, factor, share),
        divide(a, c, factor, share),
      ]
      t.equal(first.own + second.own, whole.own)
      t.equal(first.shared + second.shared, whole.shared)
      t.ok(whole.own >= 0n && whole.own + whole.shared <= c - a + 1n)
    }),
    { numRuns: 50 },
  )
})

t.test("each mint is what the rules of its proposal give, to the household and to the commons", async (t) => {
  t.same(checked(history()), { accounted: 900n, findings: [] })
  const gateway = history({ meters: [{ ...meter, assurance: Assurance.gateway }] })
  t.same(
    mintsOf(gateway, settled).map(({ wh }) => wh),
    [450n, 50n],
    "a meter that a gateway signs for has the other factor",
  )
  t.same(
    mintsOf(history({ commons: [{ to: commons, at: at(11) }] }), settled).map(({ wh }) => wh),
    [900n],
    "nothing is taken while there are no commons",
  )
  const sold = { household: factory, time: june, at: at(9) }
  t.equal(mintsOf(history({ meters: [{ ...meter, households: [sold] }] }), settled)[0]?.account, factory)
  const later = { oracle, version: 2, rules: { ...rules, meterFactor: 10_000 }, at: at(9) }
  t.same(
    checked(history({ rules: [...history().rules, later] })).findings,
    [],
    "rules that came after the proposal do not touch it",
  )
})

t.test("what was minted beyond that is named", async (t) => {
  const [own, shared] = history().minted as [History["minted"][0], History["minted"][0]]
  const greedy = history({
    minted: [{ ...own, wh: 811n }, shared],
    standing: { ...history().standing, totalSupplyWh: 901n },
  })
  t.match(checked(greedy).findings, [
    /account 0x0*4 GREEN: 811 Wh were minted, 810 Wh are due by the settlements: Wh 811 of it has no origin/,
    /GREEN: supply is 901 Wh, due by the settlements less retired is 900 Wh/,
  ])
  const skimmed = history({
    minted: [
      { ...own, wh: 800n },
      { ...shared, wh: 100n },
    ],
  })
  t.match(checked(skimmed).findings, [/account 0x0*4 GREEN: 800 .* 810/, /account 0x0*5 GREEN: 100 .* 90/])
})

t.test("certificates", async (t) => {
  const id = certificateId(1, june, 1, Assurance.meter)
  t.equal(id, (1n << 40n) | (202_606n << 16n) | (1n << 8n) | BigInt(Assurance.meter))
  const meters = [{ ...meter, certificates: [{ wanted: true, at: at(5) }] }]
  const standing = { ...history().standing, totalSupplyWh: 0n, certificatesWh: new Map([[id, 900n]]) }
  const honest = history({ meters, standing, minted: history().minted.map((mint) => ({ ...mint, id })) })
  t.same(checked(honest).findings, [])

  t.test("one too many is named", async (t) => {
    const minted = honest.minted.map((mint, i) => (i === 0 ? { ...mint, wh: mint.wh + 1n } : mint))
    const certificatesWh = new Map([[id, 901n]])
    t.match(checked({ ...honest, minted, standing: { ...standing, certificatesWh } }).findings, [
      /certificates \d+: 811 Wh were minted, 810 Wh are due/,
      /certificates \d+: supply is 901 Wh, due by the settlements less retired is 900 Wh/,
    ])
  })

  t.test("of another month than the energy's are named", async (t) => {
    const july = certificateId(1, june + 40 * 86_400, 1, Assurance.meter)
    const minted = honest.minted.map((mint) => ({ ...mint, id: july }))
    const certificatesWh = new Map([[july, 900n]])
    const { findings } = checked({ ...honest, minted, standing: { ...standing, certificatesWh } })
    t.match(findings, [/810 Wh were minted, 0 Wh are due/])
    t.equal(findings.length, 6, "four mints that are there or are not, two supplies")
  })

  t.test("beside GREEN for the same energy are named", async (t) => {
    const { findings } = checked({ ...honest, minted: [...honest.minted, ...history().minted] })
    t.match(findings, [/GREEN: 810 Wh were minted, 0 Wh are due/, /GREEN: 90 Wh were minted, 0 Wh are due/])
  })
})

t.test("retirements", async (t) => {
  const retired = [{ number: 1n, holder: home, beneficiary: factory, wh: 100n, id: undefined, at: at(20, 1) }]
  const burned = [{ id: undefined, account: home, wh: 100n, at: at(20, 2) }]
  const standing = {
    ...history().standing,
    totalSupplyWh: 800n,
    retirements: 1,
    retiredForWh: new Map([[factory, 100n]]),
  }
  const honest = history({ retired, burned, standing })
  t.same(checked(honest).findings, [])
  t.match(checked({ ...honest, burned: [] }).findings, [/100 Wh were retired, 0 Wh were burned/])
  t.match(checked({ ...honest, retired: [] }).findings, [
    /supply is 800 Wh, due by the settlements less retired is 900 Wh/,
    /0 Wh were retired, 100 Wh were burned/,
    /counts 1, its events are 0/,
    /has 100 Wh retired, its retirements add up to 0 Wh/,
  ])
})

t.test("a settlement is named that", async (t) => {
  const first = history().proposals[0]!
  const cases: [string, Partial<History>, RegExp][] = [
    [
      "a successor of the oracle allowed with no proposal of its own",
      {
        oracles: [
          { oracle, at: at(1) },
          { oracle: successor, at: at(9) },
        ],
      },
      /settles a proposal that was never made to the oracle 0x0*2, in office then/,
    ],
    [
      "is of a cancelled proposal",
      { proposals: [{ ...first, cancelled: "the guardian stopped it" }] },
      /settles a proposal that was cancelled: the guardian stopped it/,
    ],
    [
      "went before a doubted statement was answered",
      {
        challenges: [
          {
            oracle,
            site: 1,
            number: 1n,
            leaf: word(40),
            meterId,
            deadline: june,
            closed: { how: "answered", at: at(11) },
            at: at(9),
          },
        ],
      },
      /was settled while 1 doubted statement\(s\) were not answered/,
    ],
    [
      "is of a meter that was suspended then",
      { meters: [{ ...meter, statuses: [{ status: MeterStatus.suspended, at: at(9) }] }] },
      /was suspended when it was settled/,
    ],
    [
      "goes beyond its meter's end",
      { meters: [{ ...meter, end: { countedWh: 1000n, time: june + 3600, at: at(9) } }] },
      /ended with Wh 1000 .* settled up to Wh 1001/,
    ],
    [
      "is of a meter that had moved away",
      { meters: [{ ...meter, moves: [{ site: 2, time: june, at: at(9) }] }] },
      /is registered for site 2/,
    ],
    [
      "is above what its meter can make, by the headroom of meters that a gateway signs for",
      {
        meters: [{ ...meter, assurance: Assurance.gateway, ratedW: 950 }],
        minted: [
          { id: undefined, account: home, wh: 450n, at: at(10, 1) },
          { id: undefined, account: commons, wh: 50n, at: at(10, 2) },
        ],
        standing: { ...history().standing, totalSupplyWh: 500n },
      },
      /mints 1001 Wh where 95\d Wh are possible/,
    ],
  ]
  for (const [name, over, says] of cases)
    t.test(name, async (t) => {
      const { accounted, findings } = checked(history(over))
      t.match(findings, [says])
      t.equal(accounted, 0n)
    })
})

t.test("an oracle's rules are those that were announced and in force", async (t) => {
  const found = async (over: Partial<History>) => {
    const result = check("policy")
    await checkPolicies(history(over), async (block) => Number(block) * 100, result)
    return said(result)
  }
  t.same(await found({}), [])
  t.match(await found({ rules: [{ oracle, version: 2, rules, at: at(1) }] }), [/were never announced/])
  t.match(
    await found({ rules: [{ oracle, version: 1, rules: { ...rules, commonsShare: 5000 }, at: at(1) }] }),
    [/say commonsShare 5000, announced was 1000/],
  )
  const second = { ...history().policies[0]!, version: 2, activeFrom: 500 }
  const policies = [...history().policies, second]
  t.match(await found({ policies, rules: [{ oracle, version: 2, rules, at: at(4) }] }), [
    /before they were in force/,
  ])
  t.match(await found({ policies, rules: [{ oracle, version: 1, rules, at: at(6) }] }), [
    /when version 2 was in force/,
  ])
  t.same(await found({ policies, rules: [{ oracle, version: 2, rules, at: at(5) }] }), [])
})

t.test(
  "the sharing key is the one that the policy of a proposal's rules names, if it names one",
  async (t) => {
    const [proposal] = history().proposals
    t.equal(sharingKeyOf(history(), proposal!), undefined)
    const policies = [{ ...history().policies[0]!, sharingKey: word(50) }]
    t.equal(sharingKeyOf(history({ policies }), proposal!), word(50))
  },
)

t.test(
  "a proposal could be doubted for as long as its rules promise, and was settled after that",
  async (t) => {
    const times = (proposedAt: number, settledAt: number) => async (over: Partial<History>) => {
      const result = check("proposals")
      await checkWindows(history(over), async (block) => (block === 8n ? proposedAt : settledAt), result)
      return said(result)
    }
    t.same(await times(june + 3640, june + 3700)({}), [])
    t.match(await times(june + 3641, june + 3700)({}), [/could be doubted for 59 s, its rules promise 60 s/])
    t.match(await times(june + 3640, june + 3699)({}), [/was settled at \d+, before it was valid at \d+/])
    t.match(await times(june + 3599, june + 3700)({}), [/was proposed before that/])
  },
)
