import { X509Certificate } from "node:crypto"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import type { Config } from "../gateway/config.ts"
import { filesNamedBy } from "../gateway/config-files.ts"
import type { Uses } from "../gateway/recovery/restore.ts"
import { isSealed, newSalt, openSecret, sealSecret } from "../protocol/sealed-secret.ts"
import { keysFrom } from "./identity.ts"
import { publicIdentity } from "./identity-files.ts"

const mostMeters = 250

/**
 * What is done with the keys of a back-up on a new board, for who has the recovery words: keys that were sealed for the
 * old machine are made again from the words, and sealed for this one.
 * @param passphrase for this machine; undefined in a drill, which only sees whether the words give the keys.
 */
export function resealing(root: Uint8Array, passphrase: (() => string) | undefined): Uses {
  const keys = keysFrom(root)
  const salt = newSalt()
  const check = async (config: Config) => {
    const identity = await publicIdentity(root, mostMeters)
    const lacking: string[] = []
    /** The key that must be behind what the configuration says of it, where the words give it. */
    const made = (setting: string): string | undefined => {
      if (setting === "chain.keyFile") return keys.site()
      const meter = /^meters\.(\d+) .* modbus\.keyFile$/.exec(setting)?.[1]
      if (meter !== undefined) {
        const { meterId } = config.meters[Number(meter)]!.key
        const n = identity.meters.findIndex((one) => one.meterId === meterId)
        return n < 0 ? undefined : keys.meter(n + 1)
      }
      const certificate = { "web.tls.keyFile": config.web.tls, "mqtt.tls.keyFile": config.mqtt.tls }[setting]
        ?.certFile
      return certificate !== undefined && isOf(certificate, identity.tls.publicKey) ? keys.tls() : undefined
    }
    for (const { setting, path, secret } of filesNamedBy(config)) {
      if (!existsSync(path)) {
        lacking.push(`${setting}: ${path} was not there when the back-up was made`)
        continue
      }
      const text = secret ? readFileSync(path, "utf8").trim() : ""
      if (!isSealed(text)) continue
      const key = made(setting)
      if (key === undefined) {
        if (passphrase && openSecret(text, passphrase()) !== undefined) continue
        lacking.push(`${setting}: ${path} was sealed for the old machine, and the words do not give it`)
      } else if (passphrase) {
        writeFileSync(`${path}.new`, `${sealSecret(key, passphrase(), salt)}\n`, { mode: 0o600, flush: true })
        renameSync(`${path}.new`, path)
      }
    }
    return lacking
  }
  return [check]
}

function isOf(certificate: string, publicKey: string): boolean {
  try {
    const key = new X509Certificate(readFileSync(certificate)).publicKey
    return key.export({ type: "spki", format: "pem" }).toString() === publicKey
  } catch {
    return false
  }
}
