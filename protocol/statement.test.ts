import { StandardMerkleTree } from "@openzeppelin/merkle-tree"
import fc from "fast-check"
import t from "tap"
import { encodeAbiParameters, keccak256 } from "viem"
import { type Hex, toHex } from "./hex.ts"
import { leafOf, type Statement } from "./statement.ts"
import { loadVectors } from "./vectors/load.ts"
import { type StatementVectors, statementOf } from "./vectors/statements.ts"

const meterTypes = ["uint8", "bytes32", "uint64", "uint64", "bytes32"]
const accountTypes = ["uint8", "address", "int256", "uint64"]
const typesOf = ({ kind }: Statement) => (kind === 1 ? meterTypes : accountTypes)
const valuesOf = (s: Statement) =>
  s.kind === 1
    ? [1, s.meterId, s.generatedWh, BigInt(s.time), s.reading]
    : [2, s.household, s.credit, BigInt(s.time)]

function leafByViem(statement: Statement): Hex {
  const encoded = encodeAbiParameters(
    typesOf(statement).map((type) => ({ type })),
    valuesOf(statement),
  )
  return keccak256(keccak256(encoded))
}

const { cases } = loadVectors<StatementVectors>("statements")

t.test("each statement of the vectors has its leaf, and viem and OpenZeppelin have the same", async (t) => {
  for (const { name, statement, leaf } of cases) {
    const s = statementOf(statement)
    t.equal(toHex(leafOf(s)), leaf, name)
    t.equal(leafByViem(s), leaf, name)
    t.equal(StandardMerkleTree.of([valuesOf(s)], typesOf(s)).root, leaf, name)
  }
  t.equal(new Set(cases.map(({ leaf }) => leaf)).size, cases.length, "no two are the same")
})

const hex = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(toHex)
const time = fc.maxSafeNat()
const statements: fc.Arbitrary<Statement> = fc.oneof(
  fc.record({
    kind: fc.constant(1 as const),
    meterId: hex(32),
    generatedWh: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    time,
    reading: hex(32),
  }),
  fc.record({
    kind: fc.constant(2 as const),
    household: hex(20),
    credit: fc.bigInt({ min: -(2n ** 255n), max: 2n ** 255n - 1n }),
    time,
  }),
)

t.test("any statement's leaf is keccak256 of keccak256 of its ABI encoding", async () => {
  fc.assert(
    fc.property(statements, (s) => toHex(leafOf(s)) === leafByViem(s)),
    { numRuns: 300 },
  )
})
