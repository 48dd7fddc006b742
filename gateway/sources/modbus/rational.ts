/** An exact number: what a register shows, before anything is rounded. The denominator is above 0. */
export interface Rational {
  numerator: bigint
  denominator: bigint
}

export const whole = (numerator: bigint): Rational => ({ numerator, denominator: 1n })

export const times = (a: Rational, b: Rational): Rational => ({
  numerator: a.numerator * b.numerator,
  denominator: a.denominator * b.denominator,
})

export const magnitude = ({ numerator, denominator }: Rational): Rational => ({
  numerator: numerator < 0n ? -numerator : numerator,
  denominator,
})

/** 10 to the power of `exponent`, which may be negative. */
export const powerOfTen = (exponent: number): Rational =>
  exponent >= 0 ? whole(10n ** BigInt(exponent)) : { numerator: 1n, denominator: 10n ** BigInt(-exponent) }

/** The decimal fraction that a person wrote, such as 0.1 or 1e-7: a tenth, and not the double next to it. */
export function ofDecimal(value: number): Rational {
  const [digits = "0", exponent = "0"] = String(value).split("e")
  const [before = "0", after = ""] = digits.split(".")
  return times(whole(BigInt(before + after)), powerOfTen(Number(exponent) - after.length))
}

/** Exactly the value of a finite double. */
export function ofDouble(value: number): Rational {
  let exponent = 0
  let mantissa = value
  // Doubling and halving are exact until the mantissa is whole; the smallest double is 2^-1074.
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    exponent++
  }
  return { numerator: BigInt(mantissa), denominator: 2n ** BigInt(exponent) }
}

/** To the nearest whole number, halves upwards. */
export function rounded({ numerator, denominator }: Rational): bigint {
  return floorOf({ numerator: 2n * numerator + denominator, denominator: 2n * denominator })
}

export function ceilingOf({ numerator, denominator }: Rational): bigint {
  return -floorOf({ numerator: -numerator, denominator })
}

function floorOf({ numerator, denominator }: Rational): bigint {
  const quotient = numerator / denominator
  return numerator < 0n && quotient * denominator !== numerator ? quotient - 1n : quotient
}

/** The nearest double: 2301 / 10 becomes 230.1. */
export function toNumber({ numerator, denominator }: Rational): number {
  if (isExactDouble(numerator) && isExactDouble(denominator)) return Number(numerator) / Number(denominator)
  const shift = bits(denominator) - bits(numerator) + 64
  const quotient =
    shift >= 0 ? (numerator << BigInt(shift)) / denominator : numerator / (denominator << BigInt(-shift))
  // In two steps: 2 ** -shift alone may be too small for a double.
  const half = shift >> 1
  return Number(quotient) * 2 ** -half * 2 ** (half - shift)
}

const isExactDouble = (value: bigint) => bits(value) <= 53
const bits = (value: bigint) => (value < 0n ? -value : value).toString(2).length
