import type { CertificateFacts, Facts, MachineFacts } from "./facts.ts"
import { type Finding, howLong, within } from "./finding.ts"

const day = 86_400
const megabyte = 1_000_000
const certificateWarningDays = 30
/** Below these it is an alarm; below the second of each, a warning. */
const diskAlarm = { share: 0.03, bytes: 100 * megabyte }
const diskWarning = { share: 0.1, bytes: 500 * megabyte }
const wornAlarmPercent = 90
const wornWarningPercent = 80
/** 40 MB a day are the budget for four meters; what is above it five times wears out a card before its time. */
const writtenPerMeter = 10 * megabyte
const leastBudget = 40 * megabyte
const overBudget = 5
const oftenStarted = 5

/** The box: clock, disk, certificates, restarts. */
export function machineFindings(facts: Pick<Facts, "machine" | "meters" | "storage">): Finding[] {
  const { machine, meters, storage } = facts
  const { wallNow } = machine
  return [
    ...clock(
      machine,
      meters.some(({ signedBy }) => signedBy === "gateway"),
    ),
    ...(storage?.problem === undefined ? [] : [cannotStore(storage.problem)]),
    ...disk(machine.disk),
    ...worn(machine.wornPercent),
    ...writing(machine.writtenBytesPerDay, meters.length),
    ...machine.certificates.flatMap((certificate) => expiring(certificate, wallNow)),
    ...restarts(machine.starts, wallNow),
  ]
}

function clock({ clockGood }: MachineFacts, signs: boolean): Finding[] {
  if (clockGood) return []
  return [
    {
      code: "clock-unsynchronised",
      severity: signs ? "alarm" : "warning",
      about: undefined,
      what: "Nobody vouches for this machine's clock.",
      means: signs
        ? "Readings of meters that the gateway signs for are marked and do not count until the clock is set; their registers count on."
        : "A wrong clock makes good readings look as if they came from the future.",
      next: "See that the box reaches a time server (timedatectl), or set timeSync: trusted if chrony or GPS keeps its time.",
      since: undefined,
    },
  ]
}

function cannotStore(problem: string): Finding {
  return {
    code: "storage",
    severity: "alarm",
    about: undefined,
    what: `Readings cannot be stored: ${within(problem)}.`,
    means: "No reading is acknowledged; meters that keep what they could not deliver send it again.",
    next: "Make room on the disk, or replace it and restore the last back-up (docs/operators.md).",
    since: undefined,
  }
}

function disk(found: MachineFacts["disk"]): Finding[] {
  if (!found || found.totalBytes === 0) return []
  const { freeBytes, totalBytes } = found
  const below = ({ share, bytes }: typeof diskAlarm) => freeBytes < bytes || freeBytes < share * totalBytes
  if (!below(diskWarning)) return []
  return [
    {
      code: "disk-full",
      severity: below(diskAlarm) ? "alarm" : "warning",
      about: undefined,
      what: `The disk has ${Math.floor(freeBytes / megabyte)} MB left (${Math.floor((100 * freeBytes) / totalBytes)} %).`,
      means: "When it is full no reading can be stored, and none is acknowledged.",
      next: "Look for what grew: du -xh / | sort -h | tail. Old logs and packages go first, the journal never.",
      since: undefined,
    },
  ]
}

function worn(percent: number | undefined): Finding[] {
  if (percent === undefined || percent < wornWarningPercent) return []
  return [
    {
      code: "disk-worn",
      severity: percent >= wornAlarmPercent ? "alarm" : "warning",
      about: undefined,
      what: `The flash memory says that up to ${percent} % of its life is used.`,
      means:
        "It may fail without another sign; what was settled is safe, what only the journal holds is not.",
      next: "Make a back-up today and plan its replacement.",
      since: undefined,
    },
  ]
}

function writing(bytesPerDay: number | undefined, meters: number): Finding[] {
  const budget = Math.max(leastBudget, meters * writtenPerMeter)
  if (bytesPerDay === undefined || bytesPerDay <= overBudget * budget) return []
  return [
    {
      code: "disk-writes",
      severity: "warning",
      about: undefined,
      what: `The gateway writes ${Math.round(bytesPerDay / megabyte)} MB a day; ${Math.round(budget / megabyte)} MB would be usual for ${meters} meters.`,
      means: "A memory card wears out before its time.",
      next: "Set holdSeconds to 60 or more, poll less often, and look under Quarantine for a device that floods.",
      since: undefined,
    },
  ]
}

function expiring({ file, notAfter, problem }: CertificateFacts, now: number): Finding[] {
  if (notAfter === undefined)
    return [
      {
        code: "certificate",
        severity: "alarm",
        about: file,
        what: `The certificate ${file} cannot be read: ${within(problem ?? "it holds none")}.`,
        means: "After the next start no meter that comes with TLS is let in.",
        next: "Put the certificate back, readable by the gateway's user.",
        since: undefined,
      },
    ]
  const left = notAfter - now
  if (left > certificateWarningDays * day) return []
  const gone = left <= 0
  return [
    {
      code: "certificate",
      severity: gone ? "alarm" : "warning",
      about: file,
      what: gone
        ? `The certificate ${file} expired ${howLong(-left)} ago.`
        : `The certificate ${file} expires in ${howLong(left)}.`,
      means:
        "Meters that check it cannot connect once it has expired; they keep what they measured as far as they can.",
      next: "Issue a new one and restart the gateway (docs/operators.md).",
      since: gone ? notAfter : undefined,
    },
  ]
}

function restarts(starts: readonly number[], now: number): Finding[] {
  const lately = starts.filter((at) => at > now - day && at <= now)
  if (lately.length < oftenStarted) return []
  return [
    {
      code: "restarts",
      severity: "warning",
      about: undefined,
      what: `The gateway was started ${lately.length} times within a day.`,
      means: "Nothing that was acknowledged is lost, and between starts no meter is heard.",
      next: "Its log says why it ended: journalctl -u commonwatt-gateway -p warning. A weak power supply is the usual reason.",
      since: Math.min(...lately),
    },
  ]
}
