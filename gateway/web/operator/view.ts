import type { Hex } from "../../../protocol/hex.ts"
import type { Config } from "../../config.ts"
import type { StoredReading } from "../../journal/readings.ts"
import { coins } from "../../settlement/fees.ts"
import type { Facts, MeterFacts } from "../../supervise/facts.ts"
import { type Finding, howLong } from "../../supervise/finding.ts"
import type { Doubts } from "../doubts.ts"
import type { ledger } from "../ledger.ts"
import { batchStates } from "../reasons.ts"
import { type Html, html, time } from "../views/html.ts"
import { quarantineView } from "../views/quarantine.ts"
import { counted, dayAndTime, grouped, kWh, notKnown, readableTimes } from "../words.ts"

export interface OperatorFacts {
  facts: Facts
  findings: readonly Finding[]
  config: Config
  lastCounted: ReadonlyMap<Hex, StoredReading | undefined>
  doubts: Doubts
  batches: ReturnType<typeof ledger>
  versions: { commonwatt: string; node: string }
}

/** Everything an operator looks at, most pressing first. In English, as the documents for operators are. */
export function operatorView(shown: OperatorFacts): Html {
  return html`${findingsView(shown)}${metersView(shown)}${busesView(shown)}${settlementView(shown)}
<section lang="en" dir="ltr" aria-labelledby="quarantine-title">${quarantineView(shown.doubts)}</section>
${machineView(shown)}`
}

function findingsView({ findings, facts }: OperatorFacts): Html {
  const alarms = findings.filter(({ severity }) => severity === "alarm").length
  const lead =
    findings.length === 0
      ? "Everything is as it should be."
      : `${counted(alarms, "alarm")}, ${counted(findings.length - alarms, "warning")}.`
  return html`<section lang="en" dir="ltr" aria-labelledby="findings-title"><h1 id="findings-title">What is wrong</h1>
<p class="lead">${lead}</p>
${findings.map(
  ({
    severity,
    what,
    means,
    next,
    since,
  }) => html`<div class="warning"><h3>${severity === "alarm" ? "Alarm" : "Warning"}: ${readableTimes(what)}</h3>
<p>${means}</p>
<p><b>Next:</b> ${next}</p>
${since === undefined || facts.now - since < 60 ? "" : html`<p class="note">Since ${at(since)} (${howLong(facts.now - since)}).</p>`}</div>`,
)}
<p class="note">Looked at ${at(facts.now)}. All times here are UTC.</p></section>`
}

function metersView({ facts, config, lastCounted }: OperatorFacts): Html {
  const households = new Map(config.households.map(({ address, name }) => [address, name]))
  return section(
    "meters",
    "Meters",
    table(
      ["Meter", "Household", "Comes by", "Signed by", "Last reading that counts", "Registers, kWh", "State"],
      config.meters.map((meter, i) => {
        const known = facts.meters[i]!
        const reading = lastCounted.get(meter.key.meterId)
        return [
          meter.name,
          households.get(meter.household) ?? "",
          meter.modbus ? `${meter.modbus.bus}, unit ${meter.modbus.unit}` : "MQTT",
          known.signedBy === "meter" ? "the meter" : "the gateway",
          reading ? html`${at(reading.time)}<small>no. ${reading.sequence}</small>` : unknown("none yet"),
          reading ? registers(reading) : unknown(notKnown),
          stateOf(known, facts.now),
        ]
      }),
    ),
  )
}

function registers({ registers: { generatedWh, importedWh, exportedWh } }: StoredReading): Html {
  const part = (label: string, wh: bigint | undefined) =>
    wh === undefined ? "" : html`<span>${label} <data value="${wh}">${kWh(wh)}</data></span><br>`
  return html`${part("generated", generatedWh)}${part("imported", importedWh)}${part("exported", exportedWh)}`
}

function stateOf(meter: MeterFacts, now: number): Html | string {
  const { lastCounted, patienceSeconds, unreachable, doubt, stillSince } = meter
  const bad = (words: string) => html`<span class="remark">${words}</span>`
  if (doubt) return bad(`in doubt: ${doubt.reason}`)
  if (unreachable !== undefined) return bad(`no answer: ${unreachable}`)
  if (now - (lastCounted ?? 0) > patienceSeconds) return bad("silent")
  if (stillSince !== undefined) return bad(`stands still for ${howLong(now - stillSince)}`)
  return "good"
}

function busesView({ facts, config }: OperatorFacts): Html {
  if (config.buses.length === 0) return html``
  return section(
    "buses",
    "Buses",
    table(
      ["Bus", "Line", "Meters", "Answer"],
      config.buses.map((bus) => {
        const on = facts.meters.filter((meter) => meter.bus === bus.name)
        const mute = on.filter(({ unreachable }) => unreachable !== undefined)
        return [
          bus.name,
          "serial" in bus
            ? `${bus.serial.path}, ${bus.serial.baudRate} baud`
            : `${bus.tcp.host}:${bus.tcp.port}`,
          grouped(on.length),
          mute.length === 0
            ? "all"
            : html`<span class="remark">${on.length - mute.length} of ${on.length}</span>`,
        ]
      }),
    ),
  )
}

