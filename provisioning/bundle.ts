import { isAbsolute, normalize } from "node:path"
import { Decrypter, Encrypter } from "age-encryption"
import { z } from "zod"
import { PersonError } from "../protocol/error.ts"
import { newIdentity } from "../protocol/seal.ts"

/** One file of a bundle: where it goes below the gateway's folder, and who may read it there. */
export interface BundledFile {
  path: string
  for: Reader
  content: Uint8Array
}
const readers = ["anyone", "gateway", "superuser"] as const
export type Reader = (typeof readers)[number]

/** All that a new gateway needs. */
export interface Bundle {
  /** Which of the files is the configuration. */
  config: string
  files: BundledFile[]
  /** What opens the sealed keys among them; the box seals it for itself. */
  passphrase?: string
}

/** The name under which a first boot looks for the configuration, whatever it was called on the operator's table. */
export const bundledConfig = "gateway.yaml"

/**
 * What a bundle is encrypted with: a passphrase, the public key of the box (`age1…`), or a key that lies in it, so that
 * whoever holds the file can open it.
 */
export type Lock = { passphrase: string } | { recipient: string } | "key inside"
export type Opener = { passphrase: string } | { identity: string }
/** What it takes to open one. */
export type Opens = "passphrase" | "key" | "key inside"

/** 2^15: 32 MB. The usual 2^18 would take half of a small box's memory. */
const workFactor = 15

const shape = z.strictObject({
  format: z.literal("commonwatt bundle 1"),
  config: z.string(),
  files: z.array(
    z.strictObject({
      path: z.string().refine(staysInside, "leads out of the folder"),
      for: z.enum(readers),
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

/** An age file (age-encryption.org/v1); where its key is inside, that is the line before it. */
export async function lockBundle({ config, files, passphrase }: Bundle, lock: Lock): Promise<Uint8Array> {
  const text = JSON.stringify({
    format: "commonwatt bundle 1",
    config,
    files: files.map((file) => ({ ...file, content: Buffer.from(file.content).toString("base64") })),
    ...(passphrase !== undefined && { passphrase }),
  })
  const encrypter = new Encrypter()
  if (lock === "key inside") {
    const { identity, recipient } = await newIdentity()
    encrypter.addRecipient(recipient)
    return Buffer.concat([Buffer.from(`${identity}\n`), await encrypter.encrypt(text)])
  }
  if ("recipient" in lock) encrypter.addRecipient(lock.recipient)
  else {
    encrypter.setScryptWorkFactor(workFactor)
    encrypter.setPassphrase(lock.passphrase)
  }
  return encrypter.encrypt(text)
}

const keyPrefix = "AGE-SECRET-KEY-1"
/** An age key is 74 characters; the header's first stanza begins within the first two lines. */
const headBytes = 200

/** @returns undefined for what is no bundle, or is torn at its head. */
export function opensWith(bytes: Uint8Array): Opens | undefined {
  const head = Buffer.from(bytes.subarray(0, headBytes)).toString("latin1")
  if (head.startsWith(keyPrefix)) return "key inside"
  if (!head.startsWith("age-encryption.org/v1\n-> ")) return undefined
  return head.includes("-> scrypt ") ? "passphrase" : "key"
}

/**
 * @param opener needed unless its key is inside.
 * @throws PersonError when it does not open, or is no bundle.
 */
export async function openBundle(bytes: Uint8Array, opener?: Opener): Promise<Bundle> {
  const opens = opensWith(bytes)
  if (opens === undefined) throw new PersonError("This is no bundle of Commonwatt, or its beginning is lost.")
  const decrypter = new Decrypter()
  let sealed = bytes
  if (opens === "key inside") {
    const end = bytes.indexOf(10)
    sealed = bytes.subarray(end + 1)
    addKey(decrypter, Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString("latin1"))
  } else if (opener === undefined) throw new PersonError(`The bundle is locked with a ${opens}.`)
  else if ("identity" in opener) addKey(decrypter, opener.identity)
  else decrypter.addPassphrase(opener.passphrase)
  let text: string
  try {
    text = await decrypter.decrypt(sealed, "text")
  } catch (cause) {
    if (/no identity matched/.test((cause as Error).message) && opens !== "key inside")
      throw new PersonError(`The bundle does not open: its ${opens} is another one.`, { cause })
    throw new PersonError("The bundle does not open: it is torn or damaged.", {
      next: "Copy it again, and eject the card or stick before you pull it out.",
      cause,
    })
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

function addKey(decrypter: Decrypter, key: string): void {
  try {
    decrypter.addIdentity(key)
  } catch (cause) {
    throw new PersonError("The key that opens the bundle is torn or damaged.", { cause })
  }
}
