import { z } from "zod"
import { mostRegisters } from "./plan.ts"
import { isEnergy, type PointType, widths } from "./point.ts"

const text = z.string().min(1)
const address = z.int().min(0).max(65535)
const functionCode = z.union([z.literal(3), z.literal(4)])
const numberTypes = Object.keys(widths) as (keyof typeof widths)[]
const contents = z
  .string()
  .regex(/^0x[0-9a-fA-F]+$/, 'must be a register\'s contents in hexadecimal, in quotes, such as "0x8000"')
  .transform(BigInt)

const pointShape = z
  .strictObject({
    address,
    /** Where it differs from the profile's. */
    function: functionCode.exactOptional(),
    type: z.enum([...numberTypes, "string"] as PointType[]),
    /** Of a string: how many. */
    registers: z.int().min(1).max(mostRegisters).exactOptional(),
    order: z.enum(["big", "little"]).exactOptional(),
    /** What one count of the register is worth in the unit. */
    scale: z
      .number()
      .refine((value) => value !== 0, "must not be 0")
      .exactOptional(),
    /** The point that holds the power of ten to scale by, as in SunSpec. */
    scaleFactor: text.exactOptional(),
    unit: text.exactOptional(),
    notANumber: z.array(contents).exactOptional(),
    /** Not every variant of the device has it: a reading does without it. */
    optional: z.literal(true).exactOptional(),
    /** How often it is worth a read; without this each poll reads it. */
    everySeconds: z.int().positive().exactOptional(),
  })
  .superRefine((point, context) => {
    if (point.type === "string" && point.registers === undefined)
      context.addIssue("a string needs its number of registers")
    if (point.type !== "string" && point.registers !== undefined && point.registers !== widths[point.type])
      context.addIssue(`${point.type} takes ${widths[point.type]} register(s)`)
    if (point.type === "string" && (point.scale ?? point.scaleFactor ?? point.unit) !== undefined)
      context.addIssue("a string has no scale and no unit")
  })

const quirks = z.strictObject({
  /** The most registers that the device gives in one reply. */
  mostRegisters: z.int().min(1).max(mostRegisters).exactOptional(),
  /** The most registers that may be read for nothing between two points: 0 for a device that refuses holes. */
  mostGap: z.int().min(0).max(mostRegisters).exactOptional(),
  /** Addresses that no read may cross: each begins a block of its own. */
  boundaries: z.array(address).exactOptional(),
  /** The rest that the device wants before each request, ms. */
  pauseMs: z.int().min(0).max(10_000).exactOptional(),
})

const head = {
  maker: text,
  model: text,
  /** Where the facts come from: a public document, by name and version. */
  source: text,
  quirks: quirks.exactOptional(),
}

const identity = z.strictObject({
  /** The point that shows the serial number. */
  serial: text.exactOptional(),
  firmware: text.exactOptional(),
  /** The point that shows the model; with a list of codes another code is another device. */
  model: text.exactOptional(),
  codes: z.record(z.string(), text).exactOptional(),
})

const generationRoles = z.strictObject({ generatedWh: text, powerW: text.exactOptional() })
const gridRoles = z
  .strictObject({
    importedWh: text.exactOptional(),
    exportedWh: text.exactOptional(),
    powerW: text.exactOptional(),
  })
  .refine(
    ({ importedWh, exportedWh }) => (importedWh ?? exportedWh) !== undefined,
    "needs importedWh, exportedWh or both",
  )

/** What stands at which address. Addresses count from `addressesFrom`: many documents count from 1. */
const map = {
  function: functionCode,
  order: z.enum(["big", "little"]).default("big"),
  addressesFrom: z.union([z.literal(0), z.literal(1)]).default(0),
  /** Contents that mean that there is no value, by type. */
  notANumber: z.partialRecord(z.enum(numberTypes), z.array(contents)).default({}),
  points: z.record(text, pointShape),
  identity: identity.default({}),
}

const registers = z
  .strictObject({
    kind: z.literal("registers"),
    ...head,
    ...map,
    /** Which point is which register of a reading, by what the meter is installed to measure. */
    measures: z.strictObject({
      generation: generationRoles.exactOptional(),
      grid: gridRoles.exactOptional(),
    }),
  })
  .superRefine((profile, context) => {
    checkPoints(profile, context)
    for (const [measures, named] of Object.entries(profile.measures))
      for (const [role, name] of Object.entries(named)) {
        const path = ["measures", measures, role]
        const point = pointOf(profile, name)
        if (!point) context.addIssue({ code: "custom", path, message: `there is no point named ${name}` })
        else if (role === "powerW" ? point.unit !== "W" : !isEnergy(point.unit) || point.type === "string")
          context.addIssue({
            code: "custom",
            path,
            message: `${name} is not in ${role === "powerW" ? "W" : "Wh, kWh or MWh"}`,
          })
      }
    if (Object.keys(profile.measures).length === 0)
      context.addIssue({ code: "custom", path: ["measures"], message: "needs generation, grid or both" })
  })

