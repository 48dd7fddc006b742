import { createHash, randomBytes } from "node:crypto"
import { appendFileSync, chownSync, existsSync, readFileSync, statSync, truncateSync } from "node:fs"
import { dirname, join } from "node:path"
import { z } from "zod"
import { PersonError } from "../../protocol/error.ts"
import type { Hex } from "../../protocol/hex.ts"

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const entryShape = z.union([
  /** Whom the token with this SHA-256 lets in, until when (Unix seconds). */
  z.strictObject({
    token: hash,
    household: z.string().regex(/^0x[0-9a-f]{40}$/) as unknown as z.ZodType<Hex>,
    expires: z.int().positive(),
  }),
  z.strictObject({ redeemed: hash }),
])

/** A line of the file: an invitation, or that one was redeemed. A token itself is kept nowhere. */
export type InvitationEntry = z.output<typeof entryShape>

/** 128 bits: nobody guesses one. */
const tokenBytes = 16
const tokenPattern = /^[A-Za-z0-9_-]{22}$/

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex")

/**
 * Invites a household's member, once, until `expires` (Unix seconds).
 * @returns the token for the link `https://HOST/join#TOKEN`, and the entry to keep.
 */
export function newInvitation(
  household: Hex,
  expires: number,
  random: Uint8Array = randomBytes(tokenBytes),
): { token: string; entry: InvitationEntry } {
  const token = Buffer.from(random).toString("base64url")
  return { token, entry: { token: hashOf(token), household, expires } }
}

/**
 * Takes a token, once.
 * @param now Unix seconds.
 * @returns the household that it lets in and the entry to keep before anyone is let in; undefined for a token that is
 * unknown, expired or was redeemed: which of these is not for the one who tries.
 */
export function redeemInvitation(
  entries: readonly InvitationEntry[],
  token: string,
  now: number,
): { household: Hex; entry: InvitationEntry } | undefined {
  if (!tokenPattern.test(token)) return undefined
  const hashed = hashOf(token)
  if (entries.some((entry) => "redeemed" in entry && entry.redeemed === hashed)) return undefined
  const found = entries.find((entry) => "token" in entry && entry.token === hashed)
  if (!found || !("token" in found) || now >= found.expires) return undefined
  return { household: found.household, entry: { redeemed: hashed } }
}

export function invitationsFile(dataDir: string): string {
  return join(dataDir, "invitations.jsonl")
}

/**
 * What a power cut left of the last line counts for nothing: nobody had the token yet, or was let in.
 * @throws PersonError when the file holds anything else: who cannot read it must let nobody in.
 */
export function readInvitations(file: string): InvitationEntry[] {
  if (!existsSync(file)) return []
  return readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line, i) => {
      try {
        return entryShape.parse(JSON.parse(line))
      } catch (cause) {
        throw new PersonError("The file of invitations is damaged.", {
          context: [`${file}, line ${i + 1}`],
          next: "Remove that line; whoever it invited needs a new invitation.",
          cause,
        })
      }
    })
}

/** Lines are only ever added, so that the gateway and an operator's command never undo each other's. */
export function keepInvitation(file: string, entry: InvitationEntry): void {
  const isNew = !existsSync(file)
  if (!isNew) truncateSync(file, readFileSync(file).lastIndexOf("\n") + 1)
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600, flush: true })
  if (!isNew || process.getuid?.() !== 0) return
  // The gateway does not run as root, and must be able to read it.
  const { uid, gid } = statSync(dirname(file))
  chownSync(file, uid, gid)
}
