import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption"

/** A public key that sealed evidence is encrypted to: `age1…` (age, X25519). */
export type Recipient = string
/** The secret key that opens it: `AGE-SECRET-KEY-1…`. */
export type Identity = string

export async function newIdentity(): Promise<{ identity: Identity; recipient: Recipient }> {
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}

/** The public key of a secret one. */
export { identityToRecipient }

/** Encrypts to every recipient; each can open it alone. @throws RangeError without any: nobody could open it. */
export async function seal(content: Uint8Array, recipients: readonly Recipient[]): Promise<Uint8Array> {
  return encrypterTo(recipients).encrypt(content)
}

/** As `seal`, of a content that is never in memory as a whole. */
export async function sealStream(
  content: AsyncIterable<Uint8Array>,
  recipients: readonly Recipient[],
): Promise<AsyncIterable<Uint8Array>> {
  return encrypterTo(recipients).encrypt(ReadableStream.from(content))
}

function encrypterTo(recipients: readonly Recipient[]): Encrypter {
  if (recipients.length === 0) throw new RangeError("Sealed evidence needs at least one recipient.")
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter
}

/** @returns undefined when none of the identities can open it. */
export async function unseal(
  sealed: Uint8Array,
  identities: readonly Identity[],
): Promise<Uint8Array | undefined> {
  if (identities.length === 0) return undefined
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  try {
    return await decrypter.decrypt(sealed)
  } catch {
    return undefined
  }
}
