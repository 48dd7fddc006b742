/** The bytes are not a signed snapshot. The message is one sentence for a person. */
export class MalformedBsm extends Error {
  override name = "MalformedBsm"
}
