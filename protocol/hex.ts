import { concatBytes, hexToBytes } from "@noble/hashes/utils.js"

/** Bytes written as lower-case hexadecimal behind `0x`, as on screens, in JSON and as map keys. */
export type Hex = `0x${string}`

export { concatBytes }

/** In one piece: a text that is put together digit by digit is kept by V8 as a tree of its pieces, 1 kB for a digest. */
export function toHex(bytes: Uint8Array): Hex {
  const codes = [zero, x]
  let text = ""
  for (const byte of bytes) {
    codes.push(digits[byte >> 4]!, digits[byte & 15]!)
    if (codes.length >= codesAtOnce) text += String.fromCharCode(...codes.splice(0))
  }
  return (text + String.fromCharCode(...codes)) as Hex
}

const [zero, x] = [0x30, 0x78]
const digits = new TextEncoder().encode("0123456789abcdef")
/** A function takes only so many arguments. */
const codesAtOnce = 4096

/**
 * Reads hexadecimal with or without `0x`.
 * @throws Error when the text is not hexadecimal or, if `length` is given, not that many bytes.
 */
export function fromHex(text: string, length?: number): Uint8Array {
  const digits = text.startsWith("0x") ? text.slice(2) : text
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new Error(`"${text.slice(0, 80)}" is not hexadecimal.`)
  const bytes = hexToBytes(digits)
  if (length !== undefined && bytes.length !== length)
    throw new Error(`Expected ${length} bytes of hexadecimal, got ${bytes.length}.`)
  return bytes
}

/**
 * A value as one 32-byte word of the Ethereum ABI; negative numbers in two's complement.
 * @throws RangeError when it does not fit.
 */
export function abiWord(value: number | bigint | Hex): Uint8Array {
  const number = BigInt(value)
  const word = BigInt.asUintN(256, number)
  if (word !== number && BigInt.asIntN(256, number) !== number)
    throw new RangeError(`${value} does not fit into 32 bytes.`)
  return fromHex(word.toString(16).padStart(64, "0"), 32)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
