import { type Connection, connect, LineLost, NoAnswer, type Request } from "./connection.ts"
import { ModbusException, type Unit } from "./device.ts"
import { BrokenFrame, rtuFraming, tcpFraming } from "./framing.ts"
import { createLateAnswers } from "./late.ts"
import { LineRefused, networkLine, type OpenLine, serialLine } from "./line.ts"
import { answeredAfter, type Bounds, timeoutAfter, unknownPatience, waitedInVain } from "./patience.ts"
import { gapLimit, networkWire, type SerialLine, serialWire, transmissionMs } from "./timing.ts"

/** Where a bus is: a serial line, or a device or server on the network with frames of TCP or of RTU. */
export type BusPlace = { name: string; pauseMs: number } & (
  | { serial: SerialLine & { path: string } }
  | { tcp: { host: string; port: number; framing: "tcp" | "rtu" } }
)

/** Milliseconds of real time. */
export interface BusTimes extends Bounds {
  connectTimeoutMs: number
  /** From one time-out of a unit to its next request: it costs its bus at most one time-out a minute. */
  restMs: number
  /** After a failure to open the line: from the least, doubling to the most. */
  leastReopenMs: number
  mostReopenMs: number
  /** After so long a late answer is not expected any more. */
  lateMs: number
}

export const usualBusTimes: BusTimes = {
  firstMs: 1500,
  leastMs: 200,
  mostMs: 4000,
  connectTimeoutMs: 3000,
  restMs: 60_000,
  leastReopenMs: 500,
  mostReopenMs: 30_000,
  lateMs: 60_000,
}

/** One line to one or several units. Requests take turns, whoever asks. */
export interface Bus {
  /** "modbus meter room unit 3" is where a reading came from. */
  readonly name: string
  /** @param pauseMs the rest that the unit wants before each request. */
  unit(unit: number, pauseMs?: number): Unit
  /** Another number whenever the line was lost or opened anew: who answers then may be somebody else. */
  connection(): number
  /** Requests that wait are rejected; the one under way comes to its end. */
  close(): Promise<void>
}

/** The unit did not answer in time, or is being left alone since it did not. */
export class UnitSilent extends Error {
  override name = "UnitSilent"
  /** When it may be asked again. */
  readonly retryInMs: number

  constructor(message: string, retryInMs: number, cause?: unknown) {
    super(message, { cause })
    this.retryInMs = retryInMs
  }
}

/** The line cannot be opened: nobody on it can be asked. */
export class BusDown extends Error {
  override name = "BusDown"
  readonly retryInMs: number
  /** What a person can do about it. */
  readonly next: string | undefined

  constructor(message: string, retryInMs: number, next: string | undefined, cause: unknown) {
    super(message, { cause })
    this.retryInMs = retryInMs
    this.next = next
  }
}

/** What came was not the answer, or the line went away in the middle of it. */
export class BusFault extends Error {
  override name = "BusFault"
}

/** The exception of a gateway that had its own time-out: as dear to the bus as one of ours. */
const gatewayWaitedInVain = 11

