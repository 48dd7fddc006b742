import { connect, connectAsync, type IClientOptions, type MqttClient } from "mqtt"
import pino from "pino"
import type t from "tap"
import { rules, start, type TestMeter, testClock } from "../../intake.test.support.ts"
import { createIntake, type Intake } from "../../intake.ts"
import { openJournal } from "../../journal/journal.ts"
import { type BrokerParts, startBroker } from "./broker.ts"
import { type BrokerLimits, usualLimits } from "./limits.ts"
import { createResends } from "./resends.ts"
import type { MqttSettings } from "./settings.ts"

export const silent = pino({ level: "silent" })
export const plainly: MqttSettings = { host: "127.0.0.1", port: 0 }

/** events.once does not take mqtt.js's own type of emitter. */
export const event = (client: MqttClient, name: "connect" | "close") =>
  new Promise<void>((resolve) => client.once(name, () => resolve()))

export const until = async (what: () => boolean) => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2))
}

export const topicOf = (meter: TestMeter) => `meters/${meter.key.meterId}/readings`

export function partsOf(meters: readonly TestMeter[], intake: Intake): BrokerParts {
  return { site: 7, meters, intake, resends: createResends(), readingsPerMinute: 1e9, log: silent }
}

type Teardown = Pick<typeof t, "teardown" | "testdir">

/** A broker over a real journal. `around` may stand between the two. */
export async function listen(
  t: Teardown,
  meters: readonly TestMeter[],
  over: {
    settings?: MqttSettings
    limits?: Partial<BrokerLimits>
    parts?: Partial<BrokerParts>
    around?: (intake: Intake) => Intake
    directory?: string
  } = {},
) {
  const journal = openJournal(over.directory ?? t.testdir(), meters)
  const intake = createIntake(meters, journal, rules, testClock(start + 1_000_000))
  const parts = { ...partsOf(meters, over.around ? over.around(intake) : intake), ...over.parts }
  const broker = await startBroker(over.settings ?? plainly, parts, { ...usualLimits, ...over.limits })
  const clients: MqttClient[] = []
  let closed: Promise<void> | undefined
  const close = () =>
    (closed ??= (async () => {
      for (const client of clients) client.end(true)
      await broker.close()
      await intake.drain()
      journal.close()
    })())
  t.teardown(close)
  const port = broker.port ?? 0
  const tlsPort = broker.tlsPort ?? 0
  const url = `mqtt://127.0.0.1:${port}`
  const usual: IClientOptions = { reconnectPeriod: 0, protocolVersion: 4 }
  const mine = (client: MqttClient) => {
    client.on("error", () => {})
    clients.push(client)
    return client
  }
  return {
    broker,
    port,
    tlsPort,
    journal,
    url,
    close,
    client: async (options: IClientOptions = {}) => mine(await connectAsync(url, { ...usual, ...options })),
    /** A client of the same kind that need not get in. */
    tries: (options: IClientOptions = {}) => mine(connect(url, { ...usual, ...options })),
    triesTls: (options: IClientOptions) =>
      mine(connect(`mqtts://localhost:${tlsPort}`, { ...usual, ...options })),
    overTls: async (options: IClientOptions) =>
      mine(await connectAsync(`mqtts://localhost:${tlsPort}`, { ...usual, ...options })),
    stored: (meter: TestMeter) =>
      journal.readings.after(meter.key.meterId, 0n).map(({ sequence }) => sequence),
    reasons: () => Object.fromEntries(journal.quarantine.counts()),
  }
}
