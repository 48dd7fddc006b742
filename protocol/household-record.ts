/** A household's energy in one interval, all its meters together. Undefined energy is a gap. */
export interface HouseholdRecord {
  start: number
  energy:
    | {
        generatedWh: bigint
        importedWh: bigint
        exportedWh: bigint
        /** Of what it exported, what neighbours used; and of what it imported, what came from neighbours. */
        givenWh: bigint
        receivedWh: bigint
      }
    | undefined
}
