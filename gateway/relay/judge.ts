import { recoverAddress } from "viem"
import { checksumAddress } from "../../protocol/address.ts"
import { claimHash, readClaim } from "../../protocol/claim.ts"
import { PersonError } from "../../protocol/error.ts"
import { greenText, mostWh } from "../../protocol/green.ts"
import type { Hex } from "../../protocol/hex.ts"
import { type Intent, type IntentContracts, typedDataDigest, typedDataOf } from "../../protocol/intent.ts"

/** An intent must be valid for this long at least, so that there is time to carry it, and at most, seconds. */
const leastValid = 5 * 60
export const mostValid = 31 * 86_400

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
 * @throws PersonError, for the household.
 */
export async function judgeSubmission(
  { intent, signature, claim }: Submission,
  { household, contracts, now, available, today, limits }: Circumstances,
): Promise<Hex> {
  if (intent.from !== household)
    throw new PersonError("This is signed for another account than your household's.", {
      context: [checksumAddress(intent.from)],
      next: `Your household's account is ${checksumAddress(household)}.`,
    })
  if (intent.wh <= 0n || intent.wh > mostWh) throw new PersonError("The amount cannot be.")
  if (intent.kind === "send") {
    if (intent.to === household) throw new PersonError("You would send this to yourself.")
    if (intent.to === contracts.token || intent.to === contracts.retirements)
      throw new PersonError("This is the address of a contract: GREEN sent there is lost.")
  } else if (claim === undefined || readClaim(claim) === undefined || claimHash(claim) !== intent.statement)
    throw new PersonError("The text of the claim is not the one that was signed.")
  if (/^0x0{40}$/.test(intent.to)) throw new PersonError("This is the address of nobody.")
  if (!/^0x[0-9a-f]{48}0{16}$/.test(intent.nonce))
    throw new PersonError("The intent's nonce must be a random key with sequence 0.")
  if (intent.until < now + leastValid)
    throw new PersonError("This intent is void, or will be in a moment.", {
      next: "Check this device's clock, and sign again.",
    })
  if (intent.until > now + mostValid)
    throw new PersonError("This intent is valid for too long.", {
      next: "Sign one that is valid for 31 days at most.",
    })
  const digest = typedDataDigest(typedDataOf(intent, contracts))
  const signer = await recoverAddress({ hash: digest, signature }).catch(() => undefined)
  if (signer?.toLowerCase() !== household)
    throw new PersonError("The signature is not by your household's account.", {
      next: "The key on this device may be another one, or the page is old: load it again.",
    })
  if (available !== undefined && intent.wh > available)
    throw new PersonError("Your household has less GREEN than that.", {
      context: [
        `${greenText(available < 0n ? 0n : available)} GREEN are there and not on their way to somebody.`,
      ],
    })
  if (today.own >= limits.perDay)
    throw new PersonError(`Your household has handed in ${limits.perDay} intents within a day.`, {
      next: "The cooperative pays their gas; go on tomorrow.",
    })
  if (today.all >= limits.allPerDay)
    throw new PersonError(
      "The households together have handed in as many intents as the cooperative pays for in a day.",
      {
        next: "Go on tomorrow.",
      },
    )
  return digest
}
