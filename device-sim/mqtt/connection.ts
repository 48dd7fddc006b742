import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import type { IClientOptions } from "mqtt"
import type { Hex } from "../../protocol/hex.ts"
import { type MqttMeterSpec, type Scenario, ScenarioError } from "../scenario.ts"

/** How a meter reaches its broker, and as whom. */
export type Connection = Pick<
  IClientOptions,
  "clientId" | "username" | "password" | "ca" | "cert" | "key"
> & {
  url: string
}

/**
 * A meter says its meterId as its client id, and as its user name unless the scenario gives it another.
 * @throws ScenarioError when a file cannot be read or is no certificate or key.
 */
export function connectionOf(
  { url, caFile }: NonNullable<Scenario["mqtt"]>,
  { certFile, keyFile, username, password }: MqttMeterSpec,
  meterId: Hex,
): Connection {
  const identity = {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  }
  try {
    createSecureContext(identity)
  } catch (cause) {
    const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(", ")
    throw new ScenarioError(
      `${files}: not certificates and keys in PEM that fit: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
  return {
    url,
    clientId: meterId,
    username: username ?? meterId,
    ...(password !== undefined && { password }),
    ...identity,
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new ScenarioError(`${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
