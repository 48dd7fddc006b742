import type { Context } from "hono"
import { streamSSE } from "hono/streaming"
import { createChanges } from "./changes.ts"

const lookEveryMs = 1000
const heartbeatMs = 15_000
/** After this a stream ends and the browser asks anew: so a session that was ended elsewhere hears no more. */
const longestMs = 5 * 60_000
/** So many pages may listen at once, of all households together, and so many of one. */
export const mostListeners = 60
export const mostOfOne = 8

/** Server-sent events: the value as JSON, at once and whenever it is another. */
export function createEvents() {
  const changesOf = new Map<string, ReturnType<typeof createChanges>>()
  let open = 0

  /** @param name whose value it is. @param look makes the value's JSON. */
  return (c: Context, name: string, look: () => string): Response => {
    let changes = changesOf.get(name)
    if (!changes) {
      changes = createChanges(look, {
        everyMs: lookEveryMs,
        mostListeners: name === "" ? mostListeners : mostOfOne,
      })
      changesOf.set(name, changes)
    }
    const listener = open < mostListeners ? changes.listen() : undefined
    if (!listener)
      return c.json({ error: "Too many pages are open at once.", next: "Ask again in half a minute." }, 503, {
        "retry-after": "30",
      })
    open++
    c.header("cache-control", "no-store")
    const leave = () => {
      if (listener.left) return
      listener.leave()
      open--
      if (changes.listeners === 0) changesOf.delete(name)
    }
    const until = performance.now() + longestMs
    return streamSSE(c, async (stream) => {
      stream.onAbort(leave)
      try {
        await stream.write(": connected\n\n")
        while (!listener.left && performance.now() < until) {
          const data = await listener.next(heartbeatMs)
          if (data !== undefined) await stream.writeSSE({ event: "live", data })
          else if (!listener.left) await stream.write(": still here\n\n")
        }
      } finally {
        leave()
      }
    })
  }
}
