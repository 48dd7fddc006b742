import { type BlockRead, isRefusal, type Unit } from "./device.ts"
import { type Limits, mostRegisters, planReads } from "./plan.ts"
import { type DecodedPoint, decodePoint, type Point } from "./point.ts"

/** Registers that only make sense together, of one moment: a value with its scale factor, or several of them. */
interface Piece extends BlockRead {
  points: readonly Point[]
}

export interface ReaderOptions {
  points: readonly Point[]
  /** Names of the points that become one reading, the most important first. */
  together: readonly string[]
  limits?: Partial<Limits>
}

/** What was read, by name, and when the first of the points that belong together was asked for. */
export interface PointsRead {
  time: number
  points: Map<string, DecodedPoint>
}

/**
 * Reads a device's points in as few requests as it allows. A device that refuses a block has a hole in it, or wants
 * less at a time: the block is divided until the device answers, and it is asked so from then on.
 */
export class PointReader {
  private readonly together: readonly Point[]
  private readonly others: readonly Point[]
  private readonly limits: Partial<Limits>
  /** Addresses that no block crosses. */
  private readonly cuts: Set<number>
  /** How many of the points that belong together are asked for in one request. */
  private bond: number
  /** Points that have a request of their own. */
  private readonly alone = new Set<Point>()
  /** Points that the device refuses even alone. */
  private readonly refused = new Set<Point>()
  private readonly lastAsked = new Map<Point, number>()

  constructor({ points, together, limits = {} }: ReaderOptions) {
    this.together = together.flatMap((name) => points.filter((point) => point.name === name))
    this.others = points.filter((point) => !together.includes(point.name))
    this.limits = limits
    this.cuts = new Set(limits.boundaries)
    this.bond = this.together.length
  }

  /** Reads what is due. A point that the device does not have comes back as not implemented. */
  async read(unit: Unit, now: () => number): Promise<PointsRead> {
    const start = now()
    const due = this.others.filter((point) => this.isDue(point, start))
    const found = new Map<string, DecodedPoint>()
    let time: number | undefined
    const first = this.together[0]
    const waiting = this.plan([...this.together, ...due], unit)
    while (waiting.length > 0) {
      const { block, points: pieces } = waiting.shift()!
      const points = pieces.flatMap((piece) => piece.points)
      let asked = start
      try {
        const bytes = await unit.read(block, () => {
          asked = now()
        })
        for (const point of points) found.set(point.name, decodeIn(block, bytes, point))
      } catch (error) {
        if (!isRefusal(error)) throw error
        if (points.length > 1 && error.code !== illegalFunction) {
          this.divide(pieces)
          waiting.unshift(...this.plan(points, unit))
          continue
        }
        for (const point of points) {
          if (!this.together.includes(point)) this.refused.add(point)
          found.set(point.name, notThere(point))
        }
      }
      for (const point of points) this.lastAsked.set(point, asked)
      if (first && points.includes(first)) time = asked
    }
    for (const point of this.refused) if (due.includes(point)) found.set(point.name, notThere(point))
    return { time: time ?? start, points: found }
  }

  /** Asks for what was refused once more: the device may be another one. */
  askAgain(): void {
    this.refused.clear()
  }

  private isDue(point: Point, now: number): boolean {
    const last = this.lastAsked.get(point)
    if (point.everySeconds === undefined || last === undefined) return true
    // A clock that was set back must not silence a point.
    return now < last || now >= last + point.everySeconds
  }

  private plan(points: readonly Point[], unit: Unit) {
    const asked = points.filter((point) => !this.refused.has(point))
    const boundaries = [...this.cuts]
    const most = Math.min(this.limits.most ?? mostRegisters, mostRegisters)
    const isCut = ({ address, count }: Piece) =>
      boundaries.some((begin) => begin > address && begin < address + count)
    // As many of them as one request can bring: power is left out before a register is.
    const bonded = this.together.slice(0, this.bond).filter((point) => asked.includes(point))
    let bond: Piece | undefined
    while (bonded.length > 1) {
      const piece = pieceOf(bonded)
      if (piece && piece.count <= most && !isCut(piece)) {
        bond = piece
        break
      }
      bonded.pop()
    }
    const pieces = asked
      .filter((point) => !bond?.points.includes(point))
      .map((point) => ({ piece: pieceOf([point])!, point }))
    const isSingle = ({ piece, point }: (typeof pieces)[number]) => this.alone.has(point) || isCut(piece)
    const planned = pieces.filter((one) => !isSingle(one)).map(({ piece }) => piece)
    const gap = Math.min(unit.gap ?? usualGap, this.limits.gap ?? usualGap)
    return [
      ...planReads(bond ? [bond, ...planned] : planned, { gap, most, boundaries }),
      ...pieces.filter(isSingle).map(({ piece: { function: code, address, count, points } }) => ({
        block: { function: code, address, count },
        points: [{ function: code, address, count, points }],
      })),
    ]
  }

  /** Divides a refused block: at its holes if it has any, else in the middle, and the points of one moment last. */
  private divide(pieces: readonly Piece[]): void {
    if (pieces.length === 1) {
      this.bond = pieces[0]!.points.length - 1
      return
    }
    const sorted = [...pieces].sort((a, b) => a.address - b.address)
    const seams: { address: number; hole: boolean }[] = []
    let end = sorted[0]!.address + sorted[0]!.count
    for (const { address, count } of sorted.slice(1)) {
      if (address >= end) seams.push({ address, hole: address > end })
      end = Math.max(end, address + count)
    }
    const holes = seams.filter(({ hole }) => hole)
    if (holes.length > 0) for (const { address } of holes) this.cuts.add(address)
    else if (seams.length > 0) this.cuts.add(seams[seams.length >> 1]!.address)
    else for (const { points } of pieces) if (points.length === 1) this.alone.add(points[0]!)
  }
}

/** Modbus exception: no other division of the block would help. */
const illegalFunction = 1

/** Registers that are as cheap to read as to ask anew, on a bus that does not say. */
const usualGap = 16

/** @returns undefined for points of two functions, which no one request brings. */
function pieceOf(points: readonly Point[]): Piece | undefined {
  const { function: code } = points[0]!
  if (points.some((point) => point.function !== code)) return
  const begins = points.flatMap(({ address, factorAddress = address }) => [address, factorAddress])
  const ends = points.flatMap(({ address, registers, factorAddress = address }) => [
    address + registers,
    factorAddress + 1,
  ])
  const address = Math.min(...begins)
  return { function: code, address, count: Math.max(...ends) - address, points }
}

function decodeIn(block: BlockRead, bytes: Buffer, point: Point): DecodedPoint {
  const at = (address: number, count: number) =>
    bytes.subarray(2 * (address - block.address), 2 * (address - block.address + count))
  const factor = point.factorAddress === undefined ? undefined : at(point.factorAddress, 1)
  return decodePoint(point, at(point.address, point.registers), factor)
}

const notThere = ({ name, unit }: Point): DecodedPoint => ({
  name,
  quality: "not-implemented",
  ...(unit && { unit }),
})
