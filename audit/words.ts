/** Energy for people: kWh, to the Wh. */
export function kWh(wh: bigint): string {
  const whole = (wh < 0n ? -wh : wh).toString().padStart(4, "0")
  const grouped = whole.slice(0, -3).replace(/\B(?=(\d{3})+$)/g, ",")
  return `${wh < 0n ? "-" : ""}${grouped}.${whole.slice(-3)} kWh`
}

/** An amount of GREEN for people, from its smallest unit: a thousandth. */
export function green(units: bigint): string {
  return kWh(units).replace("kWh", "GREEN")
}

/** A moment for people, to the minute, or to the second where it is not on one. */
export function moment(time: number): string {
  const text = new Date(time * 1000).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, time % 60 === 0 ? 16 : 19)} UTC`
}

/** A hash or an address that is named in full nearby. */
export function short(hex: string): string {
  return hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex
}

/** Fractions of 10,000 as a percentage. */
export function percent(basisPoints: number): string {
  return `${basisPoints / 100} %`
}
