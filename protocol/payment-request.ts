import { checksumAddress, readAddress } from "./address.ts"
import { PersonError } from "./error.ts"
import { mostWh } from "./green.ts"
import type { Hex } from "./hex.ts"
import type { IntentContracts } from "./intent.ts"

/** Somebody asks for GREEN; without an amount for any. */
export interface PaymentRequest {
  to: Hex
  wh: bigint | undefined
}

type Where = Pick<IntentContracts, "chainId" | "token">

/** The request as a link that wallets understand (EIP-681): a transfer of GREEN. */
export function paymentLink({ to, wh }: PaymentRequest, { chainId, token }: Where): string {
  const amount = wh === undefined ? "" : `&uint256=${wh}`
  return `ethereum:${checksumAddress(token)}@${chainId}/transfer?address=${checksumAddress(to)}${amount}`
}

/**
 * Reads what was scanned or pasted: a link as above, or an address alone.
 * @throws PersonError for another token or chain, or what asks for anything but GREEN.
 */
export function readPaymentRequest(text: string, where: Where): PaymentRequest {
  const trimmed = text.trim()
  const found = /^ethereum:(?:pay-)?(0x[0-9a-fA-F]{40})(?:@(\d{1,15}))?(?:\/(\w+))?(?:\?(.*))?$/i.exec(
    trimmed,
  )
  if (!found) return { to: readAddress(trimmed), wh: undefined }
  const [, target, chain, call, query = ""] = found
  const next = "Ask for GREEN of your community, or for an address."
  if (chain !== undefined && Number(chain) !== where.chainId)
    throw new PersonError("This request is for another chain.", { context: [trimmed.slice(0, 200)], next })
  const parameters = new URLSearchParams(query)
  if (call === undefined) {
    if (parameters.has("value"))
      throw new PersonError("This request is for another currency than GREEN.", {
        context: [trimmed.slice(0, 200)],
        next,
      })
    return { to: readAddress(target!), wh: undefined }
  }
  if (call !== "transfer" || readAddress(target!) !== where.token)
    throw new PersonError("This request is for another currency than GREEN.", {
      context: [trimmed.slice(0, 200)],
      next,
    })
  for (const name of parameters.keys())
    if (parameters.getAll(name).length > 1)
      throw new PersonError("This request says something twice.", { context: [trimmed.slice(0, 200)] })
  const amount = parameters.get("uint256")
  return {
    to: readAddress(parameters.get("address") ?? ""),
    wh: amount === null ? undefined : wholeNumber(amount),
  }
}

/** A number of EIP-681, "3214" or "3.2e3", that is a whole one. */
function wholeNumber(written: string): bigint {
  const found = /^(\d{1,30})(?:\.(\d{1,30}))?(?:[eE](\d{1,2}))?$/.exec(written)
  const [, whole = "", part = "", exponent = "0"] = found ?? []
  const places = Number(exponent)
  const digits = part.replace(/0+$/, "")
  const value = found && digits.length <= places ? BigInt(whole + digits.padEnd(places, "0")) : undefined
  if (value === undefined || value === 0n || value > mostWh)
    throw new PersonError("The amount of this request cannot be.", { context: [written.slice(0, 80)] })
  return value
}
