import { z } from "zod"
import type { Hex } from "../../../protocol/hex.ts"
import { isPasswordHash } from "../../password.ts"

const port = z.int().min(0).max(65535)
const passwordHash = z
  .string()
  .refine(isPasswordHash, 'must be a scrypt hash: "$scrypt$ln=14,r=8,p=1$salt$hash"')
const certificate = z.string().min(1)

/**
 * How readings come by MQTT: the embedded broker, with a plain listener (`host` and `port`), one with TLS, or both;
 * or a broker of the operator's own.
 */
export const mqttShape = z.strictObject({
  host: z.string().exactOptional().describe("The plain listener's address; goes with `port`."),
  port: port.exactOptional().describe("The plain listener's port; goes with `host`. Usually 1883."),
  anonymous: z
    .boolean()
    .exactOptional()
    .describe(
      "Whether the plain listener takes clients that do not log in: what counts is a reading's signature. true if left out.",
    ),
  allowPlainPasswords: z
    .boolean()
    .exactOptional()
    .describe("Passwords over plain TCP too: anyone on the network can overhear them."),
  tls: z
    .strictObject({
      host: z.string().exactOptional().describe("All addresses if left out."),
      port: port.describe("Usually 8883."),
      certFile: z
        .string()
        .describe("The gateway's certificate (PEM). These three are read again when they change."),
      keyFile: z.string().describe("Its key (PEM), plain or sealed."),
      caFile: z.string().describe("Those who may issue clients' certificates (PEM)."),
      passwords: z
        .boolean()
        .exactOptional()
        .describe("Takes clients without a certificate too, if they log in with a password."),
      revoked: z
        .array(
          z
            .string()
            .regex(
              /^sha256:([0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2}$/,
              "must be sha256: and 32 bytes with colons between",
            ),
        )
        .exactOptional()
        .describe(
          "Certificates that let nobody in any more, by their fingerprints: `sha256:AB:CD…`. Taken at once on SIGHUP, from who is connected too.",
        ),
    })
    .exactOptional()
    .describe("A listener with TLS, where meters show certificates."),
  clients: z
    .array(
      z.strictObject({
        meter: z.string().describe("One of `meters`, by its name."),
        passwordHash: passwordHash.exactOptional().describe("From `commonwatt provision password`."),
        certificate: certificate
          .exactOptional()
          .describe("A certificate's common name, or `sha256:AB:CD…`, its fingerprint."),
      }),
    )
    .exactOptional()
    .describe("Meters that log in with a password, or whose certificate's common name is not their meterId."),
  hubs: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe("As it logs in."),
        household: z
          .string()
          .regex(/^(0x)?[0-9a-fA-F]{40}$/, "must be 20 bytes of hexadecimal")
          .describe("Whose meters it sees: one of `households`, by its address."),
        passwordHash: passwordHash.exactOptional().describe("From `commonwatt provision password`."),
        certificate: certificate.exactOptional().describe("Its certificate, as above."),
      }),
    )
    .exactOptional()
    .describe("A household's own hub, which sees the household's meters and nobody else's."),
  readingsPerMinute: z
    .number()
    .positive()
    .exactOptional()
    .describe("How fast one meter's own readings are taken; what comes faster waits and is not lost."),
  broker: z
    .strictObject({
      url: z.url({ protocol: /^mqtts?$/ }).describe("mqtt:// or mqtts://, host and port."),
      clientId: z
        .string()
        .min(1)
        .max(128)
        .describe(
          "Names the session that keeps readings while the gateway is away: never change it, never use it twice.",
        ),
      version: z.enum(["3.1.1", "5"]).exactOptional().describe("Of MQTT; 3.1.1 if left out."),
      username: z.string().exactOptional().describe("As the gateway logs in there."),
      passwordFile: z.string().exactOptional().describe("The file with its password, plain or sealed."),
      caFile: z.string().exactOptional().describe("Who issued the broker's certificate (PEM)."),
      certFile: z
        .string()
        .exactOptional()
        .describe("The gateway's own certificate (PEM); goes with `keyFile`."),
      keyFile: z.string().exactOptional().describe("Its key (PEM), plain or sealed."),
      homeAssistant: z
        .boolean()
        .exactOptional()
        .describe(
          "Publishes what households consume: only where the broker's access control keeps it from others.",
        ),
    })
    .exactOptional()
    .describe("A broker of your own in place of the embedded one."),
})

export type MqttSettings = z.output<typeof mqttShape>

/** What the shape alone cannot see. @returns a mistake in words, or undefined. */
export function mistakeIn(
  settings: MqttSettings,
  meterNames: ReadonlySet<string>,
  households: ReadonlySet<string>,
): string | undefined {
  const { host, port, tls, clients = [], hubs = [], broker, anonymous, allowPlainPasswords } = settings
  const plain = host !== undefined && port !== undefined
  if ((host === undefined) !== (port === undefined)) return "mqtt: host and port go together"
  if (broker) {
    if (plain || tls || clients.length > 0 || hubs.length > 0)
      return "mqtt.broker: with a broker of your own, listeners, clients and hubs are that broker's"
    if ((broker.certFile === undefined) !== (broker.keyFile === undefined))
      return "mqtt.broker: certFile and keyFile go together"
    return undefined
  }
  if (!plain && !tls) return "mqtt: give host and port, or tls, or broker"
  if (tls && plain && tls.port === port && port !== 0)
    return "mqtt.tls.port: the plain listener has this port"
  const passwords = (plain && allowPlainPasswords) || tls?.passwords
  if (plain && anonymous === false && !allowPlainPasswords)
    return "mqtt.anonymous: the plain listener takes neither anonymous clients nor passwords; leave host and port out"
  const names = new Set<string>()
  const certificates = new Set<string>()
  for (const [place, name, entry] of [
    ...clients.map((client, i) => [`mqtt.clients.${i}`, client.meter, client] as const),
    ...hubs.map((hub, i) => [`mqtt.hubs.${i}`, hub.name, hub] as const),
  ]) {
    if ("meter" in entry && !meterNames.has(name)) return `${place}: no meter has the name ${name}`
    if ("household" in entry && meterNames.has(name)) return `${place}: a meter has the name ${name}`
    if ("household" in entry && !households.has(addressOf(entry.household)))
      return `${place} (${name}): no household has the address ${entry.household}`
    if (names.has(name)) return `${place}: ${name} is there twice`
    names.add(name)
    if (!entry.passwordHash && !entry.certificate)
      return `${place} (${name}): give passwordHash or certificate`
    if (entry.certificate && !tls) return `${place} (${name}): certificates need mqtt.tls`
    if (entry.certificate && certificates.has(entry.certificate))
      return `${place} (${name}): another has the same certificate`
    if (entry.certificate) certificates.add(entry.certificate)
    if (entry.passwordHash && !passwords)
      return `${place} (${name}): no listener takes passwords; set mqtt.tls.passwords, or mqtt.allowPlainPasswords`
  }
  return undefined
}

export function addressOf(text: string): Hex {
  return `0x${text.replace(/^0x/, "").toLowerCase()}`
}

/** The same with its files where they are. */
export function atPaths(settings: MqttSettings, at: (path: string) => string): MqttSettings {
  return {
    ...settings,
    ...(settings.tls && { tls: filesAt(settings.tls, at) }),
    ...(settings.broker && { broker: filesAt(settings.broker, at) }),
  }
}

/** Settings whose names end in `File` hold paths. */
export function filesAt<T extends object>(part: T, at: (path: string) => string): T {
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [name, name.endsWith("File") ? at(value) : value]),
  ) as T
}
