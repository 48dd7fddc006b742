import type { Hex } from "../../../protocol/hex.ts"
import type { Meter } from "../../config.ts"

/** A message that a broker keeps for those who come later. */
export interface Retained {
  topic: string
  payload: string
}

/** What a meter shows: registers in whole Wh, power in W. */
export interface Shown {
  time: number
  generatedWh?: bigint
  importedWh?: bigint
  exportedWh?: bigint
  powerW?: number
}

const registers = { generatedWh: "Generated", importedWh: "Imported", exportedWh: "Exported" } as const
type RegisterName = keyof typeof registers
const registerNames = Object.keys(registers) as RegisterName[]

/**
 * What a household's own hub is told, in the words of Home Assistant's MQTT discovery
 * (www.home-assistant.io/integrations/mqtt and …/sensor.mqtt). Other hubs read the state topics alike.
 */
export interface HomeTopics {
  statusTopic: string
  status(online: boolean): Retained
  /** The state, and before it what the hub has not been told of this meter. */
  messages(meter: Meter, shown: Shown): Retained[]
  /** Whose topic it is: undefined where it is none of these. */
  ownerOf(topic: string): Hex | "everyone" | undefined
}

export function createHomeTopics(site: number, meters: readonly Meter[]): HomeTopics {
  const statusTopic = `commonwatt/${site}/status`
  const stateTopic = (meterId: Hex) => `commonwatt/${site}/${meterId}/state`
  const households = new Map(meters.map(({ key, household }) => [key.meterId, household]))
  const owned = new RegExp(
    `^(?:commonwatt/${site}/(0x[0-9a-f]{64})/state|homeassistant/sensor/commonwatt_(0x[0-9a-f]{64})/[a-zA-Z]+/config)$`,
  )
  const told = new Map<Hex, Set<string>>()

  function discovery(meter: Meter, value: RegisterName | "powerW"): Retained {
    const { meterId } = meter.key
    const kind =
      value === "powerW"
        ? { name: "Power", device_class: "power", state_class: "measurement", unit_of_measurement: "W" }
        : {
            name: registers[value],
            device_class: "energy",
            state_class: "total_increasing",
            unit_of_measurement: "Wh",
          }
    const payload = {
      ...kind,
      unique_id: `commonwatt_${meterId}_${value}`,
      state_topic: stateTopic(meterId),
      // Home Assistant takes None for a value that is not known.
      value_template: `{{ value_json.${value} | default(none) }}`,
      availability_topic: statusTopic,
      payload_available: "online",
      payload_not_available: "offline",
      device: { identifiers: [`commonwatt_${meterId}`], name: meter.name, serial_number: meterId },
      origin: { name: "Commonwatt" },
    }
    return {
      topic: `homeassistant/sensor/commonwatt_${meterId}/${value}/config`,
      payload: JSON.stringify(payload),
    }
  }

  return {
    statusTopic,
    status: (online) => ({ topic: statusTopic, payload: online ? "online" : "offline" }),
    messages(meter, shown) {
      const { meterId } = meter.key
      const known = told.get(meterId) ?? new Set()
      told.set(meterId, known)
      const values = [...registerNames, "powerW" as const].filter((name) => shown[name] !== undefined)
      const fresh = values.filter((name) => !known.has(name))
      for (const name of fresh) known.add(name)
      // Digits, for a float would round a large register.
      const fields = [`"time":${shown.time}`, ...values.map((name) => `"${name}":${shown[name]}`)]
      return [
        ...fresh.map((name) => discovery(meter, name)),
        { topic: stateTopic(meterId), payload: `{${fields.join(",")}}` },
      ]
    },
    ownerOf(topic) {
      if (topic === statusTopic) return "everyone"
      const match = owned.exec(topic)
      return match ? households.get((match[1] ?? match[2]) as Hex) : undefined
    },
  }
}
