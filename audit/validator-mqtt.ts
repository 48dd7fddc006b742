import { readFileSync } from "node:fs"
import mqtt from "mqtt"
import {
  type AttestationAnswer,
  type AttestationRequest,
  answerTopic,
  mostRequestBytes,
  readRequest,
  requestTopic,
} from "../protocol/attestation-messages.ts"
import type { Validator } from "./validator.ts"
import { cannotNow } from "./validator-server.ts"

export interface MqttPlace {
  url: string
  username?: string
  /** File with the password. */
  passwordFile?: string
  /** File with the certificate of the broker's authority, for mqtts. */
  caFile?: string
}

/**
 * The same questions and answers as over HTTP, for a validator that nobody can reach from outside: it connects to a
 * broker and answers there (SPEC.md, 7.3). Goes on connecting while the broker is away.
 */
export function answerOverMqtt(
  validator: Validator,
  { url, username, passwordFile, caFile }: MqttPlace,
  log: (what: string, details: Record<string, unknown>) => void,
): { close(): Promise<void> } {
  const client = mqtt.connect(url, {
    clientId: `commonwatt-validator-${validator.address}`,
    reconnectPeriod: 5_000,
    resubscribe: false,
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { password: readFileSync(passwordFile, "utf8").trim() }),
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
  })
  client.on("connect", () => {
    // The chain's id is in the request and in the topic; whether it is the right one is for the validator to say.
    const topics = validator.sites.map((site) =>
      requestTopic({ chainId: 0, oracle: validator.oracle }, site).replace("/0/", "/+/"),
    )
    client
      .subscribeAsync(topics, { qos: 1 })
      .then(() => log("listening over MQTT", { url, topics }))
      .catch((error: Error) => log("the broker refuses a subscription", { reason: error.message }))
  })
  client.on("error", (error) => log("MQTT fails", { reason: error.message }))
  client.on("message", (topic, payload) => {
    const request = readable(topic, payload)
    if (!request) return
    answer(validator, request)
      .then((text) => client.publishAsync(answerTopic(request, validator.address), text, { qos: 1 }))
      .catch((error: Error) => log("an answer was not sent", { reason: error.message }))
  })
  return {
    close: async () => {
      await client.endAsync(true)
    },
  }
}

/** What is not a request has nobody to answer to: it is passed over, as is one on another site's topic. */
function readable(topic: string, payload: Uint8Array): AttestationRequest | undefined {
  if (payload.length > mostRequestBytes) return undefined
  try {
    const request = readRequest(Buffer.from(payload).toString("utf8"))
    return requestTopic(request, request.proposal.site) === topic ? request : undefined
  } catch {
    return undefined
  }
}

async function answer(validator: Validator, request: AttestationRequest): Promise<string> {
  let text: AttestationAnswer
  try {
    text = await validator.attest(request, request.proposal)
  } catch (error) {
    text = { error: cannotNow(error as Error) }
  }
  return JSON.stringify(text)
}
