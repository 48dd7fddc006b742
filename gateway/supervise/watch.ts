import type { Logger } from "pino"
import type { Finding } from "./finding.ts"

/** Says in the log what came and what went, each once. */
export function watchFindings(log: Pick<Logger, "info" | "warn">): (findings: readonly Finding[]) => void {
  let before = new Map<string, Finding>()
  return (findings) => {
    const present = new Map(findings.map((finding) => [`${finding.code} ${finding.about ?? ""}`, finding]))
    for (const [key, { code, severity, about, what }] of present)
      if (!before.has(key)) log.warn({ code, severity, about }, what)
    for (const [key, { code, about }] of before)
      if (!present.has(key)) log.info({ code, about }, "no longer so")
    before = present
  }
}
