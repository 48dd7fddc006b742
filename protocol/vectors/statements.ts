import { type Hex, toHex } from "../hex.ts"
import { leafOf, type Statement } from "../statement.ts"
import { bytesFor } from "./fixed-keys.ts"
import { meters } from "./keys.ts"
import { noon } from "./readings.ts"

/** A statement as JSON: energy and credit as decimal text. */
export type StatementFields =
  | { kind: 1; meterId: Hex; generatedWh: string; time: number; reading: Hex }
  | { kind: 2; household: Hex; credit: string; time: number }

export interface StatementVectors {
  about: string[]
  cases: { name: string; statement: StatementFields; leaf: Hex }[]
}

/** An address that nobody has a key for. */
export const householdFor = (name: string): Hex => toHex(bytesFor(name).subarray(0, 20))

export function statementVectors(): StatementVectors {
  const meter = {
    kind: 1,
    meterId: meters.roof.key.meterId,
    time: noon,
    reading: toHex(bytesFor("digest")),
  } as const
  const account = { kind: 2, household: householdFor("household"), time: noon } as const
  const cases: [name: string, statement: StatementFields][] = [
    ["a meter statement", { ...meter, generatedWh: "48213407" }],
    ["a register of 0", { ...meter, generatedWh: "0" }],
    ["the highest register", { ...meter, generatedWh: (2n ** 63n - 1n).toString() }],
    ["time 0", { ...meter, generatedWh: "48213407", time: 0 }],
    ["another meter", { ...meter, generatedWh: "48213407", meterId: meters.hardware.key.meterId }],
    ["an account in credit", { ...account, credit: "1204551" }],
    ["an account in debt", { ...account, credit: "-1204551" }],
    ["an account at 0", { ...account, credit: "0" }],
    ["an account one below 0", { ...account, credit: "-1" }],
    ["the highest credit", { ...account, credit: (2n ** 255n - 1n).toString() }],
    ["the deepest debt", { ...account, credit: (-(2n ** 255n)).toString() }],
  ]
  return {
    about: [
      "Leaves of the tree. SPEC.md, 5.1. generatedWh and credit are decimal text.",
      "leaf = keccak256(keccak256(abi.encode(kind, …))).",
    ],
    cases: cases.map(([name, statement]) => ({
      name,
      statement,
      leaf: toHex(leafOf(statementOf(statement))),
    })),
  }
}

export function statementOf(fields: StatementFields): Statement {
  return fields.kind === 1
    ? { ...fields, generatedWh: BigInt(fields.generatedWh) }
    : { ...fields, credit: BigInt(fields.credit) }
}
