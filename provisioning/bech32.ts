/** BIP-173. */
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** Bytes behind a prefix in lower case, with BIP-173's checksum. */
export function bech32(prefix: string, bytes: Uint8Array): string {
  const values = inFives(bytes)
  const expanded = [...prefix].map((letter) => letter.charCodeAt(0))
  const all = [...expanded.map((code) => code >> 5), 0, ...expanded.map((code) => code & 31), ...values]
  const rest = remainder([...all, 0, 0, 0, 0, 0, 0]) ^ 1
  const checksum = [25, 20, 15, 10, 5, 0].map((shift) => (rest >>> shift) & 31)
  return `${prefix}1${[...values, ...checksum].map((value) => alphabet[value]).join("")}`
}

function inFives(bytes: Uint8Array): number[] {
  const values: number[] = []
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      values.push((held >> bits) & 31)
    }
  }
  if (bits > 0) values.push((held << (5 - bits)) & 31)
  return values
}

function remainder(values: readonly number[]): number {
  let rest = 1
  for (const value of values) {
    const top = rest >>> 25
    rest = ((rest & 0x1ffffff) << 5) ^ value
    generator.forEach((term, i) => {
      if ((top >>> i) & 1) rest ^= term
    })
  }
  return rest
}
