import type { BlockRead } from "./device.ts"

/** What one request may ask for. */
export interface Limits {
  /** Registers whose transmission costs as much as one more request: `gapLimit` computes it. */
  gap: number
  /** Registers that the device gives at most in one reply; the protocol has room for 125. */
  most?: number
  /** Addresses that begin a block of their own: the device refuses a read across them. */
  boundaries?: readonly number[]
}

/** A block and the points that it brings. */
export interface PlannedRead<Point> {
  block: BlockRead
  points: Point[]
}

/** The protocol's own limit: a reply has one byte for its length, and a frame 256 bytes. */
export const mostRegisters = 125

/**
 * The cheapest reads that bring every point once. A point is never divided: what must come from one moment is one
 * point.
 * @throws RangeError when a point alone is more than one request may ask for.
 */
export function planReads<Point extends BlockRead>(
  points: readonly Point[],
  { gap, most = mostRegisters, boundaries = [] }: Limits,
): PlannedRead<Point>[] {
  const limit = Math.min(most, mostRegisters)
  return ([3, 4] as const).flatMap((code) => {
    const sorted = points
      .filter((point) => point.function === code)
      .sort((a, b) => a.address - b.address || a.count - b.count)
    return cheapest(sorted, (block) => fits(block, limit, boundaries), gap)
  })
}

function fits({ address, count }: BlockRead, most: number, boundaries: readonly number[]): boolean {
  return count <= most && !boundaries.some((begin) => begin > address && begin < address + count)
}

/** What the first so many points cost, in registers, and the read that brings the last of them. */
interface Way {
  cost: number
  before?: Way
  read?: PlannedRead<unknown>
}

/** Shortest path over the points in their order: each block brings a run of neighbours. */
function cheapest<Point extends BlockRead>(
  sorted: readonly Point[],
  allowed: (block: BlockRead) => boolean,
  gap: number,
): PlannedRead<Point>[] {
  const ways: Way[] = [{ cost: 0 }]
  for (let to = 1; to <= sorted.length; to++) {
    let best: Way | undefined
    for (let from = to - 1; from >= 0; from--) {
      const run = sorted.slice(from, to)
      const block = around(run)
      if (!allowed(block)) break
      const before = ways[from]!
      const cost = before.cost + gap + block.count
      // Of two ways that cost the same the one with fewer requests is taken: it was seen later.
      if (!best || cost <= best.cost) best = { cost, before, read: { block, points: run } }
    }
    if (!best) {
      const { address, count } = sorted[to - 1]!
      throw new RangeError(`no single request may ask for the ${count} registers at ${address}`)
    }
    ways.push(best)
  }
  const reads: PlannedRead<Point>[] = []
  for (let way: Way | undefined = ways.at(-1); way?.read; way = way.before)
    reads.unshift(way.read as PlannedRead<Point>)
  return reads
}

function around(run: readonly BlockRead[]): BlockRead {
  const { function: code, address } = run[0]!
  const end = Math.max(...run.map((point) => point.address + point.count))
  return { function: code, address, count: end - address }
}
