import type { ExplainedPayment, Explanation, Question, ShownReading } from "./explain.ts"
import type { BookedPart, ExplainedCredit } from "./explain-credits.ts"
import { green, kWh, moment, percent } from "./words.ts"

/** An explanation as a person reads it: sums first, then each step down to the signed reading. */
export function explanationAsText(explanation: Explanation): string {
  const { question, payments, intervals, shares, credits, notShown } = explanation
  const lines = [titleOf(question), "", ...totals(explanation)]
  for (const payment of payments) lines.push("", ...explainedPayment(payment))
  if (intervals.length > 0) {
    lines.push("", "By interval, with the reading that closes each:")
    for (const { start, generatedWh, closing } of intervals)
      if (generatedWh !== 0n)
        lines.push(
          `  ${moment(start)}  ${generatedWh === undefined ? "not known: a gap" : kWh(generatedWh)}${closing ? `  ${readingInShort(closing)}` : ""}`,
        )
    const still = intervals.filter(({ generatedWh }) => generatedWh === 0n).length
    if (still > 0) lines.push(`  and ${still} interval(s) in which nothing was generated`)
  }
  if (shares.length > 0) lines.push("", ...sharesOf(explanation))
  if (credits.length > 0)
    lines.push("", "Its account for shared energy:", ...credits.flatMap(explainedCredit))
  if (notShown.length > 0) lines.push("", ...notShown.map((what) => `Not shown: ${what}.`))
  return `${lines.join("\n")}\n`
}

function titleOf(question: Question): string {
  if (question.about === "mint") return `What transaction ${question.transaction} minted, and why`
  if (question.about === "batch")
    return `What batch ${question.number}${question.site === undefined ? "" : ` of site ${question.site}`} minted, and why`
  return `What household ${question.household} got for ${moment(question.from)} to ${moment(question.to)}, and why`
}

function totals({ question, payments, intervals, auditOk, firstFinding }: Explanation): string[] {
  const household = question.about === "household" ? question.household : undefined
  const mints = payments.flatMap(({ payment }) => payment.mints)
  const own = mints.filter(({ account }) => household === undefined || account === household)
  const lines = [
    `Minted: ${kWh(own.reduce((sum, { wh }) => sum + wh, 0n))}${household === undefined ? "" : " to it"} by ${payments.length} settlement(s).`,
  ]
  const others = mints.filter((mint) => !own.includes(mint))
  if (others.length > 0)
    lines.push(`Besides, ${kWh(others.reduce((sum, { wh }) => sum + wh, 0n))} to the commons.`)
  if (household !== undefined) {
    const known = intervals.filter(({ generatedWh }) => generatedWh !== undefined)
    const gaps = intervals.length - known.length
    lines.push(
      `Generated in these hours: ${kWh(known.reduce((sum, { generatedWh }) => sum + generatedWh!, 0n))}${gaps > 0 ? `, and ${gaps} interval(s) are gaps` : ""}.`,
    )
    if (question.about === "household")
      for (const { payment } of payments)
        if (payment.fromTime < question.from || payment.toTime > question.to)
          lines.push(
            `The settlement by batch ${payment.number} also pays for time outside: ${moment(payment.fromTime)} to ${moment(payment.toTime)}.`,
          )
  }
  lines.push(
    auditOk
      ? "The whole audit holds: every minted Wh is accounted for."
      : `The audit does not hold as a whole${firstFinding ? `. First: ${firstFinding}` : ": part of it could not be checked"}.`,
  )
  return lines
}

