import { PersonError } from "./error.ts"

/** The smallest part of GREEN is 1 Wh, and a retirement holds at most 56 bits of them. */
export const mostWh = 2n ** 56n - 1n

/** Zeros of the ways in which the page's languages write digits: 0, ٠, ۰, ०. */
const zeros = [0x30, 0x660, 0x6f0, 0x966]

/** GREEN with all its three decimals and no mark between thousands: "3.214". */
export function greenText(wh: bigint, decimalSign = "."): string {
  const digits = (wh < 0n ? -wh : wh).toString().padStart(4, "0")
  return `${wh < 0n ? "-" : ""}${digits.slice(0, -3)}${decimalSign}${digits.slice(-3)}`
}

/**
 * Reads an amount that a person typed, in whole Wh. "3,214" is three GREEN to some and three thousand to others: only the
 * decimal sign of the page's language is taken, and no mark between thousands.
 * @throws PersonError
 */
export function readGreen(text: string, decimalSign = "."): bigint {
  const plain = [...text.trim()].map(plainDigit).join("")
  const wrong = (sentence: string) =>
    new PersonError(sentence, {
      context: [text.trim().slice(0, 80)],
      next: `Write it like ${greenText(3214n, decimalSign)} or 12, without marks between thousands.`,
    })
  const [whole = "", part, ...more] = plain.split(decimalSign)
  if (more.length > 0 || !/^\d{1,18}$/.test(whole) || (part !== undefined && !/^\d+$/.test(part)))
    throw wrong("This is not an amount.")
  if (part !== undefined && part.length > 3)
    throw wrong("The smallest part of GREEN is 0.001: three decimals at most.")
  const wh = BigInt(whole) * 1000n + BigInt((part ?? "").padEnd(3, "0"))
  if (wh === 0n) throw wrong("The amount must be more than nothing.")
  if (wh > mostWh) throw wrong("This is more than there can ever be.")
  return wh
}

function plainDigit(character: string): string {
  const code = character.codePointAt(0)!
  const zero = zeros.find((start) => code >= start && code <= start + 9)
  return zero === undefined ? character : String(code - zero)
}
