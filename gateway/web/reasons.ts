import type { BatchState } from "../journal/batches.ts"
import type { QuarantineReason } from "../verify/examine.ts"

/** A reason as people read it: what happened in a few words, and what it means for the operator in one sentence. */
export interface ReasonInWords {
  phrase: string
  meaning: string
}

/** All reasons; the compiler sees to it that none is missing. */
export const reasons: Readonly<Record<QuarantineReason, ReasonInWords>> = Object.freeze({
  oversized: {
    phrase: "Too long to be a reading",
    meaning:
      "Something on the network sends what is no reading; find the sender and switch it off or set it right.",
  },
  malformed: {
    phrase: "Not a reading",
    meaning:
      "A device sends another format, or data was damaged on its way; check what the sender is and how it is set.",
  },
  "unknown-meter": {
    phrase: "From a meter this site does not know",
    meaning: "A meter is not enrolled here yet, or belongs to another site; enrol it or point it elsewhere.",
  },
  "wrong-topic": {
    phrase: "On another meter's topic",
    meaning:
      "A meter's name and key were mixed up when it was set up; compare its label with the configuration.",
  },
  "bad-signature": {
    phrase: "Not signed by the meter's key",
    meaning:
      "Somebody pretends to be this meter, or its key was changed; if you did not change it, look at the wiring and the network.",
  },
  replayed: {
    phrase: "An old reading sent again",
    meaning:
      "Nothing was counted twice; if it goes on, a sender is repeating itself or somebody is replaying recordings.",
  },
  equivocation: {
    phrase: "Two different readings under one number",
    meaning:
      "The meter contradicts itself over its own signature: this is proof of a fault or of fraud, and is kept for ever.",
  },
  "out-of-order": {
    phrase: "Came after a later one",
    meaning:
      "It counts for nothing and is missed by nobody, for the later reading holds its energy; look at the link if there are many.",
  },
  "key-not-in-force": {
    phrase: "Signed with a key that was not in force",
    meaning:
      "The meter has another key by the registry; if you did not change it lately, somebody uses the old one: look at the meter and the network.",
  },
  "clock-unsynchronised": {
    phrase: "The meter's clock is not set",
    meaning:
      "Its energy waits in the register and counts once the clock is synchronised; check the meter's time source.",
  },
  "clock-implausible": {
    phrase: "Time before the meter was installed",
    meaning:
      "The meter has lost its time, often after a power cut; set its clock and the energy counts from there.",
  },
  "clock-ahead": {
    phrase: "Time in the future",
    meaning: "The clock of the meter or of this gateway is wrong; compare both with a good one.",
  },
  "clock-backwards": {
    phrase: "Time not later than before",
    meaning: "The meter's clock was set back; readings count again when it has passed its last good time.",
  },
  "record-in-doubt": {
    phrase: "The meter itself reports a fault",
    meaning:
      "Its signed record says that it should not be relied on; its energy counts once the meter is sound again, so look at it.",
  },
  "register-missing": {
    phrase: "A register is missing",
    meaning:
      "The meter left out a register that it used to send; check whether its settings or firmware changed.",
  },
  "register-unexpected": {
    phrase: "A register that was not there before",
    meaning: "The meter sends more than it used to; check whether it was replaced or set up anew.",
  },
  "register-fell": {
    phrase: "A register went down",
    meaning:
      "A dip heals by itself; a counter that was reset or replaced counts again after an hour, and is minted once you have run `commonwatt provision meter restart`.",
  },
  "over-rated": {
    phrase: "More than the meter can measure",
    meaning:
      "The register jumped further than rated power allows; check the meter and the rated power in the configuration.",
  },
  "register-jumped": {
    phrase: "Still above an impossible jump",
    meaning:
      "The jump never counts; if its counter was replaced, run `commonwatt provision meter restart`, else the meter has to be looked at.",
  },
  "register-late": {
    phrase: "Moved far after standing still",
    meaning: "The next reading has to stand by this value, and then it counts; nothing has to be done.",
  },
})

/** Words for a reason as the journal holds it; a reason of a later version speaks for itself. */
export function reasonInWords(reason: string): ReasonInWords {
  return Object.hasOwn(reasons, reason)
    ? reasons[reason as QuarantineReason]
    : { phrase: reason, meaning: "This program does not know the reason; it was stored by another version." }
}

export const batchStates: Readonly<Record<BatchState, string>> = Object.freeze({
  built: "built, waiting for signatures",
  attested: "signed by validators",
  submitted: "sent to the chain",
  mined: "on chain, in its window",
  accepted: "on chain to stay",
  settled: "settled",
  superseded: "superseded: a later batch carries its energy",
})
