import { writeFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { attestationVectors } from "./attestations.ts"
import { auditVectors } from "./audits.ts"
import { counterVectors } from "./counters.ts"
import { evidenceVectors } from "./evidence.ts"
import { keyVectors } from "./keys.ts"
import { laterKeyVectors } from "./later-keys.ts"
import { type VectorName, vectorsFolder } from "./load.ts"
import { nativeVectors } from "./native.ts"
import { proposalVectors } from "./proposals.ts"
import { readingVectors } from "./readings.ts"
import { sharingVectors } from "./sharing.ts"
import { signatureVectors } from "./signatures.ts"
import { statementVectors } from "./statements.ts"
import { treeVectors } from "./trees.ts"

/** Makes the whole corpus; nothing in it is drawn at random, so that it comes out the same each time. */
export async function generateVectors(): Promise<Record<VectorName, string>> {
  const evidence = await evidenceVectors()
  return {
    keys: asFile(keyVectors()),
    signatures: asFile(signatureVectors()),
    readings: asFile(readingVectors()),
    native: asFile(nativeVectors()),
    statements: asFile(statementVectors()),
    trees: asFile(treeVectors()),
    proposals: asFile(proposalVectors()),
    attestations: asFile(await attestationVectors()),
    evidence: asFile(evidence),
    "later-keys": asFile(await laterKeyVectors()),
    counters: asFile(counterVectors()),
    sharing: asFile(sharingVectors()),
    audits: asFile(auditVectors(evidence)),
  }
}

/** JSON with one case on a line: short enough to keep, and a difference shows the case. */
function asFile(vectors: object): string {
  const entries = Object.entries(vectors).map(([name, value]) =>
    Array.isArray(value)
      ? `  ${JSON.stringify(name)}: [\n${value.map((item) => `    ${JSON.stringify(item)}`).join(",\n")}\n  ]`
      : `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  )
  return `{\n${entries.join(",\n")}\n}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  for (const [name, text] of Object.entries(await generateVectors())) {
    writeFileSync(new URL(`${name}.json`, vectorsFolder), text)
    console.error(`${name}.json: ${text.length} characters`)
  }
