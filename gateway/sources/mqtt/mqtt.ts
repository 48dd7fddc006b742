import { type BrokerParts, type MqttSource, startBroker } from "./broker.ts"
import type { MqttSettings } from "./settings.ts"

/** A meter's own readings a minute, unless configured otherwise (two a second). */
export const usualReadingsPerMinute = 120

/** Readings by MQTT: from the embedded broker, or from one of the operator's own. */
export async function startMqtt(settings: MqttSettings, parts: BrokerParts): Promise<MqttSource> {
  if (!settings.broker) return startBroker(settings, parts)
  // Loaded only where it is wanted: a client of a broker takes as much memory as a broker.
  const { connectBroker } = await import("./external.ts")
  return connectBroker(settings.broker, parts)
}