function settlementView({
  facts: { settlement, evidence, backup, deliveries = [], machine },
  batches,
}: OperatorFacts): Html {
  const { doing, problem, settledUpTo, state, batch, since, account, nodes = [] } = settlement
  return section(
    "settlement",
    "Settlement",
    html`${problem === undefined ? "" : html`<p class="warning">${readableTimes(problem)}</p>`}
${list([
  ["It is", readableTimes(doing)],
  ["Settled up to", settledUpTo > 0 ? at(settledUpTo) : unknown("nothing yet")],
  ...(state === undefined
    ? []
    : ([
        [
          "State",
          `${batch === undefined ? "" : `batch ${batch}: `}${state}${since === undefined ? "" : `, since ${dayAndTime(since)}`}`,
        ],
      ] as Row[])),
  ...(account
    ? ([
        [
          "Gas money",
          account.enoughFor === undefined
            ? `${coins(account.wei)}, of the chain's coin`
            : `about ${grouped(account.enoughFor)} batches`,
        ],
      ] as Row[])
    : []),
  ...nodes.map(({ name, state }): Row => [`Node ${name}`, state]),
  ...(evidence
    ? ([
        [
          "Evidence",
          `${grouped(evidence.kept)} batches kept; ${grouped(evidence.underReplicated)} in fewer than ${evidence.factor} places`,
        ],
      ] as Row[])
    : []),
  ...(backup
    ? ([
        [
          "Newest back-up",
          backup.newest > 0 ? `${howLong(machine.wallNow - backup.newest)} ago` : unknown("none"),
        ],
      ] as Row[])
    : []),
  ...deliveries.map(
    ({ url, newest }): Row => [
      `Newest back-up at ${url}`,
      newest ? `${howLong(machine.wallNow - newest)} old` : unknown("not known"),
    ],
  ),
])}
${
  batches.length === 0
    ? html`<p>No batch has been built yet.</p>`
    : table(
        ["Batch", "Up to", "State", "Signatures"],
        batches.map(({ batch, attestations }) => [
          `Batch ${batch.number}`,
          at(batch.time),
          html`${batchStates[batch.state]}${batch.note === undefined ? "" : html`<small class="remark">${batch.note}</small>`}`,
          html`${attestations.filter(({ signature }) => signature !== undefined).length} of ${attestations.length}${attestations.map(
            ({ validator, refusal }) =>
              refusal === undefined
                ? ""
                : html`<small class="refusal">${validator} refused: ${refusal}</small>`,
          )}`,
        ]),
      )
}`,
  )
}

function machineView({ facts: { machine }, versions }: OperatorFacts): Html {
  const { disk, wornPercent, writtenBytesPerDay, clockGood, certificates, starts } = machine
  const lastStart = starts.at(-1)
  return section(
    "machine",
    "The box",
    list([
      ["Clock", clockGood ? "good" : html`<span class="remark">nobody vouches for it</span>`],
      [
        "Disk",
        disk ? `${megabytes(disk.freeBytes)} of ${megabytes(disk.totalBytes)} free` : unknown(notKnown),
      ],
      [
        "Life used of its flash",
        wornPercent === undefined ? unknown("it does not say") : `up to ${wornPercent} %`,
      ],
      [
        "Written",
        writtenBytesPerDay === undefined
          ? unknown("known after six hours")
          : `${megabytes(writtenBytesPerDay)} a day`,
      ],
      ...certificates.map(
        ({ file, notAfter, problem }): Row => [
          `Certificate ${file}`,
          notAfter === undefined
            ? html`<span class="remark">${problem ?? "none"}</span>`
            : html`valid to ${at(notAfter)}`,
        ],
      ),
      ["Started", lastStart === undefined ? unknown(notKnown) : at(lastStart)],
      ["Versions", `Commonwatt ${versions.commonwatt}, Node ${versions.node}`],
    ]),
  )
}

type Row = [label: string, value: Html | string]

function section(id: string, title: string, body: Html): Html {
  return html`<section lang="en" dir="ltr" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}</section>`
}

function list(rows: readonly Row[]): Html {
  return html`<dl class="facts">${rows.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** The first column names the row; on a phone each row is a card. */
function table(labels: readonly string[], rows: readonly (readonly (Html | string)[])[]): Html {
  return html`<div class="scroll"><table class="cards" role="table">
<thead role="rowgroup"><tr role="row">${labels.map((label) => html`<th scope="col" role="columnheader">${label}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(
    ([name, ...cells]) => html`<tr role="row"><th scope="row" role="rowheader">${name}</th>${cells.map(
      (cell, i) => html`<td role="cell" data-label="${labels[i + 1]}">${cell}</td>`,
    )}</tr>
`,
  )}</tbody></table></div>`
}

const at = (unix: number): Html => time(unix, dayAndTime(unix))
const unknown = (words: string): Html => html`<span class="unknown">${words}</span>`
const megabytes = (bytes: number): string => `${grouped(Math.round(bytes / 1_000_000))} MB`