interface MapInput {
  function: 3 | 4
  addressesFrom: 0 | 1
  quirks?: z.output<typeof quirks>
  points: Record<string, z.output<typeof pointShape>>
  identity: z.output<typeof identity>
}

/** A name is an operator's word, and may be one that every object knows. */
const pointOf = ({ points }: Pick<MapInput, "points">, name: string) =>
  Object.hasOwn(points, name) ? points[name] : undefined

/** What no single field can say: names that must exist, and places that one request must reach. */
function checkPoints(profile: MapInput, context: z.core.$RefinementCtx): void {
  const most = profile.quirks?.mostRegisters ?? mostRegisters
  for (const [name, point] of Object.entries(profile.points)) {
    const issue = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: ["points", name, field], message })
    const first = point.address - profile.addressesFrom
    const count = point.type === "string" ? (point.registers ?? 1) : widths[point.type]
    if (first < 0 || first + count > 65536) issue("address", "lies outside of the address space")
    let begin = first
    let end = first + count
    if (point.scaleFactor !== undefined) {
      const factor = pointOf(profile, point.scaleFactor)
      if (!factor) issue("scaleFactor", `there is no point named ${point.scaleFactor}`)
      else if (factor.type !== "int16") issue("scaleFactor", `${point.scaleFactor} is not an int16`)
      else if ((factor.function ?? profile.function) !== (point.function ?? profile.function))
        issue("scaleFactor", `${point.scaleFactor} is read by another function`)
      else {
        begin = Math.min(begin, factor.address - profile.addressesFrom)
        end = Math.max(end, factor.address - profile.addressesFrom + 1)
      }
    }
    if (end - begin > most)
      issue("address", `needs ${end - begin} registers in one read, and the device gives ${most}`)
    const inside = (profile.quirks?.boundaries ?? []).find(
      (boundary) => boundary - profile.addressesFrom > begin && boundary - profile.addressesFrom < end,
    )
    if (inside !== undefined) issue("address", `lies across the boundary at ${inside}`)
  }
  for (const field of ["serial", "firmware", "model"] as const) {
    const name = profile.identity[field]
    if (name !== undefined && !pointOf(profile, name))
      context.addIssue({
        code: "custom",
        path: ["identity", field],
        message: `there is no point named ${name}`,
      })
  }
}

const modelIds = z.array(z.int().min(1).max(65534)).min(1)
const sunspec = z.strictObject({
  kind: z.literal("sunspec"),
  ...head,
  /** Where the map may begin, in the order to look. */
  bases: z.array(address).min(1),
  /** What the device's common model must say. */
  identity: z.strictObject({ maker: text.exactOptional(), model: text.exactOptional() }).default({}),
  /** The first of these whose model the device has is counted. */
  measures: z.strictObject({
    generation: z.array(generationRoles.safeExtend({ models: modelIds })).min(1),
    grid: z.array(gridRoles.safeExtend({ models: modelIds })).min(1),
  }),
})

/** A SunSpec device that signs snapshots of itself. */
const bsm = z.strictObject({
  kind: z.literal("bsm"),
  ...head,
  bases: z.array(address).min(1),
  /** Model ids: the one that holds the public key, and the one that holds a signed snapshot. */
  models: z.strictObject({ signingMeter: z.int(), snapshot: z.int() }),
})

/** A meter that signs OCMF records on command and shows them as text in registers. */
const ocmf = z
  .strictObject({
    kind: z.literal("ocmf"),
    ...head,
    ...map,
    /** Where what stands, by the maker's document. */
    record: z.strictObject({
      state: address,
      command: address,
      status: address,
      timeZone: address,
      time: address,
      timeSynchronised: address,
      inputLength: address,
      outputLength: address,
      signatureLength: address,
      signatureFormat: address,
      algorithm: address,
      input: address,
      output: address,
      signature: address,
      publicKey: address,
    }),
  })
  .superRefine(checkPoints)

export const profileShape = z.discriminatedUnion("kind", [registers, sunspec, bsm, ocmf])

/** A kind of meter as data: what stands where, and what it means. */
export type Profile = z.output<typeof profileShape>
export type RegistersProfile = Extract<Profile, { kind: "registers" }>
export type SunSpecProfile = Extract<Profile, { kind: "sunspec" }>
export type BsmProfile = Extract<Profile, { kind: "bsm" }>
export type OcmfProfile = Extract<Profile, { kind: "ocmf" }>
/** What the meter is installed to measure. */
export type Measures = "generation" | "grid"
