import { isAbsolute, normalize } from "node:path"
import { Decrypter, Encrypter } from "age-encryption"
import { z } from "zod"
import { PersonError } from "../protocol/error.ts"

/** One file of a bundle: where it goes below the gateway's folder, and whether others may read it. */
export interface BundledFile {
  path: string
  secret: boolean
  content: Uint8Array
}

/** All that a new gateway needs. */
export interface Bundle {
  /** Which of the files is the configuration. */
  config: string
  files: BundledFile[]
  /** What opens the sealed keys among them; the box seals it for itself. */
  passphrase?: string
}

/** What a bundle is encrypted with: a passphrase, or the public key of the box (`age1…`). */
export type Lock = { passphrase: string } | { recipient: string }
export type Opener = { passphrase: string } | { identity: string }

/** 2^15: 32 MB. The usual 2^18 would take half of a small box's memory. */
const workFactor = 15

const shape = z.strictObject({
  format: z.literal("commonwatt bundle 1"),
  config: z.string(),
  files: z.array(
    z.strictObject({
      path: z.string().refine(staysInside, "leads out of the folder"),
      secret: z.boolean(),
      content: z.base64().transform((text) => Uint8Array.from(Buffer.from(text, "base64"))),
    }),
  ),
  passphrase: z.string().min(1).exactOptional(),
})

/** A bundle comes from a card that anyone may have had in hand. */
export function staysInside(path: string): boolean {
  const parts = path.split("/")
  return (
    path !== "" &&
    !isAbsolute(path) &&
    !/[\\\0]/.test(path) &&
    normalize(path) === path &&
    !parts.includes("..") &&
    !parts.includes(".") &&
    !parts.includes("")
  )
}

/** An age file (age-encryption.org/v1). */
export async function lockBundle({ config, files, passphrase }: Bundle, lock: Lock): Promise<Uint8Array> {
  const text = JSON.stringify({
    format: "commonwatt bundle 1",
    config,
    files: files.map((file) => ({ ...file, content: Buffer.from(file.content).toString("base64") })),
    ...(passphrase !== undefined && { passphrase }),
  })
  const encrypter = new Encrypter()
  if ("recipient" in lock) encrypter.addRecipient(lock.recipient)
  else {
    encrypter.setScryptWorkFactor(workFactor)
    encrypter.setPassphrase(lock.passphrase)
  }
  return encrypter.encrypt(text)
}

/** @throws PersonError when it does not open, or is no bundle. */
export async function openBundle(bytes: Uint8Array, opener: Opener): Promise<Bundle> {
  const decrypter = new Decrypter()
  if ("identity" in opener) decrypter.addIdentity(opener.identity)
  else decrypter.addPassphrase(opener.passphrase)
  let text: string
  try {
    text = await decrypter.decrypt(bytes, "text")
  } catch (cause) {
    throw new PersonError(
      "The bundle does not open: the passphrase or key is another one, or the file is damaged.",
      {
        cause,
      },
    )
  }
  let bundle: z.output<typeof shape>
  try {
    bundle = shape.parse(JSON.parse(text))
  } catch (cause) {
    throw new PersonError("This is no bundle of Commonwatt.", { cause })
  }
  const { format: _, ...rest } = bundle
  const paths = new Set(rest.files.map(({ path }) => path))
  if (paths.size !== rest.files.length || !paths.has(rest.config))
    throw new PersonError("The bundle is not whole: a file is there twice, or the configuration is not.")
  return rest
}
