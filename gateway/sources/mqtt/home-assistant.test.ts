import t from "tap"
import { testMeter } from "../../intake.test.support.ts"
import { createHomeTopics } from "./home-assistant.ts"

const roof = testMeter("roof")
const { meterId } = roof.key

t.test("a hub is told once how to show a meter, and each time what it shows", async (t) => {
  const home = createHomeTopics(7, [roof])
  const messages = home.messages(roof, { time: 1, generatedWh: 2n ** 62n, powerW: -5 })
  t.same(
    messages.map(({ topic }) => topic),
    [
      `homeassistant/sensor/commonwatt_${meterId}/generatedWh/config`,
      `homeassistant/sensor/commonwatt_${meterId}/powerW/config`,
      `commonwatt/7/${meterId}/state`,
    ],
  )
  t.match(JSON.parse(messages[0]!.payload), {
    name: "Generated",
    device_class: "energy",
    state_class: "total_increasing",
    unit_of_measurement: "Wh",
    state_topic: messages[2]!.topic,
    availability_topic: "commonwatt/7/status",
    value_template: "{{ value_json.generatedWh | default(none) }}",
    device: { name: "roof" },
  })
  t.match(JSON.parse(messages[1]!.payload), {
    device_class: "power",
    state_class: "measurement",
    unit_of_measurement: "W",
  })
  t.equal(messages[2]!.payload, `{"time":1,"generatedWh":${2n ** 62n},"powerW":-5}`, "to the last digit")
  t.equal(home.messages(roof, { time: 2, generatedWh: 3n }).length, 1)
  t.equal(home.messages(roof, { time: 2, exportedWh: 3n }).length, 2, "of a register that is new, too")
})

t.test("each topic has an owner, and what is none of these has none", async (t) => {
  const home = createHomeTopics(7, [roof])
  const stranger = testMeter("stranger").key.meterId
  for (const { topic } of home.messages(roof, { time: 1, importedWh: 1n, powerW: 1 }))
    t.equal(home.ownerOf(topic), roof.household, topic)
  t.equal(home.ownerOf(home.statusTopic), "everyone")
  for (const topic of [
    `commonwatt/8/${meterId}/state`,
    `commonwatt/7/${stranger}/state`,
    `meters/${meterId}/receipts`,
    "$SYS/broker/new/clients",
    `commonwatt/7/${meterId}/state/more`,
  ])
    t.equal(home.ownerOf(topic), undefined, topic)
})
