/** What one register showed, reading by reading, and what is counted of it. Energy is decimal text. */
export interface CounterCase {
  name: string
  /** How the figures come about. */
  because: string
  register: "generatedWh" | "importedWh"
  /** At `startTime`, for generated energy; any other register begins with its first reading. */
  startWh?: string
  readings: {
    /** Seconds after `startTime`; so is `received`, which is the same where it is not there. */
    time: number
    received?: number
    shown: string
    resolutionWh?: number
    kind: string
    /** Absent where the reading counts. */
    reason?: string
    countedWh: string
  }[]
}

export interface CounterVectors {
  about: string[]
  meter: { ratedW: number; startTime: number }
  rules: { headroomBasisPoints: number; clockToleranceSeconds: number }
  cases: CounterCase[]
}

type Row = [
  time: number,
  shown: number,
  kind: string,
  reason: string | null,
  countedWh: number,
  more?: object,
]

export function counterVectors(): CounterVectors {
  return {
    about: [
      "Values of one register in order, and what is counted after each. SPEC.md, 9.1. Energy is decimal text.",
      "5,000 W with 10 % headroom: 91.67 Wh in 60 s, 1,375 Wh in 900 s, 5,500 Wh in an hour, and one Wh for rounding.",
    ],
    meter: { ratedW: 5000, startTime: 1_780_272_000 },
    rules: { headroomBasisPoints: 1000, clockToleranceSeconds: 120 },
    cases: cases.map(([name, because, startWh, rows]) => ({
      name,
      because,
      register: startWh === undefined ? "importedWh" : "generatedWh",
      ...(startWh !== undefined && { startWh: String(startWh) }),
      readings: rows.map(([time, shown, kind, reason, countedWh, more]) => ({
        time,
        shown: String(shown),
        ...more,
        kind,
        ...(reason && { reason }),
        countedWh: String(countedWh),
      })),
    })),
  }
}

