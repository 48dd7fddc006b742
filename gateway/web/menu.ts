import type { Words } from "./words/languages.ts"

export interface MenuEntry {
  path: string
  label: (words: Words) => string
}

/** For everyone. */
export const publicMenu: readonly MenuEntry[] = [
  { path: "/", label: ({ layout }) => layout.community },
  { path: "/home", label: ({ layout }) => layout.home },
  { path: "/audit", label: ({ layout }) => layout.audit },
]

/** For a household that is logged in. */
export const householdMenu: readonly MenuEntry[] = [
  { path: "/home", label: ({ layout }) => layout.home },
  { path: "/home/month", label: ({ layout }) => layout.month },
  { path: "/home/year", label: ({ layout }) => layout.year },
  { path: "/home/green", label: ({ layout }) => layout.green },
  { path: "/wallet", label: ({ layout }) => layout.wallet },
  { path: "/home/data", label: ({ layout }) => layout.data },
  { path: "/", label: ({ layout }) => layout.community },
]
