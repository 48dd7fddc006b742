import { createPrivateKey, type KeyObject, sign } from "node:crypto"
import { PersonError } from "../../../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../../../protocol/hex.ts"
import { Scheme } from "../../../protocol/meter.ts"
import { type KeySince, keyIndexAt, keysSince } from "../../../protocol/meter-keys.ts"
import { encodeReading } from "../../../protocol/reading.ts"
import { readSecret } from "../../../protocol/sealed-secret.ts"
import type { Meter } from "../../config.ts"
import { keyFilesOf } from "../../key-files.ts"
import type { SignReading } from "./poller.ts"

const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex")

/**
 * Signs for plain meters with the keys that the gateway holds for them (assurance `gateway`): each reading with the key
 * that is in force at its time.
 * @param lastSequence the last sequence number in the journal: numbers go on from there, also after a restart, and from
 * one key to the next.
 * @param keysOf the keys that each meter has by what is known of the registry.
 * @param hasLooked whether the registry was asked since the start: before that a meter with a key that nothing is known of
 * yet is not signed for, as that may be the one in force.
 * @throws PersonError when a key file is missing, or the first is not the key of its meter.
 */
export function createPlainMeterSigner(
  meters: readonly Meter[],
  lastSequence: (meter: Meter) => number,
  keysOf: (meter: Meter) => readonly KeySince[] = ({ key }) => keysSince(key),
  hasLooked: () => boolean = () => true,
): SignReading {
  const held = new Map<Meter, ReadonlyMap<Hex, KeyObject>>()
  const sequences = new Map<Meter, number>()
  for (const meter of meters) {
    const files = keyFilesOf(meter.modbus)
    if (files.length === 0) continue
    const secrets = files.map((file) => readKey(meter, file))
    const known = keysOf(meter).map(({ publicKey }) => toHex(publicKey))
    if (!known.includes(secrets[0]!.publicKey))
      throw wrongKey(meter, files[0]!, "this is the key of another meter")
    held.set(meter, new Map(secrets.map(({ publicKey, key }) => [publicKey, key])))
  }
  return (meter, reading) => {
    const keys = keysOf(meter)
    const known = new Set(keys.map(({ publicKey }) => toHex(publicKey)))
    const isNew = [...(held.get(meter)?.keys() ?? [])].some((publicKey) => !known.has(publicKey))
    if (isNew && !hasLooked())
      throw new Error(`The registry was not asked yet which key of ${meter.name} is in force.`)
    const { scheme, kid, publicKey, from } = keys[keyIndexAt(keys, reading.time)]!
    const key = held.get(meter)?.get(toHex(publicKey))
    if (!key)
      throw new Error(
        `The gateway holds no key for ${meter.name}${from > 0 ? ` that is in force from ${new Date(from * 1000).toISOString()} on: name its file in modbus.laterKeyFiles` : ""}.`,
      )
    const sequence = Math.max(sequences.get(meter) ?? -1, lastSequence(meter)) + 1
    sequences.set(meter, sequence)
    return encodeReading({ sequence, ...reading }, scheme, kid, (message) => sign(null, message, key))
  }
}

function wrongKey({ name }: Meter, file: string, what: string): PersonError {
  return new PersonError(`The key of ${name} cannot be used.`, { context: [`${file}: ${what}`] })
}

function readKey(meter: Meter, file: string): { publicKey: Hex; key: KeyObject } {
  if (meter.key.scheme !== Scheme.ed25519)
    throw wrongKey(meter, file, "keys that the gateway holds are Ed25519")
  const text = readSecret(file, `The key of ${meter.name}`)
  // Not the words of fromHex: they would show what is in the file.
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text))
    throw wrongKey(meter, file, "it does not hold 32 bytes of hexadecimal")
  const secret = fromHex(text, 32)
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secret]), format: "der", type: "pkcs8" })
  return { publicKey: toHex(publicKeyOf(key)), key }
}

function publicKeyOf(key: KeyObject): Uint8Array {
  const jwk = key.export({ format: "jwk" })
  return Uint8Array.from(Buffer.from(jwk.x!, "base64url"))
}
