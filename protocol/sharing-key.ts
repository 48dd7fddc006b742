import { z } from "zod"
import type { Hex } from "./hex.ts"

/** Coefficients are whole millionths: Spain's have six decimals, France's two. */
export const wholeParts = 1_000_000

/** A household's part of what a key divides, in millionths. */
export interface Part {
  household: Hex
  parts: number
}

/** One producer's part for one consumer, in millionths of the producer's surplus. */
export interface PairPart {
  producer: Hex
  consumer: Hex
  parts: number
}

/** A row is in force from `start` (Unix seconds) for the table's `seconds`. */
export interface TableRow {
  start: number
  parts: Part[]
}

export interface PairRow {
  start: number
  pairs: PairPart[]
}

/**
 * The community's rule that divides an interval's surplus among its households. `version` is the community's own
 * numbering: it goes up with each change. What each does is said in `shareBy`.
 */
export type SharingKey = { version: number } & (
  | { name: "proportional" }
  | { name: "minimum" }
  | { name: "equal" }
  | { name: "static"; parts: Part[] }
  | { name: "table"; seconds: number; rows: TableRow[] }
  | { name: "pairs"; seconds: number; rows: PairRow[] }
  | { name: "priority"; ranks: Hex[][] }
)

export type SharingKeyName = SharingKey["name"]

const household = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/, "must be an address: 0x and 20 bytes of lower-case hexadecimal")
  .transform((text) => text as Hex)
const millionths = z.int().min(0).max(wholeParts)
const version = z.int().min(1)
const second = z.int().min(0)

const parts = z
  .array(z.strictObject({ household, parts: millionths }))
  .min(1)
  .superRefine((list, context) => {
    distinct(
      list.map((part) => part.household),
      "the household",
      context,
    )
    notMoreThanAll(list, context)
  })
const pairs = z
  .array(z.strictObject({ producer: household, consumer: household, parts: millionths }))
  .min(1)
  .superRefine((list, context) => {
    distinct(
      list.map((pair) => `${pair.producer} → ${pair.consumer}`),
      "the pair",
      context,
    )
    for (const producer of new Set(list.map((pair) => pair.producer)))
      notMoreThanAll(
        list.filter((pair) => pair.producer === producer),
        context,
      )
  })
const table = <Row extends z.ZodObject<{ start: typeof second } & Record<string, z.ZodType>>>(row: Row) =>
  z.array(row).superRefine((rows, context) => {
    for (let i = 1; i < rows.length; i++)
      if ((rows[i]!.start as number) <= (rows[i - 1]!.start as number))
        context.addIssue({ code: "custom", path: [i, "start"], message: "rows must be in order of time" })
  })

/** What a sharing key may hold as data: in a configuration, in evidence, in a file of its own. */
export const sharingKeyShape = z
  .discriminatedUnion("name", [
    z.strictObject({ name: z.literal("proportional"), version }),
    z.strictObject({ name: z.literal("minimum"), version }),
    z.strictObject({ name: z.literal("equal"), version }),
    z.strictObject({ name: z.literal("static"), version, parts }),
    z.strictObject({
      name: z.literal("table"),
      version,
      seconds: z.int().min(1),
      rows: table(z.strictObject({ start: second, parts })),
    }),
    z.strictObject({
      name: z.literal("pairs"),
      version,
      seconds: z.int().min(1),
      rows: table(z.strictObject({ start: second, pairs })),
    }),
    z.strictObject({
      name: z.literal("priority"),
      version,
      ranks: z.array(z.array(household).min(1)).min(1),
    }),
  ])
  .superRefine((key, context) => {
    if (key.name === "priority") distinct(key.ranks.flat(), "the household", context)
    if (key.name !== "table" && key.name !== "pairs") return
    key.rows.forEach(({ start }, i) => {
      if (start % key.seconds !== 0)
        context.addIssue({
          code: "custom",
          path: ["rows", i, "start"],
          message: `a row must begin at a multiple of ${key.seconds} s`,
        })
    })
  })

/** The key with those rows alone that are in force somewhere in [from, to): what a batch's evidence has to hold. */
export function keyWithin(key: SharingKey, from: number, to: number): SharingKey {
  if (key.name !== "table" && key.name !== "pairs") return key
  const within = ({ start }: { start: number }) => start < to && start + key.seconds > from
  return key.name === "table"
    ? { ...key, rows: key.rows.filter(within) }
    : { ...key, rows: key.rows.filter(within) }
}

/** Every household that a key names. */
export function namedBy(key: SharingKey): Set<Hex> {
  switch (key.name) {
    case "static":
      return new Set(key.parts.map(({ household }) => household))
    case "table":
      return new Set(key.rows.flatMap(({ parts }) => parts.map(({ household }) => household)))
    case "pairs":
      return new Set(
        key.rows.flatMap(({ pairs }) => pairs.flatMap(({ producer, consumer }) => [producer, consumer])),
      )
    case "priority":
      return new Set(key.ranks.flat())
    default:
      return new Set()
  }
}

function distinct(names: readonly string[], what: string, context: z.RefinementCtx): void {
  names.forEach((name, i) => {
    if (names.indexOf(name) !== i)
      context.addIssue({ code: "custom", message: `${what} ${name} is there twice` })
  })
}

function notMoreThanAll(list: readonly { parts: number }[], context: z.RefinementCtx): void {
  const sum = list.reduce((total, part) => total + part.parts, 0)
  if (sum > wholeParts)
    context.addIssue({
      code: "custom",
      message: `the parts add up to ${sum} millionths, which is more than all`,
    })
}
