/** Why something failed, in one line for people; viem has a short message, fetch hides its reason in the cause. */
export function reasonOf(error: unknown): string {
  const { shortMessage, message, cause } = error as { shortMessage?: string; message?: string; cause?: Error }
  const reason = shortMessage ?? message ?? String(error)
  return cause?.message && !shortMessage ? `${reason} (${cause.message})` : reason
}
