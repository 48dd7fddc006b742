import { z } from "zod"
import { batchStates } from "../../journal/batches.ts"
import { isDay } from "../calendar.ts"

const wh = z
  .string()
  .regex(/^-?\d+$/)
  .meta({ description: "Energy in whole Wh", examples: ["48213407"] })
const whOrNull = wh.nullable().meta({ description: "Energy in whole Wh; null is not known, and is not 0" })
const watts = z.number().nullable().meta({ description: "Power in W; null is not known" })
const time = z.int().meta({ description: "Unix seconds", examples: [1_782_000_000] })
const hex = z.string().regex(/^0x[0-9a-f]*$/)
const batch = z
  .string()
  .regex(/^\d+$/)
  .meta({ description: "A batch's number, from 1 on", examples: ["42"] })
const day = z
  .string()
  .refine(isDay, "is no day, as 2026-06-21 is one")
  .meta({ format: "date", description: "A day in the community's time zone", examples: ["2026-06-21"] })
const units = z
  .string()
  .regex(/^-?\d+$/)
  .meta({ description: "GREEN in whole units: 1000 are 1 GREEN, one is 1 Wh" })
const state = z.enum(batchStates)
const limitOf = (most: number, usual: number) =>
  z.coerce.number().int().min(1).max(most).default(usual).meta({ description: "How many at most" })
const next = z
  .string()
  .nullable()
  .meta({ description: "The address of the next page; null where there is none" })

export const shapes = {
  problem: z
    .object({ error: z.string(), next: z.string().optional() })
    .meta({ id: "Problem", description: "What is wrong, and what to do" }),

  status: z
    .looseObject({ site: z.int(), time, accepted: z.int(), quarantined: z.int(), settledUpTo: time })
    .meta({ id: "Status" }),

  community: z
    .object({
      name: z.string(),
      site: z.int(),
      timeZone: z.string(),
      time,
      homes: z.int(),
      intervalSeconds: z.int(),
      chainId: z.int(),
      oracle: hex,
    })
    .meta({ id: "Community" }),

  communityNow: z
    .object({
      sunW: watts,
      sunAsOf: time.nullable(),
      generatedToday: whOrNull,
      settledUpTo: time,
      heldUp: z.boolean(),
      latestBatch: batch.nullable(),
    })
    .meta({ id: "CommunityNow", description: "What is of now and for everyone" }),

  communityDays: z
    .object({
      days: z.array(
        z.object({
          day,
          generated: whOrNull,
          homes: z.int().nullable().meta({ description: "How many homes are in the sums of use" }),
          used: whOrNull,
          shared: whOrNull,
          toGrid: whOrNull,
          fromGrid: whOrNull,
        }),
      ),
      next,
    })
    .meta({
      id: "CommunityDays",
      description: "Newest first; a sum of use that could tell of one home is null",
    }),

  batches: z
    .object({
      batches: z.array(
        z.object({
          number: batch,
          time,
          state,
          root: hex,
          evidence: z
            .string()
            .meta({ description: "CID of the evidence's root block: GET /ipfs/{cid}?format=car" }),
          stated: whOrNull,
          meters: z.int(),
          signatures: z.int(),
          transactions: z.array(z.object({ kind: z.string(), hash: hex })),
        }),
      ),
      next,
    })
    .meta({ id: "Batches", description: "Newest first" }),

  home: z
    .object({
      address: hex,
      name: z.string(),
      timeZone: z.string(),
      green: units.nullable(),
      account: z.object({ credit: units, time }).nullable().meta({
        description: "With the neighbours, as last settled: negative is debt; null while none is stated",
      }),
      meters: z.array(
        z.object({
          id: hex,
          name: z.string(),
          ratedW: z.int(),
          measures: z.string().nullable(),
          lastReading: time.nullable(),
        }),
      ),
    })
    .meta({ id: "Home" }),

  homeNow: z
    .object({
      sunW: watts,
      homeW: watts,
      connectionW: watts.meta({
        description: "At the home's connection, W: positive comes in, negative goes out",
      }),
      asOf: time.nullable(),
      leftOut: z.array(z.object({ meter: z.string(), because: z.string(), time: time.nullable() })),
      interval: z
        .object({ start: time, end: time, energy: z.lazy(() => energy).nullable() })
        .nullable()
        .meta({ description: "The last interval that is over" }),
      green: units.nullable(),
    })
    .meta({ id: "HomeNow" }),

  homeDays: z
    .object({
      days: z.array(
        z.object({
          day,
          energy: z.lazy(() => energy).nullable(),
          intervals: z.int(),
          missing: z.int().meta({ description: "Intervals that are in no figure" }),
        }),
      ),
      next,
    })
    .meta({ id: "HomeDays", description: "Newest first" }),

  intervals: z
    .object({
      day,
      intervalSeconds: z.int(),
      intervals: z.array(z.object({ start: time, energy: z.lazy(() => energy).nullable() })),
    })
    .meta({ id: "Intervals" }),

  mints: z
    .object({
      mints: z.array(z.object({ batch, time, state, units, refused: z.array(z.string()) })),
      next,
    })
    .meta({ id: "Mints", description: "What batches state anew for the household's meters, newest first" }),

  why: z
    .object({
      batch,
      time,
      state,
      units,
      root: hex,
      evidence: z.string(),
      statements: z.array(
        z.object({
          meterId: hex,
          meter: z.string(),
          before: wh,
          generated: wh,
          time,
          reading: hex.meta({ description: "keccak256 of the signed reading" }),
          bytes: hex.nullable().meta({ description: "The signed reading" }),
          leaf: hex,
          proof: z.array(hex),
        }),
      ),
      transactions: z.array(z.object({ kind: z.string(), hash: hex })),
      attestations: z.array(z.object({ validator: z.string(), refusal: z.string().nullable() })),
    })
    .meta({ id: "Why", description: "What one mint came from, down to the signed readings and the chain" }),
} as const

const energy = z
  .object({
    generated: wh,
    used: whOrNull,
    received: whOrNull.meta({ description: "From neighbours, Wh" }),
    given: whOrNull.meta({ description: "To neighbours, Wh" }),
    fromGrid: whOrNull,
    toGrid: whOrNull,
  })
  .meta({ id: "Energy", description: "Whole Wh; use is null where it is not measured" })

export const queries = {
  none: z.object({}),
  days: z.object({ before: day.optional(), limit: limitOf(366, 31) }),
  batches: z.object({ before: batch.optional(), limit: limitOf(100, 20) }),
  day: z.object({ day }),
  span: z
    .object({ first: day, last: day })
    .refine(({ first, last }) => first <= last, "the first day is after the last"),
  number: z.object({ number: batch }),
} as const

export { energy as energyShape }
