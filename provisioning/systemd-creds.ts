import { spawnSync } from "node:child_process"
import { PersonError } from "../protocol/error.ts"

/** The credential's name, as the unit's LoadCredentialEncrypted= has it. */
const name = "passphrase"

/**
 * Encrypts the passphrase for this machine alone: with its TPM where there is one, otherwise with its host key. It
 * comes and goes by pipe: arguments can be seen by others.
 * @throws PersonError where systemd-creds is not there or refuses.
 */
export function encryptCredential(passphrase: string): Buffer {
  return run(["encrypt", `--name=${name}`, "-", "-"], passphrase)
}

/** @throws PersonError on another machine, or without the right to. */
export function decryptCredential(credential: Buffer): string {
  return run(["decrypt", `--name=${name}`, "-", "-"], credential).toString("utf8")
}

function run(args: string[], input: string | Buffer): Buffer {
  const { error, status, stdout, stderr } = spawnSync("systemd-creds", args, { input })
  if (error || status !== 0)
    throw new PersonError("systemd-creds does not do it.", {
      context: [error?.message ?? stderr.toString("utf8").trim()],
      next: "Run as root on the gateway itself; on a machine without systemd give --passphrase-file.",
    })
  return stdout
}
