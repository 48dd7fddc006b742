import { readFileSync } from "node:fs"

/** The folder of the public vectors. This file runs from dist/protocol/vectors/, three folders below the root. */
export const vectorsFolder = new URL("../../../protocol/vectors/", import.meta.url)

/** The names of the files, without `.json`, in the order of SPEC.md. */
export const vectorNames = [
  "keys",
  "signatures",
  "readings",
  "native",
  "statements",
  "trees",
  "proposals",
  "attestations",
  "evidence",
  "later-keys",
  "counters",
  "sharing",
  "audits",
] as const
export type VectorName = (typeof vectorNames)[number]

/** Reads one file of the corpus. */
export function loadVectors<T>(name: VectorName): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, vectorsFolder), "utf8")) as T
}