/** Opens nothing yet: the first request does. */
export function openBus(
  place: BusPlace,
  times: BusTimes = usualBusTimes,
  monotonic: () => number = () => performance.now(),
): Bus {
  const { name, pauseMs } = place
  const { wire, framing, open } = layersOf(place, times)
  const late = framing === rtuFraming ? createLateAnswers(times.lateMs, monotonic) : undefined
  const patience = new Map<number, typeof unknownPatience>()
  const restUntil = new Map<number, number>()
  let connection: Connection | undefined
  let connections = 0
  let refused: { times: number; until: number; error: LineRefused } | undefined
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  async function opened(): Promise<Connection> {
    if (connection?.isOpen) return connection
    await discard()
    if (refused && monotonic() < refused.until) throw down(refused)
    try {
      connection = await connect(open, framing, wire.quietMs, monotonic)
    } catch (error) {
      if (!(error instanceof LineRefused)) throw error
      const failures = (refused?.times ?? 0) + 1
      const delay = Math.min(times.leastReopenMs * 2 ** (failures - 1), times.mostReopenMs)
      refused = { times: failures, until: monotonic() + delay, error }
      throw down(refused)
    }
    refused = undefined
    connections++
    // What is left from before, perhaps from another program's request, must not meet the first one.
    await quiet(connection, wire.quietMs)
    return connection
  }

  function down({ error, until }: NonNullable<typeof refused>): BusDown {
    return new BusDown(error.message, Math.max(0, until - monotonic()), error.next, error)
  }

  async function discard(): Promise<void> {
    const old = connection
    connection = undefined
    if (old) connections++
    await old?.close()
  }

  /** @throws BusFault where somebody talks without end. */
  async function quiet(line: Connection, ms: number): Promise<void> {
    const begun = monotonic()
    const most = Math.max(times.mostMs, 2 * ms)
    for (;;) {
      const left = line.lastActive + ms - monotonic()
      if (left <= 0) return
      if (monotonic() - begun > most) {
        await discard()
        throw new BusFault("the line is never quiet")
      }
      await sleep(left)
    }
  }

  /**
   * What may still come after a failure must not meet the next request. A network connection is thrown away, and
   * what comes on it with it. A serial line cannot be: it is listened to until it is quiet; what comes later still,
   * `late` keeps apart.
   */
  async function recover(line: Connection): Promise<void> {
    if ("serial" in place && line.isOpen) await quiet(line, wire.quietMs)
    else await discard()
  }

  /** One request on the wire and its answer. */
  async function exchange(request: Request, rest: number, onTurn?: () => void): Promise<Buffer> {
    const { unit } = request
    const line = await opened()
    await quiet(line, Math.max(wire.silenceMs, pauseMs, rest))
    const known = patience.get(unit) ?? unknownPatience
    const count = request.kind === "read" ? request.count : request.words.length
    const onWireMs = transmissionMs(wire, { count })
    const timeoutMs = onWireMs + timeoutAfter(known, times)
    onTurn?.()
    const asked = monotonic()
    try {
      const answer = await line.ask(request, timeoutMs)
      patience.set(unit, answeredAfter(Math.max(0, monotonic() - asked - onWireMs), known))
      late?.answered(request)
      return answer
    } catch (error) {
      if (error instanceof ModbusException) {
        if (late?.isDoubtful(request)) late.missed(request)
        else late?.answered(request)
        if (error.code !== gatewayWaitedInVain) throw error
        restUntil.set(unit, asked + times.restMs)
        throw new UnitSilent(error.message, restLeft(unit), error)
      }
      late?.missed(request)
      if (error instanceof NoAnswer) {
        patience.set(unit, waitedInVain(known))
        restUntil.set(unit, asked + times.restMs)
      }
      await recover(line)
      if (error instanceof NoAnswer)
        throw new UnitSilent(`unit ${unit} ${error.message}`, restLeft(unit), error)
      if (error instanceof BrokenFrame || error instanceof LineLost)
        throw new BusFault(`unit ${unit}: ${error.message}`, { cause: error })
      throw error
    }
  }

  function restLeft(unit: number): number {
    return Math.max(0, (restUntil.get(unit) ?? 0) - monotonic())
  }

  async function askNow(request: Request, rest: number, onTurn?: () => void): Promise<Buffer> {
    if (closed) throw new BusFault(`the bus ${name} is closed`)
    const { unit } = request
    const left = restLeft(unit)
    if (left > 0) throw new UnitSilent(`unit ${unit} did not answer and is left alone for a while`, left)
    const first = late?.before(request)
    if (first)
      await exchange({ kind: "read", unit, ...first }, rest).catch((error) => {
        if (!(error instanceof ModbusException)) throw error
        throw new BusFault(`unit ${unit}: an answer to an earlier request may still come`, { cause: error })
      })
    return exchange(request, rest, onTurn)
  }

  function ask(request: Request, rest: number, onTurn?: () => void): Promise<Buffer> {
    const turn = last.then(() => askNow(request, rest, onTurn))
    last = turn.catch(() => {})
    return turn
  }

  return {
    name,
    unit: (unit, rest = 0) => ({
      gap: gapLimit(wire, Math.max(pauseMs, rest)),
      read: (block, onTurn) => ask({ kind: "read", unit, ...block }, rest, onTurn),
      async write(address, words) {
        await ask({ kind: "write", unit, address, words }, rest)
      },
    }),
    connection() {
      return connection && !connection.isOpen ? connections + 1 : connections
    },
    close() {
      closed = true
      last = last.then(discard)
      return last as Promise<void>
    },
  }
}

/** The wire, its framing, and how it is opened. */
function layersOf(place: BusPlace, { connectTimeoutMs }: BusTimes) {
  if ("serial" in place) {
    const { serial } = place
    return {
      wire: serialWire(serial),
      framing: rtuFraming,
      open: serialLine(serial.path, serial) satisfies OpenLine,
    }
  }
  const { host, port, framing } = place.tcp
  return {
    wire: networkWire(framing),
    framing: framing === "tcp" ? tcpFraming : rtuFraming,
    open: networkLine(host, port, connectTimeoutMs),
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.ceil(ms)))
}
