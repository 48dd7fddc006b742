/** How often a line is written where nobody watches it grow. */
const everyMs = 2_000

/**
 * Says on stderr what is being done: on a terminal one line that is written over, elsewhere a line now and then.
 * @param monotonic milliseconds of a clock that never steps.
 */
export function showProgress(
  stream: { isTTY?: boolean; columns?: number; write(text: string): unknown },
  monotonic: () => number,
): { say(what: string): void; done(): void } {
  let last = -everyMs
  let shown = false
  return {
    say(what) {
      const now = monotonic()
      if (now - last < (stream.isTTY ? 100 : everyMs)) return
      last = now
      if (stream.isTTY) stream.write(`\r\x1b[2K${what.slice(0, (stream.columns ?? 80) - 1)}`)
      else stream.write(`${what}\n`)
      shown = true
    },
    done() {
      if (shown && stream.isTTY) stream.write("\r\x1b[2K")
    },
  }
}
