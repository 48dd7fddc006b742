import type { Words } from "./words/languages.ts"

export interface MenuEntry {
  path: string
  label: (words: Words) => string
}

/** For everyone. */
const publicMenu: readonly MenuEntry[] = [
  { path: "/", label: ({ layout }) => layout.community },
  { path: "/home", label: ({ layout }) => layout.home },
  { path: "/audit", label: ({ layout }) => layout.audit },
]

/** For a household that is logged in. */
const householdMenu: readonly MenuEntry[] = [
  { path: "/home", label: ({ layout }) => layout.home },
  { path: "/home/month", label: ({ layout }) => layout.month },
  { path: "/home/year", label: ({ layout }) => layout.year },
  { path: "/home/green", label: ({ layout }) => layout.green },
  { path: "/home/data", label: ({ layout }) => layout.data },
  { path: "/", label: ({ layout }) => layout.community },
]

/** For whoever logged in on this device. */
const walletEntry: MenuEntry = { path: "/wallet", label: ({ layout }) => layout.wallet }

/** @param wallet whether the device is logged in here, and has a wallet. */
export function menuFor(household: boolean, wallet: boolean): readonly MenuEntry[] {
  if (!household) return publicMenu
  return wallet ? [...householdMenu.slice(0, -1), walletEntry, ...householdMenu.slice(-1)] : householdMenu
}