function explainedPayment(explained: ExplainedPayment): string[] {
  const { payment: p, statement, leaf, reading, key, restarts, batch, proposed } = explained
  if (p.toWh === p.fromWh && p.findings.length === 0)
    return [
      `Site ${p.site} batch ${p.number}, meter ${p.meterId}`,
      `  paid      nothing: the register stood at ${p.toWh} Wh from ${moment(p.fromTime)} to ${moment(p.toTime)}`,
    ]
  const lines = [
    `Site ${p.site} batch ${p.number}, meter ${p.meterId}`,
    `  paid      ${p.toWh} Wh less ${p.fromWh} Wh, which was paid before: ${kWh(p.toWh - p.fromWh)}`,
    `            measured ${moment(p.fromTime)} to ${moment(p.toTime)}`,
    ...p.mints.map(
      ({ account, wh, certificates }) =>
        `  minted    ${kWh(wh)} ${certificates === undefined ? "GREEN" : `as certificates ${certificates}`} to ${account}`,
    ),
  ]
  if (p.factor !== 10_000 || p.commonsShare > 0)
    lines.push(
      `            ${percent(p.factor)} of the register is minted${p.commonsShare > 0 ? `, ${percent(p.commonsShare)} of that for the commons` : ""}; each rounded down`,
    )
  lines.push(`  by        transaction ${p.transaction} in block ${p.block}`)
  if (statement && leaf)
    lines.push(
      `  states    the register stood at ${statement.generatedWh} Wh at ${moment(statement.time)}: leaf ${leaf.index}, ${leaf.hash}`,
    )
  if (batch)
    lines.push(
      `  in        root ${batch.root}, which ${batch.verdict === "holds" ? "follows from the readings" : `${batch.verdict}${batch.reasons[0] ? ` (${batch.reasons[0]})` : ""}`}`,
      `            evidence ${batch.evidence}`,
      `  proposed  transaction ${batch.transaction} in block ${batch.block}${proposed ? `, signed by ${proposed.signers.join(", ")}` : ""}`,
    )
  if (reading)
    lines.push(
      `  reading   sequence ${reading.sequence}, ${moment(reading.time)}, showing ${reading.generatedWh} Wh`,
      `            digest ${reading.digest}`,
      `            bytes ${reading.bytes}`,
    )
  else if (statement) lines.push(`  reading   digest ${statement.reading}`)
  if (key)
    lines.push(`  key       ${key.publicKey}, which the registry gave the meter from ${moment(key.from)} on`)
  for (const { finalWh, firstWh, time } of restarts)
    lines.push(
      `  restart   ${moment(time)}: ended at ${finalWh} Wh, went on from ${firstWh} Wh; the difference is added`,
    )
  for (const what of p.findings) lines.push(`  FALSE     ${what}`)
  return lines
}

function sharesOf({ shares }: Explanation): string[] {
  const sum = (pick: (energy: NonNullable<(typeof shares)[number]["energy"]>) => bigint) =>
    shares.reduce((total, { energy }) => total + (energy ? pick(energy) : 0n), 0n)
  const gaps = shares.filter(({ energy }) => !energy).length
  return [
    "At its connection, from its own sealed records:",
    `  imported ${kWh(sum((e) => e.importedWh))}, of it ${kWh(sum((e) => e.receivedWh))} from neighbours`,
    `  exported ${kWh(sum((e) => e.exportedWh))}, of it ${kWh(sum((e) => e.givenWh))} to neighbours`,
    ...(gaps > 0 ? [`  ${gaps} interval(s) are gaps and in none of these sums`] : []),
    ...shares.flatMap(({ start, energy, sharingKey, unitsPerKWh }) => {
      if (!energy || (energy.givenWh === 0n && energy.receivedWh === 0n)) return []
      const what = [
        ...(energy.givenWh > 0n ? [`gave ${kWh(energy.givenWh)}`] : []),
        ...(energy.receivedWh > 0n ? [`received ${kWh(energy.receivedWh)}`] : []),
      ]
      const price = unitsPerKWh === undefined ? "" : `, at ${green(BigInt(unitsPerKWh))} for a kWh`
      return [`  ${moment(start)}  ${what.join(", ")} by the key "${sharingKey}"${price}`]
    }),
  ]
}

function explainedCredit(explained: ExplainedCredit): string[] {
  const { site, number, from, time, before, after, leaf, batch, booked, settled } = explained
  const change = after - before
  return [
    `  stated    by site ${site} batch ${number}, for ${moment(from)} to ${moment(time)}: ${green(after)}`,
    `            that is ${change < 0n ? "" : "+"}${green(change)} to the ${green(before)} before`,
    ...(booked === undefined
      ? [`            how it comes about is sealed: give the household's or an auditor's --key`]
      : booked.flatMap(bookedLines)),
    `            leaf ${leaf.index}, ${leaf.hash}`,
    ...(batch ? [`  in        root ${batch.root}, transaction ${batch.transaction}`] : []),
    ...settled.map(
      ({ pool, transaction }) => `  settled   in the pool ${pool} by transaction ${transaction}`,
    ),
  ]
}

function bookedLines({ fundParts, received, given, paid, all }: BookedPart): string[] {
  const worth = (thousandths: bigint) => `${green(thousandths / 1000n)}`
  return [
    `            what it received is worth ${worth(received)}, each interval at its price: it paid ${green(paid)}`,
    ...(all
      ? [
          `            all paid ${green(all.pot)}; the fund has ${green(all.forFund)} of it (${fundParts / 10_000} %, or what nobody gave for)`,
          `            what it gave is worth ${worth(given)} of ${worth(all.given)} that all gave: it got ${green(all.earned)}`,
        ]
      : [
          `            what it gave is worth ${worth(given)}; what it got of all payments needs an auditor's --key`,
        ]),
  ]
}

function readingInShort({ sequence, generatedWh, digest }: ShownReading): string {
  return `sequence ${sequence} at ${generatedWh} Wh, ${digest}`
}