const cases: [name: string, because: string, startWh: number | undefined, rows: Row[]][] = [
  [
    "normal, frozen, gap",
    "92 <= 91.67 x 2, for it was first seen at 1,000,050 at 60 s; after 3,820 s without a reading it goes on.",
    1_000_000,
    [
      [60, 1_000_050, "normal", null, 1_000_050],
      [120, 1_000_050, "frozen", null, 1_000_050],
      [180, 1_000_142, "normal", null, 1_000_142],
      [4000, 1_000_200, "gap", null, 1_000_200],
    ],
  ],
  [
    "first",
    "A register that has no start counts from its first reading.",
    undefined,
    [
      [60, 5_000, "first", null, 5_000],
      [120, 5_050, "normal", null, 5_050],
    ],
  ],
  [
    "rounding does not add up",
    "Each 92 Wh in 60 s lead by 0.33 Wh; three make 1.00 <= 1, four make 1.33. At 300 s: 1.00 + 92 - 183.33 <= 1.",
    1_000_000,
    [
      [60, 1_000_092, "normal", null, 1_000_092],
      [120, 1_000_184, "normal", null, 1_000_184],
      [180, 1_000_276, "normal", null, 1_000_276],
      [240, 1_000_368, "glitch", "over-rated", 1_000_276],
      [300, 1_000_368, "normal", null, 1_000_368],
    ],
  ],
  [
    "a coarse register",
    "Step 1,000: the lead may be 1,001. 1000 - 152.78 = 847.2; 847.2 + 847.2 is too much; at 2000 s 847.2 + 1000 - 1527.8 = 319.4.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000, { resolutionWh: 1000 }],
      [1000, 1_002_000, "normal", null, 1_002_000, { resolutionWh: 1000 }],
      [1100, 1_003_000, "glitch", "over-rated", 1_002_000, { resolutionWh: 1000 }],
      [2000, 1_003_000, "gap", null, 1_003_000, { resolutionWh: 1000 }],
    ],
  ],
  [
    "dip to 0 at wake-up",
    "Back at 1,000,120: the difference to the value before the drop counts, 120 - 50.",
    1_000_000,
    [
      [60, 1_000_050, "normal", null, 1_000_050],
      [120, 0, "dip", "register-fell", 1_000_050],
      [180, 0, "dip", "register-fell", 1_000_050],
      [240, 1_000_120, "normal", null, 1_000_120],
    ],
  ],
  [
    "a little lower",
    "1,000,090 is not below the floor of 1,000,000: the value before was 40 Wh too high, or this one is too low.",
    1_000_000,
    [
      [60, 1_000_050, "normal", null, 1_000_050],
      [120, 1_000_130, "normal", null, 1_000_130],
      [180, 1_000_090, "behind", "register-fell", 1_000_130],
      [240, 1_000_140, "normal", null, 1_000_140],
    ],
  ],
  [
    "reset",
    "500 Wh are possible in the 900 s since the last reading. Four rises over 3,600 s: 1,001,000 + 2,500.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000],
      [1800, 500, "dip", "register-fell", 1_001_000],
      [2700, 1_000, "dip", "register-fell", 1_001_000],
      [3600, 1_500, "dip", "register-fell", 1_001_000],
      [4500, 2_000, "dip", "register-fell", 1_001_000],
      [5400, 2_500, "reset", null, 1_003_500],
      [6300, 2_600, "normal", null, 1_003_600],
    ],
  ],
  [
    "rollover",
    "10,000,000 - 9,999,800 + 300 = 500 Wh are possible in 900 s. 9,999,800 + 200 + 1,900.",
    9_999_000,
    [
      [900, 9_999_800, "normal", null, 9_999_800],
      [1800, 300, "dip", "register-fell", 9_999_800],
      [2700, 700, "dip", "register-fell", 9_999_800],
      [3600, 1_100, "dip", "register-fell", 9_999_800],
      [4500, 1_500, "dip", "register-fell", 9_999_800],
      [5400, 1_900, "rollover", null, 10_001_900],
    ],
  ],
  [
    "replaced by a counter that stands lower",
    "400,000 Wh cannot have been counted in 900 s: only what it rises from there counts, 2,000.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000],
      [1800, 400_000, "dip", "register-fell", 1_001_000],
      [2700, 400_500, "dip", "register-fell", 1_001_000],
      [3600, 401_000, "dip", "register-fell", 1_001_000],
      [4500, 401_500, "dip", "register-fell", 1_001_000],
      [5400, 402_000, "replaced", null, 1_003_000],
    ],
  ],
  [
    "replaced by a counter that stands higher",
    "The jump of 5,999,000 Wh never counts; the 2,000 Wh after it do.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000],
      [1800, 7_000_000, "glitch", "over-rated", 1_001_000],
      [2700, 7_000_500, "glitch", "register-jumped", 1_001_000],
      [3600, 7_001_000, "glitch", "register-jumped", 1_001_000],
      [4500, 7_001_500, "glitch", "register-jumped", 1_001_000],
      [5400, 7_002_000, "replaced", null, 1_003_000],
    ],
  ],
  [
    "a jump does not become plausible by a second one",
    "At 88,260 s the counter before could stand at 1,150,000, but not above 1,005,000, where it jumped to: another counter again.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000],
      [1800, 1_005_000, "glitch", "over-rated", 1_001_000],
      [30_000, 1_005_000, "glitch", "register-jumped", 1_001_000],
      [60_000, 1_005_000, "glitch", "register-jumped", 1_001_000],
      [88_200, 1_005_000, "replaced", null, 1_001_000],
      [88_260, 1_150_000, "glitch", "over-rated", 1_001_000],
      [100_000, 1_150_000, "glitch", "register-jumped", 1_001_000],
      [140_000, 1_150_000, "glitch", "register-jumped", 1_001_000],
      [174_660, 1_150_000, "replaced", null, 1_001_000],
    ],
  ],
  [
    "0 for a day, and the counter comes back",
    "After 86,400 s and four readings at 0 it is taken for a reset; the counter before goes on for an hour and is back.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000],
      [1800, 0, "dip", "register-fell", 1_001_000],
      [30_000, 0, "dip", "register-fell", 1_001_000],
      [60_000, 0, "dip", "register-fell", 1_001_000],
      [88_200, 0, "reset", null, 1_001_000],
      [89_100, 1_001_500, "glitch", "over-rated", 1_001_000],
      [90_000, 1_002_000, "glitch", "register-jumped", 1_001_000],
      [90_900, 1_002_500, "glitch", "register-jumped", 1_001_000],
      [91_800, 1_003_000, "glitch", "register-jumped", 1_001_000],
      [92_700, 1_003_500, "back", null, 1_003_500],
    ],
  ],
  [
    "what counted behind a reset that was none is taken off",
    "2,200 Wh counted; the counter before is back at 1,002,000: 1,200 Wh are owed, and at 1,003,300 the 100 Wh beyond count.",
    1_000_000,
    [
      [900, 1_001_000, "normal", null, 1_001_000],
      [1800, 200, "dip", "register-fell", 1_001_000],
      [2700, 700, "dip", "register-fell", 1_001_000],
      [3600, 1_200, "dip", "register-fell", 1_001_000],
      [4500, 1_700, "dip", "register-fell", 1_001_000],
      [5400, 2_200, "reset", null, 1_003_200],
      [6300, 1_001_600, "glitch", "over-rated", 1_003_200],
      [7200, 1_001_700, "glitch", "register-jumped", 1_003_200],
      [8100, 1_001_800, "glitch", "register-jumped", 1_003_200],
      [9000, 1_001_900, "glitch", "register-jumped", 1_003_200],
      [9900, 1_002_000, "behind", "register-fell", 1_003_200],
      [10_800, 1_003_300, "gap", null, 1_003_300],
    ],
  ],
  [
    "a value that is late",
    "3,000 Wh are possible in the 3,600 s since it first stood at 1,000,400, and not in the last 900 s: it is shown again.",
    1_000_000,
    [
      [900, 1_000_400, "normal", null, 1_000_400],
      [1800, 1_000_400, "frozen", null, 1_000_400],
      [2700, 1_000_400, "frozen", null, 1_000_400],
      [3600, 1_000_400, "frozen", null, 1_000_400],
      [4500, 1_003_400, "unconfirmed", "register-late", 1_000_400],
      [5400, 1_003_500, "late", null, 1_003_500],
    ],
  ],
  [
    "a wild value after standing still",
    "Nobody stands by 1,003,400.",
    1_000_000,
    [
      [900, 1_000_400, "normal", null, 1_000_400],
      [1800, 1_000_400, "frozen", null, 1_000_400],
      [2700, 1_000_400, "frozen", null, 1_000_400],
      [3600, 1_000_400, "frozen", null, 1_000_400],
      [4500, 1_003_400, "unconfirmed", "register-late", 1_000_400],
      [5400, 1_000_500, "gap", null, 1_000_500],
    ],
  ],
  [
    "a glitch upwards that goes away",
    "100,000 Wh in 60 s are not possible, not even if the clock was wrong by 120 s.",
    1_000_000,
    [
      [60, 1_000_050, "normal", null, 1_000_050],
      [120, 1_100_050, "glitch", "over-rated", 1_000_050],
      [180, 1_000_150, "normal", null, 1_000_150],
    ],
  ],
  [
    "a reading from the future",
    "600 > 400 + 120: its register is not looked at.",
    1_000_000,
    [
      [60, 1_000_050, "normal", null, 1_000_050],
      [600, 1_000_500, "glitch", "clock-ahead", 1_000_050, { received: 400 }],
      [660, 1_000_550, "normal", null, 1_000_550],
    ],
  ],
]
