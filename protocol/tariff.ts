import { z } from "zod"
import type { Hex } from "./hex.ts"

/** One price at a time of day, in the tariff's own local time. */
export interface TariffPeriod {
  /** Minutes after local midnight: [fromMinute, toMinute). */
  fromMinute: number
  toMinute: number
  /** 0 Sunday to 6 Saturday; absent: every day. */
  days?: number[]
  unitsPerKWh: number
}

/** What shared energy is worth from a moment on. A change, also to summer time, is a further tariff. */
export interface Tariff {
  /** From which interval on, Unix seconds. */
  from: number
  /** The community's price for a shared kWh in whole token units; 1 GREEN has 1000. */
  unitsPerKWh: number
  /** Other prices at some times: the first that applies is in force. */
  periods: TariffPeriod[]
  /** Local time's distance from UTC, minutes. */
  utcOffsetMinutes: number
  /** The commons fund's part of each payment, millionths. */
  fundParts: number
}

/** What the community's accounts are kept by. */
export interface Accounts {
  /** The community's own numbering; it goes up with each change. */
  version: number
  /** The commons fund's account. */
  fund: Hex
  /** Accounts are stated once in each multiple of this, seconds: statements are public, and seldom is private. */
  everySeconds: number
  /** In order of time. */
  tariffs: Tariff[]
}

const units = z.int().min(0).max(1_000_000_000)
const minute = z.int().min(0).max(1440)

export const accountsShape = z
  .strictObject({
    version: z.int().min(1),
    fund: z
      .string()
      .regex(/^0x[0-9a-f]{40}$/, "must be an address: 0x and 20 bytes of lower-case hexadecimal")
      .transform((text) => text as Hex),
    everySeconds: z.int().min(1),
    tariffs: z
      .array(
        z.strictObject({
          from: z.int().min(0),
          unitsPerKWh: units,
          periods: z.array(
            z
              .strictObject({
                fromMinute: minute,
                toMinute: minute,
                days: z.array(z.int().min(0).max(6)).min(1).exactOptional(),
                unitsPerKWh: units,
              })
              .refine(({ fromMinute, toMinute }) => fromMinute < toMinute, "a period ends after it begins"),
          ),
          utcOffsetMinutes: z.int().min(-720).max(840),
          fundParts: z.int().min(0).max(1_000_000),
        }),
      )
      .min(1),
  })
  .superRefine(({ tariffs }, context) => {
    for (let i = 1; i < tariffs.length; i++)
      if (tariffs[i]!.from <= tariffs[i - 1]!.from)
        context.addIssue({
          code: "custom",
          path: ["tariffs", i, "from"],
          message: "tariffs must be in order of time",
        })
  })

/** The tariff in force at a time; undefined before the first. */
export function tariffAt(tariffs: readonly Tariff[], time: number): Tariff | undefined {
  return tariffs.findLast(({ from }) => from <= time)
}

/**
 * The accounts with those tariffs alone that are in force somewhere in [from, to): what a batch's evidence has to hold;
 * undefined when none is, for before the first tariff no accounts are kept.
 */
export function accountsWithin(accounts: Accounts, from: number, to: number): Accounts | undefined {
  const tariffs = accounts.tariffs.filter((tariff, i, all) => {
    const next = all[i + 1]
    return tariff.from < to && (!next || next.from > from)
  })
  return tariffs.length > 0 ? { ...accounts, tariffs } : undefined
}

/** The price of a shared kWh at a time, whole token units. */
export function priceAt(tariff: Tariff, time: number): number {
  const local = time + tariff.utcOffsetMinutes * 60
  const minutes = Math.floor(local / 60) % 1440
  // 1 January 1970 was a Thursday.
  const day = (Math.floor(local / 86_400) + 4) % 7
  const period = tariff.periods.find(
    ({ fromMinute, toMinute, days }) =>
      fromMinute <= minutes && minutes < toMinute && (!days || days.includes(day)),
  )
  return (period ?? tariff).unitsPerKWh
}
