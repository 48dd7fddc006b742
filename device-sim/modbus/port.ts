import type { Unit } from "../devices/device.ts"
import { type BusFaultName, type BusFaultSize, busFaults, type Reply, type Step } from "../faults/bus.ts"
import { answer, answerForAbsent } from "./answer.ts"
import type { Framing, Request } from "./framing.ts"

/** A socket or a serial line. */
export interface Port {
  on(event: "data", listener: (chunk: Buffer) => void): unknown
  on(event: "error" | "drain" | "close", listener: () => void): unknown
  write(bytes: Uint8Array): boolean
  pause(): unknown
  resume(): unknown
  destroy(): unknown
}

/** The fault that holds for a unit's reply just now, asked once for each. */
export type BusFaultOf = (unit: number) => ({ fault: BusFaultName } & BusFaultSize) | undefined

export interface Service {
  framing: Framing
  units: ReadonlyMap<number, Unit>
  faultOf: BusFaultOf
  /** How long each reply takes. */
  replyMs: number
}

/** Replies that wait to be late, on one port. */
const maxDelayed = 1000

/** Answers what arrives at a port. */
export function serve(port: Port, { framing, units, faultOf, replyMs }: Service): void {
  let pending: Uint8Array = new Uint8Array(0)
  let before = 0
  let quiet: NodeJS.Timeout | undefined
  const timers = new Set<NodeJS.Timeout>()

  function put({ bytes, cut }: Step): void {
    if (!port.write(bytes)) port.pause()
    if (cut) port.destroy()
  }

  function send(steps: readonly Step[]): void {
    for (const step of steps) {
      const afterMs = step.afterMs + replyMs
      if (afterMs === 0) put(step)
      else if (timers.size >= maxDelayed) port.destroy()
      else {
        const timer = setTimeout(() => {
          timers.delete(timer)
          put(step)
        }, afterMs)
        timers.add(timer)
      }
    }
  }

  function take(request: Request): void {
    const pdu = answerOf(request)
    if (pdu) {
      const reply: Reply = { request, before, pdu, framing }
      const bent = units.has(request.unit) ? faultOf(request.unit) : undefined
      send(
        bent ? busFaults[bent.fault].bend(reply, bent) : [{ afterMs: 0, bytes: framing.frame(request, pdu) }],
      )
    }
    before = request.transaction
  }

  function answerOf({ unit, pdu }: Request): Uint8Array | undefined {
    const target = units.get(unit)
    if (target) return answer(target, pdu)
    return framing.silentWhenAbsent ? undefined : answerForAbsent(pdu)
  }

  port.on("error", () => port.destroy())
  port.on("drain", () => port.resume())
  port.on("close", () => {
    clearTimeout(quiet)
    for (const timer of timers) clearTimeout(timer)
  })
  port.on("data", (chunk) => {
    clearTimeout(quiet)
    const bytes = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk
    const split = framing.split(bytes)
    if (!split) {
      port.destroy()
      return
    }
    for (const request of split.requests) take(request)
    pending = Uint8Array.from(bytes.subarray(split.taken))
    if (pending.length > 0 && framing.quietMs !== undefined)
      quiet = setTimeout(() => {
        pending = new Uint8Array(0)
      }, framing.quietMs)
  })
}
