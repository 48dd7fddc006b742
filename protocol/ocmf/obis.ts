import type { Direction } from "./energy.ts"

/** A-B:C.D.E with an optional F behind a star or a dot, each group in decimal or hexadecimal as meters write them. */
const obisForm =
  /^([0-9a-f]{1,2})-([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-9a-f]{1,2})\.([0-9a-f]{1,2})(?:[.*]([0-9a-f]{1,3}))?$/i

const runningRegisters: ReadonlyMap<string, Direction> = new Map([
  ["1", "import"],
  ["B0", "import"],
  ["2", "export"],
  ["C0", "export"],
])

/**
 * What an OBIS code (IEC 62056-61) says of a register: the direction, where it is a running total of active energy
 * that can be settled on, or in words why not.
 *
 * A-B:C.D.E*F, of which a settled register has
 *  - A 1: electricity; B 0, or the placeholder b that OCMF's own examples print;
 *  - C 1 import or 2 export of active energy; or B0 and C0, the same as OCMF reserves them for the mains side;
 *  - D 8: counted since the beginning, and not since a billing period or the start of a session;
 *  - E 0: all tariffs; or the placeholder e, which meters print that tell no tariffs apart;
 *  - F 255 (FF), or none: the present value, not a stored or a maker's own one.
 *
 * Not settled, among others: B2, B3, C2, C3 and Bauer's 1-0:1.8.0*198 begin anew with each session; B1, C1 and 98
 * are computed for a cable's losses and not metered; 1.8.1 is the share of one tariff.
 */
export function directionOfObis(code: string): { direction: Direction } | { unsettled: string } {
  const parts = obisForm.exec(code)
  if (!parts) return { unsettled: `"${code.slice(0, 40)}" is not an OBIS code` }
  const [a, b, c, d, e, f = "FF"] = parts
    .slice(1)
    .map((group) => group?.toUpperCase().replace(/^0+(?=.)/, ""))
  const direction = runningRegisters.get(c!)
  if (a !== "1" || !direction)
    return { unsettled: `${code} is not a register of active energy that is settled` }
  if (b !== "0" && b !== "B") return { unsettled: `${code} is of a measuring channel of its own` }
  if (d !== "8") return { unsettled: `${code} does not count since the beginning` }
  if (e !== "0" && e !== "E") return { unsettled: `${code} counts one tariff only` }
  if (f !== "255" && f !== "FF") return { unsettled: `${code} is a stored value or of the maker's own kind` }
  return { direction }
}
