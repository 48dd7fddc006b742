import type { Question } from "../audit/explain.ts"
import { PersonError } from "../protocol/error.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { optional, required, type Values } from "./command.ts"

const secondsOfDay = 86_400

/** What `audit explain` is asked. @throws PersonError when it is asked nothing, or two things at once. */
export function questionOf(values: Values): Question {
  const given = ["household", "batch", "mint"].filter((name) => optional(values, name) !== undefined)
  if (given.length !== 1)
    throw new PersonError(
      given.length === 0 ? "What is to be explained?" : `Only one thing can be explained at a time.`,
      { next: "Give one of --household ADDRESS --day YYYY-MM-DD, --batch N, --mint TRANSACTION." },
    )
  const mint = optional(values, "mint")?.toLowerCase()
  if (mint !== undefined) {
    if (!/^0x[0-9a-f]{64}$/.test(mint))
      throw new PersonError(`"${mint}" is not a transaction.`, {
        next: "A transaction is 0x and 64 hexadecimal digits.",
      })
    return { about: "mint", transaction: mint as `0x${string}` }
  }
  const batch = optional(values, "batch")
  if (batch !== undefined)
    return { about: "batch", site: siteOf(optional(values, "site")), number: BigInt(number(batch, "batch")) }
  const household = parseAddress(required(values, "household", "the household's address"))
  const from = dayOf(required(values, "day", "the day, as 2026-06-14"))
  return { about: "household", household, from, to: from + secondsOfDay }
}

function siteOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : number(text, "site")
}

function number(text: string, name: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new PersonError(`--${name} must be a whole number from 1 on, not "${text}".`)
  return value
}

/** Midnight UTC of a day, Unix seconds. @throws PersonError when there is no such day. */
export function dayOf(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text)
    throw new PersonError(`"${text}" is not a day.`, { next: "Write it as 2026-06-14." })
  return time / 1000
}
