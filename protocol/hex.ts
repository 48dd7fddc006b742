import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js"

/** Bytes written as lower-case hexadecimal behind `0x`, as on screens, in JSON and as map keys. */
export type Hex = `0x${string}`

export { concatBytes }

export function toHex(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`
}

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
