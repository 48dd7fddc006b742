import { createPrivateKey, type KeyObject, sign } from "node:crypto"
import { PersonError } from "../../../protocol/error.ts"
import { equalBytes, fromHex } from "../../../protocol/hex.ts"
import { Scheme } from "../../../protocol/meter.ts"
import { encodeReading } from "../../../protocol/reading.ts"
import { readSecret } from "../../../protocol/sealed-secret.ts"
import type { Meter } from "../../config.ts"
import type { SignReading } from "./poller.ts"

const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex")

/**
 * Signs for plain meters with the keys that the gateway holds for them (assurance `gateway`).
 * @param lastSequence the last sequence number in the journal: numbers go on from there, also after a restart.
 * @throws PersonError when a key file is missing or is not the key of its meter.
 */
export function createPlainMeterSigner(
  meters: readonly Meter[],
  lastSequence: (meter: Meter) => number,
): SignReading {
  const keys = new Map<Meter, KeyObject>()
  const sequences = new Map<Meter, number>()
  for (const meter of meters)
    if (meter.modbus?.keyFile !== undefined) keys.set(meter, readKey(meter, meter.modbus.keyFile))
  return (meter, reading) => {
    const key = keys.get(meter)
    if (!key) throw new Error(`The gateway holds no key for ${meter.name}.`)
    const sequence = Math.max(sequences.get(meter) ?? -1, lastSequence(meter)) + 1
    sequences.set(meter, sequence)
    return encodeReading({ sequence, ...reading }, meter.key.scheme, meter.key.kid, (message) =>
      sign(null, message, key),
    )
  }
}

function readKey(meter: Meter, file: string): KeyObject {
  const wrong = (what: string) =>
    new PersonError(`The key of ${meter.name} cannot be used.`, { context: [`${file}: ${what}`] })
  if (meter.key.scheme !== Scheme.ed25519) throw wrong("keys that the gateway holds are Ed25519")
  const text = readSecret(file, `The key of ${meter.name}`)
  // Not the words of fromHex: they would show what is in the file.
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) throw wrong("it does not hold 32 bytes of hexadecimal")
  const secret = fromHex(text, 32)
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secret]), format: "der", type: "pkcs8" })
  const { publicKey } = publicKeyOf(key)
  if (!equalBytes(publicKey, meter.key.publicKey)) throw wrong("this is the key of another meter")
  return key
}

function publicKeyOf(key: KeyObject): { publicKey: Uint8Array } {
  const jwk = key.export({ format: "jwk" })
  return { publicKey: Uint8Array.from(Buffer.from(jwk.x!, "base64url")) }
}
