import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { PersonError } from "../protocol/error.ts"
import { readPassphrase, readSecret } from "../protocol/sealed-secret.ts"
import { lockBundle, openBundle } from "../provisioning/bundle.ts"
import { gather, unpack } from "../provisioning/bundle-files.ts"
import { encryptCredential } from "../provisioning/systemd-creds.ts"
import { optional, required, type Values } from "./command.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Puts all that a new gateway needs into one encrypted file. */
export async function bundle(values: Values): Promise<number> {
  const config = required(values, "config", "the new gateway's configuration")
  const identity = optional(values, "dir")
  const out = required(values, "out", "the file for the bundle")
  const recipient = optional(values, "to")
  const lockFile = optional(values, "lock-file")
  if ((recipient === undefined) === (lockFile === undefined))
    throw new PersonError(
      "What is the bundle locked with? Give --to age1… (the box's key) or --lock-file FILE (a passphrase).",
    )
  const passphraseFile = optional(values, "passphrase-file")
  const gathered = gather(config, identity === undefined ? undefined : resolve(identity))
  for (const { path, secret } of gathered.files) say(`${secret ? "secret" : "open  "}  ${path}`)
  if (passphraseFile !== undefined)
    say("with the passphrase of the sealed keys, which the box seals for itself")
  if (values["dry-run"]) return 0
  const locked = await lockBundle(
    { ...gathered, ...(passphraseFile !== undefined && { passphrase: readPassphrase(passphraseFile) }) },
    recipient !== undefined ? { recipient } : { passphrase: readPassphrase(lockFile!) },
  )
  writeFileSync(out, locked, { mode: 0o600, flag: "wx", flush: true })
  say(`${out}: ${locked.length} bytes`)
  return 0
}

/** Takes a bundle on a new gateway. */
export async function unbundle(values: Values, [file]: readonly string[]): Promise<number> {
  if (file === undefined)
    throw new PersonError("Which bundle?", { next: "commonwatt provision unbundle FILE --dir DIR …" })
  const folder = resolve(required(values, "dir", "the folder of the gateway's configuration"))
  const lockFile = optional(values, "lock-file")
  const keyFile = optional(values, "key-file")
  if ((lockFile === undefined) === (keyFile === undefined))
    throw new PersonError(
      "What opens the bundle? Give --lock-file FILE (a passphrase) or --key-file FILE (the box's key).",
    )
  if (!existsSync(file)) throw new PersonError(`There is no bundle ${file}.`)
  const opened = await openBundle(
    readFileSync(file),
    keyFile !== undefined
      ? { identity: readSecret(keyFile, "The box's key") }
      : { passphrase: readPassphrase(lockFile!) },
  )
  for (const { path } of opened.files) say(join(folder, path))
  if (values["dry-run"]) return 0
  // Sealed before anything is written: where it cannot be, the keys could not be opened.
  const credential = sealedPassphrase(opened.passphrase, values)
  const written = unpack(opened, folder)
  credential?.(folder)
  say(written.length > 0 ? `${written.length} files written` : "everything was there already")
  if (values.remove) {
    rmSync(file)
    say(`${file} is removed`)
  }
  return 0
}

/** The passphrase goes to systemd's credential, or to a file where the person says so; never into the folder in the clear. */
function sealedPassphrase(
  passphrase: string | undefined,
  values: Values,
): ((folder: string) => void) | undefined {
  if (passphrase === undefined) return undefined
  const to = optional(values, "passphrase-to")
  if (to !== undefined)
    return () => {
      writeFileSync(to, `${passphrase}\n`, { mode: 0o600, flush: true })
      say(`the passphrase of the sealed keys is in ${to}: COMMONWATT_PASSPHRASE_FILE=${to}`)
    }
  const encrypted = encryptCredential(passphrase)
  return (folder) => {
    const file = join(folder, "passphrase.cred")
    writeFileSync(file, encrypted, { mode: 0o600, flush: true })
    say(`For the gateway's unit: LoadCredentialEncrypted=passphrase:${file}`)
  }
}
