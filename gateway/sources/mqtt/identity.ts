import type { Hex } from "../../../protocol/hex.ts"
import type { Meter } from "../../config.ts"
import { nobodysHash, verifyPassword } from "../../password.ts"
import { createBuckets } from "./bucket.ts"
import { addressOf, type MqttSettings } from "./settings.ts"

/** Who a client is, by what it showed and not by what it says. */
export type Identity =
  | { kind: "anyone" }
  | { kind: "meter"; name: string; meterId: Hex }
  | { kind: "hub"; name: string; household: Hex }

/** What a certificate that its issuer vouches for says of its owner. */
export interface ShownCertificate {
  commonName: string
  /** SHA-256 over the certificate, as `openssl x509 -fingerprint -sha256` writes it. */
  fingerprint: string
}

export interface Identities {
  /** The list is read anew each time: it may grow while the gateway runs. */
  isRevoked(shown: ShownCertificate): boolean
  byCertificate(shown: ShownCertificate): Identity | undefined
  /** @param address where the attempt comes from: each may be wrong only so often. */
  byPassword(user: string, password: Buffer, address: string): Promise<Identity | undefined>
}

/** A wrong password costs one; a person who mistypes has enough, a machine that guesses has a thousand a day. */
const wrongPasswords = { perSecond: 1 / 60, burst: 10 }
/** Each log-in under way takes 16 MB; those that wait take nothing. */
const mostWaiting = 64

const bare = (text: string) => text.replace(/[^0-9a-fA-F]/g, "").toUpperCase()
const isFingerprint = (text: string) => /^([0-9a-fA-F]{2}:?){32}$/.test(text.replace(/^sha256:/i, ""))

/**
 * Who has which certificate and which password. A certificate's common name has at most 64 characters
 * (X.520, ub-common-name), so a meterId stands there without its 0x.
 */
export function createIdentities(
  settings: Pick<MqttSettings, "clients" | "hubs" | "tls">,
  meters: readonly Meter[],
  now: () => number = () => performance.now(),
): Identities {
  const { clients = [], hubs = [] } = settings
  const certificates = new Map<string, Identity>()
  const passwords = new Map<string, { identity: Identity; hash: string }>()
  const keyOf = (certificate: string) =>
    isFingerprint(certificate) ? `sha256 ${bare(certificate.replace(/^sha256:/i, ""))}` : `cn ${certificate}`
  const asMeter = ({ name, key }: Meter): Identity => ({ kind: "meter", name, meterId: key.meterId })

  for (const meter of meters) certificates.set(`cn ${meter.key.meterId.slice(2)}`, asMeter(meter))
  for (const { meter: name, certificate, passwordHash } of clients) {
    const meter = meters.find((meter) => meter.name === name)
    if (!meter) continue
    if (certificate) certificates.set(keyOf(certificate), asMeter(meter))
    if (passwordHash)
      for (const user of [name, meter.key.meterId])
        passwords.set(user, { identity: asMeter(meter), hash: passwordHash })
  }
  for (const { name, household, certificate, passwordHash } of hubs) {
    const identity: Identity = { kind: "hub", name, household: addressOf(household) }
    if (certificate) certificates.set(keyOf(certificate), identity)
    if (passwordHash) passwords.set(name, { identity, hash: passwordHash })
  }

  const wrong = createBuckets(wrongPasswords, now)
  let waiting = 0
  let queue = Promise.resolve<unknown>(undefined)

  const isRevoked = ({ fingerprint }: ShownCertificate) =>
    (settings.tls?.revoked ?? []).some((one) => keyOf(one) === `sha256 ${bare(fingerprint)}`)

  return {
    isRevoked,
    byCertificate: (shown) =>
      isRevoked(shown)
        ? undefined
        : (certificates.get(`sha256 ${bare(shown.fingerprint)}`) ??
          certificates.get(`cn ${shown.commonName}`)),
    async byPassword(user, password, address) {
      if (waiting >= mostWaiting) return undefined
      if (wrong.take(address, 1) > 0) {
        // What is not looked at is no guess: a device that keeps trying is heard again in a minute.
        wrong.giveBack(address, 1)
        return undefined
      }
      waiting++
      const entry = passwords.get(user)
      const verified = queue.then(() => verifyPassword(password, entry?.hash ?? nobodysHash))
      queue = verified.catch(() => {})
      const right = await verified.finally(() => waiting--)
      if (!right || !entry) return undefined
      wrong.giveBack(address, 1)
      return entry.identity
    },
  }
}
