import t from "tap"
import { createDoubts } from "./doubts.ts"
import { quarantineView } from "./views/quarantine.ts"
import { midnight, openVillage } from "./village.test.support.ts"

t.test(
  "a meter whose register began anew is named, with what the operator has to do, until that is done",
  async (t) => {
    const village = openVillage()
    t.teardown(() => village.close())
    const roof = village.context.config.meters.find(({ name }) => name.endsWith("roof"))!
    const doubts = createDoubts(village.context, 20)
    let quarter = 0
    const shows = (generatedWh: bigint) => {
      const time = midnight + 900 * quarter++
      village.setTime(time)
      return village.submit(roof.name, { time, generatedWh })
    }
    for (let i = 0; i < 8; i++) await shows(5_000n + 100n * BigInt(i))
    t.same(doubts().waiting, [])
    for (let i = 1; i <= 8; i++) await shows(100n * BigInt(i))
    t.match(doubts().waiting, [
      { meter: roof.name, because: /began anew 1 time.*`commonwatt provision meter restart`/ },
    ])
    t.match(String(quarantineView(doubts())), new RegExp(`${roof.name} is not minted:`))

    const restarts = [{ time: midnight + 900 * 8, finalWh: 5_700n, firstWh: 0n }]
    const meters = village.config.meters.map((meter) => (meter === roof ? { ...meter, restarts } : meter))
    const told = createDoubts({ ...village.context, config: { ...village.config, meters } }, 20)
    t.same(told().waiting, [])
    t.notMatch(String(quarantineView(told())), /is not minted/)
  },
)
