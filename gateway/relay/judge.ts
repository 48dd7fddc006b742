import { recoverAddress } from "viem"
import { checksumAddress } from "../../protocol/address.ts"
import { claimHash, readClaim } from "../../protocol/claim.ts"
import { PersonError } from "../../protocol/error.ts"
import { mostWh } from "../../protocol/green.ts"
import type { Hex } from "../../protocol/hex.ts"
import { type Intent, type IntentContracts, typedDataDigest, typedDataOf } from "../../protocol/intent.ts"

/** An intent must be valid for this long at least, so that there is time to carry it, and at most, seconds. */
const leastValid = 5 * 60
export const mostValid = 31 * 86_400

/** Why an intent is not carried, as pages say it in the household's language. */
export type IntentRefusal =
  | "other account"
  | "to yourself"
  | "to contract"
  | "to nobody"
  | "clock"
  | "signer"
  | "not enough"
  | "day own"
  | "day all"
  | "not from here"

/** An intent that is not carried. The message is for whoever writes programs. */
export class IntentRefused extends PersonError {
  readonly reason: IntentRefusal
  readonly values: Readonly<Record<string, string>>

  constructor(reason: IntentRefusal, message: string, values: Readonly<Record<string, string>> = {}) {
    super(message)
    this.reason = reason
    this.values = values
  }
}

export interface Submission {
  intent: Intent
  /** r ‖ s ‖ v. */
  signature: Hex
  /** The text of a retirement's claim. */
  claim: string | undefined
}

/** What the gateway knows when an intent is handed in. */
export interface Circumstances {
  household: Hex
  contracts: IntentContracts
  /** Unix seconds of the wall clock. */
  now: number
  /** GREEN of the household less what is on its way, Wh; undefined when the chain was never asked. */
  available: bigint | undefined
  /** What was handed in within 24 hours. */
  today: { own: number; all: number }
  limits: { perDay: number; allPerDay: number }
}

/**
 * Whether the gateway carries this.
 * @returns the digest that was signed.
 * @throws IntentRefused
 */
export async function judgeSubmission(
  { intent, signature, claim }: Submission,
  { household, contracts, now, available, today, limits }: Circumstances,
): Promise<Hex> {
  const refuse = (...why: ConstructorParameters<typeof IntentRefused>) => {
    throw new IntentRefused(...why)
  }
  if (intent.from !== household)
    refuse("other account", "This is signed for another account than your household's.", {
      account: checksumAddress(household),
    })
  if (intent.wh <= 0n || intent.wh > mostWh) refuse("not from here", "The amount cannot be.")
  if (intent.kind === "send") {
    if (intent.to === household) refuse("to yourself", "You would send this to yourself.")
    if (intent.to === contracts.token || intent.to === contracts.retirements)
      refuse("to contract", "This is the address of a contract: GREEN sent there is lost.")
  } else if (claim === undefined || readClaim(claim) === undefined || claimHash(claim) !== intent.statement)
    refuse("not from here", "The text of the claim is not the one that was signed.")
  if (/^0x0{40}$/.test(intent.to)) refuse("to nobody", "This is the address of nobody.")
  if (!/^0x[0-9a-f]{48}0{16}$/.test(intent.nonce))
    refuse("not from here", "The intent's nonce must be a random key with sequence 0.")
  if (intent.until < now + leastValid) refuse("clock", "This intent is void, or will be in a moment.")
  if (intent.until > now + mostValid) refuse("clock", "This intent is valid for more than 31 days.")
  const digest = typedDataDigest(typedDataOf(intent, contracts))
  const signer = await recoverAddress({ hash: digest, signature }).catch(() => undefined)
  if (signer?.toLowerCase() !== household)
    refuse("signer", "The signature is not by your household's account.")
  if (available !== undefined && intent.wh > available)
    refuse("not enough", "Your household has less GREEN than that.", {
      wh: `${available < 0n ? 0n : available}`,
    })
  if (today.own >= limits.perDay)
    refuse("day own", `Your household has handed in ${limits.perDay} intents within a day.`, {
      count: `${limits.perDay}`,
    })
  if (today.all >= limits.allPerDay)
    refuse("day all", "The households together have handed in as many intents as are paid for in a day.")
  return digest
}
