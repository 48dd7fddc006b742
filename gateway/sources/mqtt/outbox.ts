export interface OutgoingMessage {
  topic: string
  payload: string
  /** Kept by the broker for those who come later: of several that wait only the last matters. */
  retain: boolean
}

/**
 * aedes takes 100 messages at once and works off what waits behind them by recursion, until the stack ends: it is
 * never given that many.
 */
const mostUnderWay = 50
/** What nobody fetches in time is not worth the memory: a receipt can be had again by sending once more. */
const mostWaiting = 1000

/** What the gateway has to say, a little at a time. */
export function createOutbox(
  publish: (message: OutgoingMessage, done: () => void) => void,
): (message: OutgoingMessage) => void {
  const waiting = new Map<string | symbol, OutgoingMessage>()
  let underWay = 0

  function next(): void {
    for (const [key, message] of waiting) {
      if (underWay >= mostUnderWay) return
      waiting.delete(key)
      underWay++
      publish(message, () => {
        underWay--
        setImmediate(next)
      })
    }
  }

  return (message) => {
    waiting.set(message.retain ? message.topic : Symbol(), message)
    const [oldest] = waiting.keys()
    if (waiting.size > mostWaiting) waiting.delete(oldest!)
    next()
  }
}
