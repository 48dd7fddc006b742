/**
 * An error that a person meets: one sentence, the context, and what to do next. Commands print these without a
 * stack trace; anything else that is thrown is a defect of ours.
 */
export class PersonError extends Error {
  override name = "PersonError"
  readonly context: readonly string[]
  readonly next: string | undefined

  constructor(sentence: string, more: { context?: readonly string[]; next?: string; cause?: unknown } = {}) {
    super(sentence, more.cause === undefined ? undefined : { cause: more.cause })
    this.context = more.context ?? []
    this.next = more.next
  }
}
