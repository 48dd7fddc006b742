import type { Hex } from "../hex.ts"
import type { SharingKey } from "../sharing-key.ts"

/** One household in a case: what it fed in and took in the interval, and what must become of it. Decimal text, Wh. */
interface Row {
  household: Hex
  exportedWh: string
  importedWh: string
  givenWh: string
  receivedWh: string
}

export interface SharingVectors {
  about: string[]
  cases: { name: string; why: string; start: number; key: SharingKey; households: Row[] }[]
}

const home = (n: number): Hex => `0x${String(n).padStart(40, "0")}`
const part = (n: number, parts: number) => ({ household: home(n), parts })
const pair = (producer: number, consumer: number, parts: number) => ({
  producer: home(producer),
  consumer: home(consumer),
  parts,
})
const start = 1_782_043_200
/** [household, exported, imported, given, received] in Wh. */
type Short = [n: number, exported: number, imported: number, given: number, received: number]
const rows = (list: Short[]): Row[] =>
  list.map(([n, exportedWh, importedWh, givenWh, receivedWh]) => ({
    household: home(n),
    exportedWh: String(exportedWh),
    importedWh: String(importedWh),
    givenWh: String(givenWh),
    receivedWh: String(receivedWh),
  }))

export function sharingVectors(): SharingVectors {
  const cases: [name: string, why: string, key: SharingKey, households: Short[]][] = [
    [
      "proportional, less surplus than deficit",
      "Surplus 100, deficit 300: 100 is shared. 100·100/300 = 33 rest 100, 100·200/300 = 66 rest 200: the Wh that is left goes to the larger remainder.",
      { name: "proportional", version: 1 },
      [
        [1, 100, 0, 100, 0],
        [2, 0, 100, 0, 33],
        [3, 0, 200, 0, 67],
      ],
    ],
    [
      "proportional, more surplus than deficit",
      "Surplus 300, deficit 100: 100 is shared. Givers: 100·100/300 = 33 rest 100, 100·200/300 = 66 rest 200, so 33 and 67.",
      { name: "proportional", version: 1 },
      [
        [1, 100, 0, 33, 0],
        [2, 200, 0, 67, 0],
        [3, 0, 100, 0, 100],
      ],
    ],
    [
      "proportional, equal remainders",
      "Surplus 10 over three equal deficits: 3 rest 1 of 3 each; the Wh that is left goes to the lowest address.",
      { name: "proportional", version: 1 },
      [
        [4, 0, 50, 0, 3],
        [2, 0, 50, 0, 4],
        [3, 0, 50, 0, 3],
        [1, 10, 0, 10, 0],
      ],
    ],
    [
      "proportional, a household is netted first",
      "Household 1 fed in 70 and took 40: surplus 30. Deficit 20: 20 is shared.",
      { name: "proportional", version: 1 },
      [
        [1, 70, 40, 20, 0],
        [2, 0, 20, 0, 20],
      ],
    ],
    [
      "minimum, what was injected and withdrawn is not netted",
      "Injected 70 + 10 = 80, withdrawn 40 + 20 = 60: the smaller, 60, is shared. Given 60·70/80 = 52 rest 40, 60·10/80 = 7 rest 40: equal remainders, the lowest address. Received 60 = all that was withdrawn.",
      { name: "minimum", version: 1 },
      [
        [1, 70, 40, 53, 40],
        [2, 10, 20, 7, 20],
      ],
    ],
    [
      "equal, everybody has a use for an equal amount",
      "Surplus 90 over three: 30 each, however different the deficits.",
      { name: "equal", version: 1 },
      [
        [1, 90, 0, 90, 0],
        [2, 0, 30, 0, 30],
        [3, 0, 300, 0, 30],
        [4, 0, 3000, 0, 30],
      ],
    ],
    [
      "equal, who is full leaves the rest to the others",
      "Surplus 100 over three: level 33; household 2 takes its 10 and is full, the others have 33 each, 24 left; level 12 for two: 45 each. All of it is used.",
      { name: "equal", version: 1 },
      [
        [1, 100, 0, 100, 0],
        [2, 0, 10, 0, 10],
        [3, 0, 300, 0, 45],
        [4, 0, 300, 0, 45],
      ],
    ],
    [
      "equal, less than one Wh each",
      "Surplus 2 over three: to the two lowest addresses.",
      { name: "equal", version: 1 },
      [
        [9, 2, 0, 2, 0],
        [3, 0, 5, 0, 0],
        [2, 0, 5, 0, 1],
        [1, 0, 5, 0, 1],
      ],
    ],
    [
      "static, what one cannot use is not offered again",
      "Surplus 1000; parts 50 %, 30 %, 20 %: offers 500, 300, 200. Household 2 uses 120 of 500, household 3 its 300, household 4 its 200: 620 are shared.",
      { name: "static", version: 3, parts: [part(2, 500_000), part(3, 300_000), part(4, 200_000)] },
      [
        [1, 1000, 0, 620, 0],
        [2, 0, 120, 0, 120],
        [3, 0, 900, 0, 300],
        [4, 0, 900, 0, 200],
      ],
    ],
    [
      "static, parts that leave something over",
      "Surplus 101; parts 1/3 (333,333 millionths) each for two, the rest for nobody. 101·333333 = 33,666,633: 33 rest 666,633 each; nobody: 101·333334 = 33,666,734: 33 rest 666,734. Two Wh are left: one to nobody's larger remainder, one to the lower address.",
      { name: "static", version: 3, parts: [part(2, 333_333), part(3, 333_333)] },
      [
        [1, 101, 0, 67, 0],
        [2, 0, 900, 0, 34],
        [3, 0, 900, 0, 33],
      ],
    ],
    [
      "static, a member whose energy is not known",
      "Household 4 has a gap and is not there: its 200 are offered to nobody else.",
      { name: "static", version: 3, parts: [part(2, 500_000), part(3, 300_000), part(4, 200_000)] },
      [
        [1, 1000, 0, 800, 0],
        [2, 0, 900, 0, 500],
        [3, 0, 900, 0, 300],
      ],
    ],
    [
      "table, the row of the interval's hour",
      "The row that began at the hour says 25 % and 75 %: 200·0.25 = 50, 200·0.75 = 150, of which household 3 uses 100.",
      {
        name: "table",
        version: 7,
        seconds: 3600,
        rows: [
          { start: start - 3600, parts: [part(2, 1_000_000)] },
          { start, parts: [part(2, 250_000), part(3, 750_000)] },
          { start: start + 3600, parts: [part(3, 1_000_000)] },
        ],
      },
      [
        [1, 200, 0, 150, 0],
        [2, 0, 900, 0, 50],
        [3, 0, 100, 0, 100],
      ],
    ],
    [
      "table, no row for the interval",
      "Proportional is in force: 200 over deficits of 100 and 300.",
      {
        name: "table",
        version: 7,
        seconds: 900,
        rows: [{ start: start - 900, parts: [part(2, 1_000_000)] }],
      },
      [
        [1, 200, 0, 200, 0],
        [2, 0, 100, 0, 50],
        [3, 0, 300, 0, 150],
      ],
    ],
    [
      "pairs, each producer by parts of its own",
      "Producer 1 offers 60 % of 100 to 3 and 40 % to 4; producer 2 offers all of 50 to 3. Household 3 is offered 60 + 50 = 110 and uses 55: 55·60/110 = 30 from 1, 55·50/110 = 25 from 2. Household 4 takes its 40.",
      {
        name: "pairs",
        version: 2,
        seconds: 900,
        rows: [{ start, pairs: [pair(1, 3, 600_000), pair(1, 4, 400_000), pair(2, 3, 1_000_000)] }],
      },
      [
        [1, 100, 0, 70, 0],
        [2, 50, 0, 25, 0],
        [3, 0, 55, 0, 55],
        [4, 0, 500, 0, 40],
      ],
    ],
    [
      "priority, first the school, then the rest",
      "Surplus 500. The school (5) needs 350: all of it. 150 are left for the rest, deficits 100 and 200, in proportion.",
      { name: "priority", version: 4, ranks: [[home(5)]] },
      [
        [1, 500, 0, 500, 0],
        [2, 0, 100, 0, 50],
        [3, 0, 200, 0, 100],
        [5, 0, 350, 0, 350],
      ],
    ],
    [
      "priority, two in the first rank and not enough",
      "Surplus 90 over the first rank's deficits of 100 and 200: 30 and 60. The others have none.",
      { name: "priority", version: 4, ranks: [[home(5), home(6)], [home(2)]] },
      [
        [1, 90, 0, 90, 0],
        [2, 0, 100, 0, 0],
        [5, 0, 100, 0, 30],
        [6, 0, 200, 0, 60],
      ],
    ],
    [
      "nobody has a surplus",
      "Nothing is shared under any key.",
      { name: "priority", version: 4, ranks: [[home(1)]] },
      [
        [1, 0, 100, 0, 0],
        [2, 5, 5, 0, 0],
      ],
    ],
  ]
  return {
    about: [
      "One interval under one sharing key, SPEC.md 9.3: what each household fed in and took, what it must give and receive, and the arithmetic.",
      "Parts are millionths; start and seconds are Unix seconds; energy is decimal text in whole Wh.",
    ],
    cases: cases.map(([name, why, key, households]) => ({
      name,
      why,
      start,
      key,
      households: rows(households),
    })),
  }
}
