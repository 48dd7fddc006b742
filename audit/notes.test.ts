import t from "tap"
import {
  type Abi,
  type ContractEventName,
  encodeAbiParameters,
  encodeEventTopics,
  type Log,
  parseEventLogs,
} from "viem"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import type { Hex } from "../protocol/hex.ts"
import { Assurance, Scheme } from "../protocol/meter.ts"
import { MeterStatus, meterAt, type Position } from "./meter-life.ts"
import { noteIssuance, noteOracle, noteRegistry } from "./notes.ts"
import { dropWhatWasSucceeded, type History, proposalOf } from "./record.ts"

const address = (n: number) => `0x${n.toString(16).padStart(40, "0")}` as Hex
const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex
const [firstHome, nextHome, firstOracle, nextOracle] = [1, 2, 3, 4].map(address) as [Hex, Hex, Hex, Hex]
const meterId = word(7)

/** An event as a node gives it, the first of its block. */
function said<const A extends Abi>(
  abi: A,
  eventName: ContractEventName<A>,
  args: Record<string, unknown>,
  block: number,
  by: Hex = address(9),
): Log {
  const event = (abi as Abi).find((item) => item.type === "event" && item.name === eventName)
  if (event?.type !== "event") throw new Error(`there is no event ${eventName}`)
  const inData = event.inputs.filter(({ indexed }) => !indexed)
  return {
    address: by,
    topics: encodeEventTopics({ abi: [event], args }) as [Hex, ...Hex[]],
    data: encodeAbiParameters(
      inData,
      inData.map(({ name }) => args[name!]),
    ),
    blockNumber: BigInt(block),
    logIndex: 0,
    transactionHash: word(block),
    transactionIndex: 0,
    blockHash: word(block),
    removed: false,
  }
}

const empty = () =>
  ({
    meters: [],
    proposals: [],
    settled: [],
    challenges: [],
    oracles: [],
    commons: [],
  }) as unknown as History
const at = (block: number): Position => ({ block: BigInt(block), log: 1, transaction: word(block) })

t.test(
  "a meter's whole life is read from the registry's events, and it is known as it was at any time",
  async (t) => {
    const registration = {
      meterId,
      site: 1,
      household: firstHome,
      scheme: Scheme.ed25519,
      publicKey: word(8),
      assurance: Assurance.meter,
      source: 1,
      ratedW: 5000,
      startWh: 0n,
      startTime: 1000n,
    }
    const changes: [ContractEventName<typeof meterRegistryAbi>, Record<string, unknown>][] = [
      ["MeterRegistered", registration],
      ["RatedPowerChanged", { meterId, fromW: 5000, toW: 7000, time: 2000n }],
      ["Restarted", { meterId, finalWh: 4000n, firstWh: 10n, time: 3000n, offsetWh: 3990n }],
      ["MeterMoved", { meterId, fromSite: 1, toSite: 2, time: 4000n }],
      ["HouseholdChanged", { meterId, from: firstHome, to: nextHome, time: 5000n }],
      ["KeyChanged", { meterId, scheme: Scheme.es256, publicKey: `0x${"ab".repeat(64)}`, from: 6000n }],
      ["CertificatesWanted", { meterId, wanted: true }],
      ["MeterStatusChanged", { meterId, from: MeterStatus.active, to: MeterStatus.ended }],
      ["MeterEnded", { meterId, finalWh: 20n, countedWh: 4010n, time: 7000n }],
      ["MeterReplaced", { meterId, by: word(77) }],
    ]
    const history = empty()
    const logs = changes.map(([name, args], block) => said(meterRegistryAbi, name, args, block))
    for (const log of parseEventLogs({ abi: meterRegistryAbi, logs })) noteRegistry(history, log)
    const [life] = history.meters
    t.match(meterAt(life!, at(0)), {
      site: 1,
      household: firstHome,
      ratedW: 5000,
      restarts: [],
      laterKeys: [],
    })
    t.match(meterAt(life!, at(3)), { site: 2, household: firstHome, ratedW: 7000 })
    t.match(meterAt(life!), {
      site: 2,
      household: nextHome,
      restarts: [{ time: 3000, finalWh: 4000n, firstWh: 10n }],
      laterKeys: [{ scheme: Scheme.es256, from: 6000 }],
    })
    t.match(life, {
      certificates: [{ wanted: true }],
      statuses: [{ status: MeterStatus.ended }],
      end: { countedWh: 4010n, time: 7000 },
      replacedBy: word(77),
    })
  },
)

t.test(
  "a settlement belongs to the oracle that was in office; what was left behind can mint nothing",
  async (t) => {
    const history = empty()
    const proposed = (number: bigint, block: number, oracle: Hex) =>
      said(
        impactOracleAbi,
        "Proposed",
        {
          site: 1,
          number,
          root: word(1),
          evidence: word(2),
          time: number,
          leafCount: 1,
          validatorSet: 1,
          signers: 1n,
          validAt: 0n,
        },
        block,
        oracle,
      )
    const settled = (number: bigint, block: number) =>
      said(issuanceAbi, "Settled", { meterId, from: 1n << 128n, to: number << 128n }, block)
    const inOffice = (oracle: Hex, block: number) => said(issuanceAbi, "OracleChanged", { oracle }, block)
    const fromOracles = [
      proposed(1n, 2, firstOracle),
      proposed(2n, 4, firstOracle),
      proposed(2n, 6, nextOracle),
      proposed(3n, 8, nextOracle),
    ]
    const fromIssuance = [inOffice(firstOracle, 1), settled(1n, 3), inOffice(nextOracle, 5), settled(2n, 7)]
    for (const log of parseEventLogs({ abi: impactOracleAbi, logs: fromOracles })) noteOracle(history, log)
    for (const log of parseEventLogs({ abi: issuanceAbi, logs: fromIssuance })) noteIssuance(history, log)
    dropWhatWasSucceeded(history)
    t.same(
      history.proposals.map(({ cancelled }) => cancelled),
      [undefined, "its oracle was succeeded before it was settled", undefined, undefined],
    )
    t.same(
      history.settled.map((s) => proposalOf(history, s)?.oracle),
      [firstOracle, nextOracle],
    )
  },
)

t.test("a challenge is open until it is answered, and may be made again", async (t) => {
  const history = empty()
  const about = { site: 1, number: 1n, leaf: word(5) }
  const statement = { meterId, generatedWh: 1n, time: 1n, reading: word(6) }
  const challenged = { ...about, statement, challenger: firstHome, deadline: 99n }
  const logs = [
    said(impactOracleAbi, "Challenged", challenged, 1),
    said(impactOracleAbi, "Answered", { ...about, answerer: nextHome }, 2),
    said(impactOracleAbi, "Challenged", challenged, 3),
  ]
  for (const log of parseEventLogs({ abi: impactOracleAbi, logs })) noteOracle(history, log)
  t.match(history.challenges, [
    { meterId, deadline: 99, closed: { how: "answered" } },
    { meterId, closed: undefined },
  ])
})
