import t from "tap"
import { sharingKeyShape } from "../protocol/sharing-key.ts"
import { loadVectors } from "../protocol/vectors/load.ts"
import type { SharingVectors } from "../protocol/vectors/sharing.ts"
import { balanceFor, shareBy } from "./sharing.ts"

const { cases } = loadVectors<SharingVectors>("sharing")

for (const { name, why, key, start, households } of cases)
  t.test(name, async (t) => {
    t.same(sharingKeyShape.parse(key), key, "the key is one")
    const nets = households.map(({ household, exportedWh, importedWh }) =>
      balanceFor(key, household, BigInt(exportedWh), BigInt(importedWh)),
    )
    const shares = shareBy(key, nets, start)
    t.same(
      shares.map(({ household, givenWh, receivedWh }) => [household, String(givenWh), String(receivedWh)]),
      households.map(({ household, givenWh, receivedWh }) => [household, givenWh, receivedWh]),
      why,
    )
  })
