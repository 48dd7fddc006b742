import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { PersonError } from "./error.ts"

/**
 * Where a machine keeps the passphrase of its sealed keys, encrypted for itself alone: with its TPM where there is one,
 * otherwise with a host key that only its superuser reads. Units load it by this name, and start without it where it is
 * not there (systemd.exec(5), LoadCredentialEncrypted=).
 */
export const machinePassphraseFile = "/etc/credstore.encrypted/commonwatt.passphrase"

/** The credential's name: it is part of what is encrypted. */
const name = "passphrase"

/** @returns undefined where this machine has none, or this user may not see it. @throws PersonError where it does not open. */
export function machinePassphrase(file = machinePassphraseFile): string | undefined {
  if (!existsSync(file)) return undefined
  return systemdCreds(["decrypt", `--name=${name}`, "-", "-"], readFileSync(file)).toString("utf8")
}

/**
 * Keeps a passphrase for this machine. The same one again changes nothing.
 * @throws PersonError where there is another, which other keys may need, or where systemd-creds refuses.
 */
export function keepMachinePassphrase(passphrase: string, file = machinePassphraseFile): void {
  const kept = machinePassphrase(file)
  if (kept === passphrase) return
  if (kept !== undefined)
    throw new PersonError("This machine keeps a passphrase already, and it is another one.", {
      context: [file],
      next: "Other sealed keys of this machine may need it. If there are none, move it away and try again.",
    })
  const encrypted = encrypt(passphrase)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, encrypted, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

/** A TPM that is there and refuses must not keep a gateway from starting. */
function encrypt(passphrase: string): Buffer {
  const by = (key: string) =>
    systemdCreds(["encrypt", `--with-key=${key}`, `--name=${name}`, "-", "-"], passphrase)
  try {
    return by("auto")
  } catch {
    return by("host")
  }
}

/** Secrets come and go by pipe: arguments can be seen by others. */
function systemdCreds(args: string[], input: string | Buffer): Buffer {
  const { error, status, stdout, stderr } = spawnSync("systemd-creds", args, { input })
  if (error || status !== 0)
    throw new PersonError("systemd-creds does not do it.", {
      context: [error?.message ?? stderr.toString("utf8").trim()],
      next: "Run as root on the gateway itself; on a machine without systemd give --passphrase-file.",
    })
  return stdout
}
