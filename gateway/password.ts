import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto"

/**
 * Percival's parameters for interactive log-ins (scrypt, 2009): 16 MB and a tenth of a second, which a small box can
 * spare for one log-in at a time. They stretch a device's random password well; a word that a person can guess, not.
 */
const usual = { ln: 14, r: 8, p: 1 }
/** No hash of a configuration may cost more than this: 2^16 × 8 × 128 bytes are 64 MB. */
const most = { ln: 16, r: 8, p: 16 }
const hashBytes = 32

interface Parts {
  ln: number
  r: number
  p: number
  salt: Buffer
  hash: Buffer
}

const pattern = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]{16,})\$([A-Za-z0-9+/]{43})$/

const unpadded = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "")

/** The PHC string format, as passlib and others write it. */
export async function hashPassword(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  const { ln, r, p } = usual
  const hash = await derive(Buffer.from(password), { ...usual, salt })
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`
}

export function isPasswordHash(text: string): boolean {
  return parse(text) !== undefined
}

/** Takes as long for a wrong password as for the right one. @returns false also where the hash is none. */
export async function verifyPassword(password: Buffer, text: string): Promise<boolean> {
  const parts = parse(text)
  return parts !== undefined && timingSafeEqual(await derive(password, parts), parts.hash)
}

/** The hash of a password that nobody has: to take as long for a user that is unknown. */
export const nobodysHash = `$scrypt$ln=${usual.ln},r=${usual.r},p=${usual.p}$${unpadded(Buffer.alloc(16))}$${unpadded(Buffer.alloc(hashBytes))}`

function parse(text: string): Parts | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  const [ln, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (ln < 1 || ln > most.ln || r < 1 || r > most.r || p < 1 || p > most.p) return undefined
  return { ln, r, p, salt: Buffer.from(match[4]!, "base64"), hash: Buffer.from(match[5]!, "base64") }
}

function derive(password: Buffer, { ln, r, p, salt }: Omit<Parts, "hash">): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r }
  return new Promise((resolve, reject) =>
    scrypt(password, salt, hashBytes, options, (error, hash) => (error ? reject(error) : resolve(hash))),
  )
}
