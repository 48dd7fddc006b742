/** The bytes are not an OCMF record, or say one thing in two ways. The message is one sentence for a person. */
export class MalformedOcmf extends Error {
  override name = "MalformedOcmf"
}
