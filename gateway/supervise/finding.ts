/** `alarm`: energy or money is not counted, or soon will not be. `warning`: to be seen to within days. */
export type Severity = "alarm" | "warning"

/** Something that is wrong with a gateway, in words for whoever looks after it. */
export interface Finding {
  /** A stable name for programs: `meter-silent`. */
  code: string
  severity: Severity
  /** Which meter, bus, file or validator; undefined where there is only one of its kind. */
  about: string | undefined
  /** What is wrong, in one sentence. */
  what: string
  /** What follows from it for the households and the operator. */
  means: string
  /** What to do next. */
  next: string
  /** Unix seconds; undefined where nobody knows. */
  since: number | undefined
}

/** Alarms first, then in the order in which they began. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity }: Finding) => (severity === "alarm" ? 0 : 1)
  const start = ({ since }: Finding) => since ?? Number.POSITIVE_INFINITY
  return [...findings].sort(
    (a, b) => rank(a) - rank(b) || (start(a) < start(b) ? -1 : start(a) > start(b) ? 1 : 0),
  )
}

/** Another part's words, as they end in the middle of a sentence. */
export function within(words: string): string {
  return words.replace(/[.\s]+$/, "")
}

/** "45 s", "12 min", "3 h", "4 days": no finer than a caretaker needs. */
export function howLong(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}
