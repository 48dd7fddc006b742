// Proves contracts/proof for all inputs, with the model checker in the compiler (constrained Horn clauses, z3). Every
// assertion, overflow, underflow and division must be proven: one that is not, or that is given up, fails.
import { readFileSync } from "node:fs"
import solc from "solc"

const path = "contracts/proof/Arithmetic.sol"
const contracts = ["Arithmetic", "Division"]

interface Finding {
  severity: string
  errorCode: string
  formattedMessage: string
}

/** Model checker's codes: 1180 what was proven, 6328 and others what was not; 1391 counts what was proven. */
const isProof = ({ errorCode }: Finding) => errorCode === "1391" || errorCode === "9576" || errorCode === "1180"

let failed = 0
for (const contract of contracts) {
  const input = {
    language: "Solidity",
    sources: { [path]: { content: readFileSync(path, "utf8") } },
    settings: {
      // No time-out: z3's are of resources, and with one set the checker gives up where it need not.
      modelChecker: {
        contracts: { [path]: [contract] },
        engine: "chc",
        solvers: ["z3"],
        targets: ["assert", "overflow", "underflow", "divByZero"],
        showProvedSafe: true,
        showUnproved: true,
      },
      outputSelection: { "*": { "*": [] } },
    },
  }
  const { errors = [] }: { errors?: Finding[] } = JSON.parse(solc.compile(JSON.stringify(input)))
  const proven = errors.filter(isProof)
  const others = errors.filter((finding) => !isProof(finding))
  failed += others.length
  for (const { formattedMessage } of others) console.log(formattedMessage)
  console.log(`${contract}: ${proven.length} claims proven, ${others.length} not`)
}
process.exitCode = failed === 0 ? 0 : 1
