import { createHash, randomBytes } from "node:crypto"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { combine, split } from "shamir-secret-sharing"
import { PersonError } from "../protocol/error.ts"
import { rootBytes } from "./identity.ts"

/**
 * A share on paper: seventeen words of BIP-39's list, for 23 bytes and three bits of 0.
 * Format 1 and the threshold, a nibble each; the set's two random bytes; Shamir's share of the root (17 bytes, the last
 * its place); the first three bytes of the SHA-256 of all before.
 */
const format = 1
const shareBytes = 3 + rootBytes + 1 + 3
export const shareWords = Math.ceil((8 * shareBytes) / 11)

interface Share {
  threshold: number
  set: string
  bytes: Uint8Array
}

/** Splits a root so that `threshold` of `count` shares give it back, and fewer tell nothing. @returns their words. */
export async function splitRoot(root: Uint8Array, threshold: number, count: number): Promise<string[]> {
  if (threshold < 2 || threshold > count || count > 15)
    throw new PersonError(`${threshold} of ${count} shares cannot be.`, {
      next: "At least 2 must be needed, and at most 15 made: 2/3 or 3/5 are usual.",
    })
  const set = randomBytes(2)
  const shares = await split(root, count, threshold)
  return shares.map((share) => {
    const bytes = Buffer.concat([Buffer.of((format << 4) | threshold), set, share])
    return toWords(Buffer.concat([bytes, checksum(bytes)]))
  })
}

/** @param texts each a share's words, as they stand on paper. @throws PersonError naming the share and what is wrong. */
export async function joinShares(texts: readonly string[]): Promise<Uint8Array> {
  const shares = texts.map((text, i) => readShare(text, i + 1))
  const [first] = shares
  if (!first) throw new PersonError("No share was given.")
  const stranger = shares.findIndex(
    ({ set, threshold }) => set !== first.set || threshold !== first.threshold,
  )
  if (stranger > 0)
    throw new PersonError(`Share ${stranger + 1} is of another set than the first.`, {
      next: "Use shares that were printed together: the same set stands on each.",
    })
  const distinct = [...new Map(shares.map((share) => [share.bytes.at(-1), share.bytes])).values()]
  if (distinct.length < first.threshold)
    throw new PersonError(`${first.threshold} different shares are needed, and ${distinct.length} given.`)
  return combine(distinct)
}

/** The set that a share is of, as it is printed. @throws PersonError */
export function setOf(text: string): string {
  return readShare(text, 1).set
}

function readShare(text: string, number: number): Share {
  const bytes = fromWords(text, number)
  const body = bytes.subarray(0, -3)
  if (!checksum(body).equals(bytes.subarray(-3)))
    throw new PersonError(`Share ${number} has a word that is not its own, or two that changed places.`, {
      next: "Compare it with the paper, word by word.",
    })
  if (body[0]! >> 4 !== format)
    throw new PersonError(`Share ${number} was made by another Commonwatt.`, {
      next: "Use the one that made it.",
    })
  return {
    threshold: body[0]! & 15,
    set: body.subarray(1, 3).toString("hex"),
    bytes: Uint8Array.from(body.subarray(3)),
  }
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, 3)
}

function toWords(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("")
  const padded = bits.padEnd(11 * shareWords, "0")
  return Array.from(
    { length: shareWords },
    (_, i) => wordlist[Number.parseInt(padded.slice(11 * i, 11 * i + 11), 2)],
  ).join(" ")
}

/** The first four letters of a word of the list are no other's. */
function fromWords(text: string, number: number): Buffer {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? []
  if (words.length !== shareWords)
    throw new PersonError(`Share ${number} has ${words.length} words, and must have ${shareWords}.`)
  const bits = words.map((word, i) => {
    const at = wordlist.findIndex((one) => one === word || (word.length >= 4 && one.startsWith(word)))
    // Not the word itself: it may be a right one, in the wrong place.
    if (at < 0) throw new PersonError(`Word ${i + 1} of share ${number} is not in the list.`)
    return at.toString(2).padStart(11, "0")
  })
  const all = bits.join("")
  return Buffer.from(
    all
      .slice(0, 8 * shareBytes)
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  )
}
