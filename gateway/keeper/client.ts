import { createHash, randomBytes } from "node:crypto"
import { closeSync, openSync, readSync, statSync } from "node:fs"
import { basename } from "node:path"
import { privateKeyToAccount } from "viem/accounts"
import { z } from "zod"
import {
  backupAuthorization,
  backupChunkBytes,
  backupPath,
  backupRequestText,
  isChallenge,
} from "../../protocol/backup-request.ts"
import type { Hex } from "../../protocol/hex.ts"
import { sha256Of } from "./shelf.ts"

const patienceMs = 60_000
/** More than that is no answer of a keeper's. */
const mostAnswerBytes = 2 * backupChunkBytes

const keptShape = z.object({
  kept: z.array(z.object({ name: z.string(), bytes: z.int().nonnegative() })),
  part: z
    .object({
      name: z.string(),
      sha256: z.string(),
      bytes: z.int().nonnegative(),
      at: z.int().nonnegative(),
    })
    .optional(),
})

const addedShape = z.object({ at: z.int() })
const proofShape = z.object({ sha256: z.string() })

/** Why a keeper did not do what it was asked for. */
export class KeeperProblem extends Error {
  override name = "KeeperProblem"
  /** Whether it answered and did not want to; else it may do it another time. */
  readonly refused: boolean

  constructor(message: string, refused: boolean, options?: ErrorOptions) {
    super(message, options)
    this.refused = refused
  }
}

export type Keeper = ReturnType<typeof keeperAt>

/**
 * Another gateway that keeps this site's back-ups. It is believed nothing: what it keeps is compared by hash.
 * @param siteKey signs what it is asked for. @param stopping ends what is under way.
 */
export function keeperAt(
  base: string,
  siteKey: Hex,
  { fetcher = fetch, stopping }: { fetcher?: typeof fetch; stopping?: AbortSignal } = {},
) {
  const owner = privateKeyToAccount(siteKey)
  const account = owner.address.toLowerCase()
  const root = base.endsWith("/") ? base : `${base}/`
  let challenge: string | undefined

  async function send(url: URL, init: RequestInit = {}): Promise<{ status: number; bytes: Buffer }> {
    const signals = [AbortSignal.timeout(patienceMs), ...(stopping ? [stopping] : [])]
    try {
      const response = await fetcher(url, { ...init, redirect: "error", signal: AbortSignal.any(signals) })
      const parts: Uint8Array[] = []
      let length = 0
      for await (const part of response.body ?? []) {
        length += part.length
        if (length > mostAnswerBytes) throw new Error("its answer has no end")
        parts.push(part)
      }
      return { status: response.status, bytes: Buffer.concat(parts) }
    } catch (cause) {
      const { message, cause: deeper } = cause as { message: string; cause?: { code?: string } }
      throw new KeeperProblem(`it does not answer (${deeper?.code ?? message})`, false, { cause })
    }
  }

  async function ask(method: "GET" | "PUT", path: string, body?: Uint8Array<ArrayBuffer>): Promise<Buffer> {
    const url = new URL(`backups/${account}${path}`, root)
    const digest = createHash("sha256")
      .update(body ?? "")
      .digest("hex")
    // What it gave out before its last start, or too long ago, it does not know any more.
    for (let again = challenge !== undefined; ; again = false) {
      if (challenge === undefined) {
        const given = await send(new URL("backups/challenge", root))
        if (given.status !== 200) throw new KeeperProblem("it keeps no back-ups of others", true)
        const said = given.bytes.toString("utf8")
        if (!isChallenge(said)) throw new KeeperProblem("its answer is not a keeper's", true)
        challenge = said
      }
      const message = backupRequestText({ method, path: backupPath(url), challenge, digest })
      const authorization = backupAuthorization(challenge, digest, await owner.signMessage({ message }))
      const { status, bytes } = await send(url, { method, headers: { authorization }, ...(body && { body }) })
      if (status === 200) return bytes
      if (status === 401 && again) challenge = undefined
      else {
        const said = bytes.toString("utf8").split("\n")[0]!.slice(0, 200)
        throw new KeeperProblem(`it answers ${status}: ${said}`, status < 500 || status === 507)
      }
    }
  }

  async function list() {
    return read(keptShape, await ask("GET", ""))
  }

  return {
    url: base,
    list,
    /** Sends a back-up, or the rest of it where it was cut. */
    async deliver(file: string): Promise<void> {
      const { size: bytes } = statSync(file)
      const sha256 = await sha256Of(file)
      const name = basename(file)
      const { part } = await list()
      let at = part?.name === name && part.sha256 === sha256 && part.bytes === bytes ? part.at : 0
      const handle = openSync(file, "r")
      try {
        do {
          const piece = new Uint8Array(Math.min(backupChunkBytes, bytes - at))
          readSync(handle, piece, 0, piece.length, at)
          const query = new URLSearchParams({ sha256, bytes: `${bytes}`, from: `${at}` })
          const answer = await ask("PUT", `/${name}?${query}`, piece)
          const next = read(addedShape, answer).at
          if (next > bytes || next < at || (next === at && at < bytes))
            throw new KeeperProblem("it does not count what it was sent", true)
          at = next
        } while (at < bytes)
      } finally {
        closeSync(handle)
      }
    },
    /** Whether it has every byte of a back-up: it must answer with a hash that it cannot have known before. */
    async has(file: string): Promise<boolean> {
      const salt = randomBytes(32).toString("hex")
      const answer = await ask("GET", `/${basename(file)}/proof?salt=${salt}`)
      return read(proofShape, answer).sha256 === (await sha256Of(file, salt))
    },
    /** A piece of a back-up; what it is worth is seen when it is opened. */
    async piece(name: string, from: number): Promise<Buffer> {
      const piece = await ask("GET", `/${name}?from=${from}&length=${backupChunkBytes}`)
      if (piece.length === 0 || piece.length > backupChunkBytes)
        throw new KeeperProblem("it does not give what it says it has", true)
      return piece
    },
  }
}

function read<T>(shape: z.ZodType<T>, bytes: Buffer): T {
  try {
    return shape.parse(JSON.parse(bytes.toString("utf8")))
  } catch (cause) {
    throw new KeeperProblem("its answer is not a keeper's", true, { cause })
  }
}
