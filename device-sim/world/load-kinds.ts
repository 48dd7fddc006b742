/** Something that is switched on and off. */
export interface Appliance {
  watts: number
  /** How long it runs. */
  minutes: number
  /** When it may start, in local hours; later than 24 is not possible. */
  from: number
  to: number
  /** How often on a weekday and on a day of the weekend; a fraction is a chance. */
  weekday: number
  weekend: number
}

/** How a home uses electricity. Powers in W. */
export interface LoadPattern {
  /** What is never off. */
  base: number
  /** A compressor that runs a third of each cycle. */
  fridge: { watts: number; cycleMinutes: number }
  /** Light, screens and small things: one power per local hour, joined by straight lines. */
  weekday: readonly number[]
  weekend: readonly number[]
  appliances: readonly Appliance[]
}

const kettle = { watts: 2000, minutes: 3 }
const oven = { watts: 2200, minutes: 40 }
const hob = { watts: 1600, minutes: 25 }
const washing = { watts: 700, minutes: 75 }
const dishes = { watts: 900, minutes: 60 }

/**
 * Made up to have the shape and the size of homes, not fitted to measured ones: about 12 kWh a day for a family,
 * 6 for one person, 10 with a home office, 9 for the retired, 22 as the mean of a workshop's week.
 */
export const loadKinds = {
  family: {
    base: 120,
    fridge: { watts: 110, cycleMinutes: 48 },
    weekday: [
      40, 30, 30, 30, 30, 60, 280, 360, 180, 90, 90, 110, 180, 130, 110, 140, 220, 340, 460, 500, 460, 380,
      240, 100,
    ],
    weekend: [
      60, 40, 30, 30, 30, 40, 90, 180, 330, 340, 280, 290, 340, 280, 240, 250, 280, 350, 450, 480, 460, 400,
      280, 130,
    ],
    appliances: [
      { ...kettle, from: 6, to: 9, weekday: 2, weekend: 2 },
      { ...kettle, from: 14, to: 18, weekday: 0.6, weekend: 1.4 },
      { ...hob, from: 17.5, to: 19.5, weekday: 0.9, weekend: 0.8 },
      { ...oven, from: 17, to: 19, weekday: 0.3, weekend: 0.5 },
      { ...oven, from: 10.5, to: 12.5, weekday: 0, weekend: 0.5 },
      { ...washing, from: 8, to: 20, weekday: 0.7, weekend: 1.3 },
      { ...dishes, from: 19.5, to: 22, weekday: 0.9, weekend: 1 },
    ],
  },
  single: {
    base: 70,
    fridge: { watts: 80, cycleMinutes: 54 },
    weekday: [
      40, 20, 20, 20, 20, 20, 90, 180, 120, 30, 20, 20, 20, 20, 20, 20, 30, 90, 220, 260, 270, 260, 210, 110,
    ],
    weekend: [
      90, 50, 20, 20, 20, 20, 30, 40, 90, 160, 170, 160, 180, 160, 140, 130, 130, 150, 200, 240, 260, 260,
      230, 160,
    ],
    appliances: [
      { ...kettle, from: 6.5, to: 9, weekday: 1, weekend: 0.4 },
      { ...kettle, from: 9, to: 11, weekday: 0, weekend: 1 },
      { ...hob, from: 18, to: 20.5, weekday: 0.6, weekend: 0.6 },
      { ...oven, from: 18, to: 20, weekday: 0.2, weekend: 0.3 },
      { ...washing, from: 10, to: 19, weekday: 0.2, weekend: 0.5 },
    ],
  },
  "home office": {
    base: 110,
    fridge: { watts: 95, cycleMinutes: 45 },
    weekday: [
      40, 30, 30, 30, 30, 30, 120, 200, 300, 340, 350, 350, 340, 350, 350, 340, 320, 260, 260, 280, 270, 230,
      160, 80,
    ],
    weekend: [
      60, 40, 30, 30, 30, 30, 50, 90, 160, 190, 190, 200, 230, 200, 180, 180, 200, 230, 270, 290, 280, 250,
      190, 110,
    ],
    appliances: [
      { ...kettle, from: 7, to: 12, weekday: 3, weekend: 1.5 },
      { ...kettle, from: 13, to: 17, weekday: 2, weekend: 1 },
      { ...hob, from: 11.8, to: 13.2, weekday: 0.8, weekend: 0.6 },
      { ...oven, from: 17.5, to: 19.5, weekday: 0.3, weekend: 0.4 },
      { ...washing, from: 9, to: 16, weekday: 0.4, weekend: 0.5 },
      { ...dishes, from: 19, to: 21, weekday: 0.5, weekend: 0.5 },
    ],
  },
  retired: {
    base: 100,
    fridge: { watts: 120, cycleMinutes: 50 },
    weekday: [
      30, 20, 20, 20, 20, 40, 120, 200, 220, 200, 190, 220, 260, 180, 160, 170, 180, 220, 280, 300, 280, 200,
      90, 40,
    ],
    weekend: [
      30, 20, 20, 20, 20, 30, 90, 190, 230, 210, 200, 230, 280, 200, 170, 180, 190, 220, 280, 300, 280, 210,
      100, 40,
    ],
    appliances: [
      { ...kettle, from: 6.5, to: 9, weekday: 2, weekend: 2 },
      { ...kettle, from: 14.5, to: 16.5, weekday: 1, weekend: 1 },
      { ...hob, from: 11, to: 12.5, weekday: 1, weekend: 0.8 },
      { ...oven, from: 10.5, to: 12, weekday: 0.2, weekend: 0.6 },
      { ...washing, from: 8.5, to: 12, weekday: 0.4, weekend: 0.1 },
    ],
  },
  workshop: {
    base: 150,
    fridge: { watts: 130, cycleMinutes: 42 },
    weekday: [
      60, 60, 60, 60, 60, 80, 300, 900, 1500, 1700, 1600, 1700, 700, 1500, 1700, 1600, 1200, 500, 200, 120,
      100, 80, 60, 60,
    ],
    weekend: [
      60, 60, 60, 60, 60, 60, 60, 80, 150, 200, 220, 200, 120, 90, 80, 80, 80, 80, 80, 80, 70, 60, 60, 60,
    ],
    appliances: [
      { watts: 3000, minutes: 12, from: 7.5, to: 11.5, weekday: 5, weekend: 0.2 },
      { watts: 3000, minutes: 12, from: 13, to: 16, weekday: 4, weekend: 0 },
      { watts: 5500, minutes: 6, from: 8, to: 16, weekday: 3, weekend: 0 },
      { ...kettle, from: 8.8, to: 9.5, weekday: 1, weekend: 0 },
    ],
  },
} as const satisfies Record<string, LoadPattern>

export type LoadKind = keyof typeof loadKinds
export const loadKindNames = Object.freeze(Object.keys(loadKinds) as LoadKind[])
