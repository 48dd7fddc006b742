// Proves contracts/proof for all inputs, with the model checker in the compiler (constrained Horn clauses, z3). Every
// assertion, overflow, underflow and division must be proven: one that is not, or that is given up, fails.
import { readFileSync } from "node:fs"
import solc from "solc"

const path = "contracts/proof/Arithmetic.sol"
const contract = "Arithmetic"

interface Finding {
  severity: string
  errorCode: string
  formattedMessage: string
}

/** The model checker's code for a claim that it proved. */
const isProof = ({ errorCode }: Finding) => errorCode === "9576"

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
for (const { formattedMessage } of others) console.log(formattedMessage)
console.log(`${proven.length} claims proven, ${others.length} not`)
process.exitCode = others.length === 0 && proven.length > 0 ? 0 : 1
