import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"

const validSeconds = 600
const timeBytes = 6
const randomPart = 10
const tagBytes = 16

/**
 * Words to be signed, so that a signature is of today. None is remembered: each carries its time and this start's mark.
 * @param now seconds of a clock that never steps.
 */
export function createChallenges(now: () => number) {
  const key = randomBytes(32)
  const markOf = (head: Uint8Array) => createHmac("sha256", key).update(head).digest().subarray(0, tagBytes)
  return {
    make(): string {
      const head = Buffer.alloc(timeBytes + randomPart)
      head.writeUIntBE(Math.floor(now()), 0, timeBytes)
      randomBytes(randomPart).copy(head, timeBytes)
      return Buffer.concat([head, markOf(head)]).toString("base64url")
    },
    isValid(challenge: string): boolean {
      const bytes = Buffer.from(challenge, "base64url")
      if (bytes.length !== timeBytes + randomPart + tagBytes) return false
      const head = bytes.subarray(0, timeBytes + randomPart)
      if (!timingSafeEqual(bytes.subarray(head.length), markOf(head))) return false
      return now() - head.readUIntBE(0, timeBytes) <= validSeconds
    },
  }
}
