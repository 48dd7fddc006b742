import type { ModbusPlace } from "./sources/modbus/settings.ts"

/** The keys with which the gateway signs for a plain meter, its first one first. */
export function keyFilesOf(place: Pick<ModbusPlace, "keyFile" | "laterKeyFiles"> | undefined): string[] {
  return place?.keyFile === undefined ? [] : [place.keyFile, ...(place.laterKeyFiles ?? [])]
}
