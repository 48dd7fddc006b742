/** Bytes that go over the line at once: what is lost when it is cut. */
export const backupChunkBytes = 512 * 1024

/** What a gateway asks of another one that keeps its back-ups. */
export interface BackupRequest {
  method: "GET" | "PUT"
  /** From `/backups/` on, with its query. */
  path: string
  /** What the keeper gave out to be signed. */
  challenge: string
  /** SHA-256 of the body in hexadecimal. */
  digest: string
}

/** What is signed of an address: a proxy may have put something before it. */
export function backupPath(url: string | URL): string {
  const { pathname, search } = new URL(url)
  return pathname.slice(Math.max(0, pathname.indexOf("/backups/"))) + search
}

/** What is signed is chosen by the keeper: it must be one word, and nothing that reads like the rest of the text. */
export function isChallenge(text: string): boolean {
  return /^[\w-]{20,80}$/.test(text)
}

/** The text that the site's key signs (EIP-191, `personal_sign`), so that a keeper knows whose back-up it is asked for. */
export function backupRequestText({ method, path, challenge, digest }: BackupRequest): string {
  return `Commonwatt back-up 1\n${method} ${path}\n${challenge}\n${digest}`
}

/** The header `authorization` of such a request. */
export function backupAuthorization(challenge: string, digest: string, signature: string): string {
  return `Commonwatt-Site ${challenge}.${digest}.${signature}`
}

/** @returns undefined where it is no such header. */
export function readBackupAuthorization(header: string) {
  const found = /^Commonwatt-Site ([\w-]{20,80})\.([0-9a-f]{64})\.(0x[0-9a-f]{130})$/.exec(header)
  if (!found) return undefined
  const [, challenge, digest, signature] = found
  return { challenge: challenge!, digest: digest!, signature: signature as `0x${string}` }
}
