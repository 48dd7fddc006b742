import type { Request } from "./connection.ts"
import type { BlockRead } from "./device.ts"
import { mostRegisters } from "./plan.ts"

/**
 * Over RTU a reply bears no number: one that comes late cannot be told from the answer to a new request of the same
 * shape. What can be relied on is order: a unit answers its requests one after the other. So a unit whose answer is
 * still owed is first asked something of another shape: once that is answered, everything before it has come or
 * never will.
 */
export interface LateAnswers {
  /** What is to be asked first, where a late answer could be taken for the answer to this request. */
  before(request: Request): BlockRead | undefined
  /** The request brought no answer, or one that cannot be told to be its own. */
  missed(request: Request): void
  /** The request brought its answer. */
  answered(request: Request): void
  /** Whether an exception that answers the request may be the answer to an earlier one. */
  isDoubtful(request: Request): boolean
}

/** @param patienceMs after so long no answer is expected any more. */
export function createLateAnswers(patienceMs: number, monotonic: () => number): LateAnswers {
  /** Of each unit: the shapes of the answers that it owes, and when they were last asked for. */
  const owed = new Map<number, Map<string, number>>()

  function owedBy(unit: number): Map<string, number> {
    const shapes = owed.get(unit) ?? new Map<string, number>()
    for (const [shape, askedAt] of shapes) if (monotonic() - askedAt >= patienceMs) shapes.delete(shape)
    return shapes
  }

  return {
    before(request) {
      const shapes = owedBy(request.unit)
      return shapes.has(shapeOf(request)) ? otherThan(request, shapes) : undefined
    },
    missed(request) {
      owed.set(request.unit, owedBy(request.unit).set(shapeOf(request), monotonic()))
    },
    answered({ unit }) {
      owed.delete(unit)
    },
    isDoubtful(request) {
      const code = functionOf(request)
      return [...owedBy(request.unit).keys()].some((shape) => shape.startsWith(`${code} `))
    },
  }
}

function functionOf(request: Request): number {
  return request.kind === "write" ? 16 : request.function
}

/** What the reply says of its request: the function; of a read the number of registers, of a write where it went. */
function shapeOf(request: Request): string {
  const { address } = request
  if (request.kind === "write") return `16 at ${address}, ${request.words.length}`
  return `${request.function} ${request.count}`
}

/** A read near by whose answer is unlike all that are owed. By two registers less first: no value is cut in two. */
function otherThan(request: Request, owed: ReadonlyMap<string, number>): BlockRead | undefined {
  const { address } = request
  const code = request.kind === "write" ? 3 : request.function
  const about = request.kind === "write" ? 2 : request.count
  const distance = (count: number) =>
    Math.abs(about - count) + ((about - count) % 2 === 0 ? 0 : 1.5) + (count > about ? 0.25 : 0)
  return Array.from({ length: Math.min(mostRegisters, 0x10000 - address) }, (_, i) => i + 1)
    .sort((a, b) => distance(a) - distance(b))
    .map((count): BlockRead => ({ function: code, address, count }))
    .find(({ count }) => !owed.has(`${code} ${count}`))
}
