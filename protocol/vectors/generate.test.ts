import { readdirSync, readFileSync } from "node:fs"
import t from "tap"
import { maxReadingBytes } from "../reading.ts"
import type { AttestationVectors } from "./attestations.ts"
import type { AuditVectors } from "./audits.ts"
import type { CounterVectors } from "./counters.ts"
import type { EvidenceVectors } from "./evidence.ts"
import { generateVectors } from "./generate.ts"
import type { KeyVectors } from "./keys.ts"
import { loadVectors, vectorNames, vectorsFolder } from "./load.ts"
import type { NativeVectors } from "./native.ts"
import type { ProposalVectors } from "./proposals.ts"
import type { ReadingVectors } from "./readings.ts"
import type { SignatureVectors } from "./signatures.ts"
import type { StatementVectors } from "./statements.ts"
import type { TreeVectors } from "./trees.ts"

const textOf = (file: string) => readFileSync(new URL(file, vectorsFolder), "utf8")

t.test("the vectors are what the script makes, byte by byte", async (t) => {
  const made = await generateVectors()
  t.same(Object.keys(made), vectorNames)
  t.same(
    readdirSync(vectorsFolder)
      .filter((file) => file.endsWith(".json"))
      .sort(),
    vectorNames.map((name) => `${name}.json`).sort(),
  )
  for (const name of vectorNames)
    t.ok(made[name] === textOf(`${name}.json`), `${name}.json: run node dist/protocol/vectors/generate.js`)
})

t.test("the corpus stays small enough to carry along", async (t) => {
  const size = vectorNames.reduce((sum, name) => sum + textOf(`${name}.json`).length, 0)
  t.ok(size < 700_000, `${size} characters`)
})

t.test("no two cases of a file have the same name", async (t) => {
  for (const name of vectorNames)
    for (const [part, cases] of Object.entries(loadVectors<Record<string, unknown>>(name))) {
      if (!Array.isArray(cases)) continue
      const names = cases.map((item: { name?: string }) => item.name).filter((text) => text !== undefined)
      t.equal(new Set(names).size, names.length, `${name}.json, ${part}`)
    }
})

t.test("SPEC.md's worked examples and counts are those of the vectors", async (t) => {
  const spec = textOf("../SPEC.md")
  /** The bytes of an example: hexadecimal at the start of each line of the block behind its marker. */
  const example = (marker: string) => {
    const block = spec.split(`<!-- example: ${marker} -->`)[1]?.split("```")[1]
    const bytes = block?.split("\n").map((line) => /^((?:[0-9a-f]{2} ?)+)(?: |$)/.exec(line)?.[1] ?? "")
    return `0x${bytes?.join("").replaceAll(" ", "")}`
  }
  const [reading] = loadVectors<ReadingVectors>("readings").valid
  t.equal(example("reading"), reading!.bytes)
  t.equal(example("message"), reading!.message)
  const longest = loadVectors<ReadingVectors>("readings").valid.find(({ name }) =>
    name.includes("the longest"),
  )!
  t.ok(spec.includes(`${longest.length} bytes`))
  t.ok(spec.includes(`more than ${maxReadingBytes} bytes`))

  const [key] = loadVectors<KeyVectors>("keys").valid
  const [statement] = loadVectors<StatementVectors>("statements").cases
  const [proposal] = loadVectors<ProposalVectors>("proposals").cases
  const [attestation] = loadVectors<AttestationVectors>("attestations").cases
  const [batch] = loadVectors<EvidenceVectors>("evidence").valid
  const quoted = [
    key!.secret,
    key!.publicKey,
    key!.meterId,
    reading!.digest,
    statement!.leaf,
    proposal!.digest,
  ]
  const alsoQuoted = [attestation!.signature, attestation!.signer, batch!.root, batch!.digest]
  for (const value of [...quoted, ...alsoQuoted]) t.ok(value && spec.includes(value), String(value))

  const counts: [file: string, ...parts: unknown[][]][] = [
    ["keys", ...parts(loadVectors<KeyVectors>("keys"), "valid", "refused")],
    ["signatures", ...parts(loadVectors<SignatureVectors>("signatures"), "cases")],
    ["readings", ...parts(loadVectors<ReadingVectors>("readings"), "valid", "malformed", "unverified")],
    ["native", ...parts(loadVectors<NativeVectors>("native"), "valid", "malformed", "unverified")],
    ["statements", ...parts(loadVectors<StatementVectors>("statements"), "cases")],
    ["trees", ...parts(loadVectors<TreeVectors>("trees"), "trees", "wrong")],
    ["proposals", ...parts(loadVectors<ProposalVectors>("proposals"), "cases")],
    [
      "attestations",
      ...parts(loadVectors<AttestationVectors>("attestations"), "cases", "packed", "refusals"),
    ],
    ["evidence", ...parts(loadVectors<EvidenceVectors>("evidence"), "valid", "damaged", "chains")],
    ["counters", ...parts(loadVectors<CounterVectors>("counters"), "cases")],
    ["audits", ...parts(loadVectors<AuditVectors>("audits"), "batches", "histories")],
  ]
  for (const [file, ...cases] of counts) {
    const row = spec.split("\n").find((line) => line.startsWith(`| \`${file}.json\``)) ?? ""
    for (const part of cases) t.match(row, new RegExp(`\\b${part.length} `), `${file}.json: ${part.length}`)
  }
})

function parts<T extends object>(vectors: T, ...names: (keyof T)[]): unknown[][] {
  return names.map((name) => vectors[name] as unknown[])
}
