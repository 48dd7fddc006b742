import { type BrokerParts, type MqttSource, startBroker } from "./broker.ts"
import { connectBroker } from "./external.ts"
import type { MqttSettings } from "./settings.ts"

/** A meter's own readings a minute, unless configured otherwise (two a second). */
export const usualReadingsPerMinute = 120

/** Readings by MQTT: from the embedded broker, or from one of the operator's own. */
export async function startMqtt(settings: MqttSettings, parts: BrokerParts): Promise<MqttSource> {
  return settings.broker ? connectBroker(settings.broker, parts) : startBroker(settings, parts)
}
