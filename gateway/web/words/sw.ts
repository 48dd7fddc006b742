import { en } from "./en.ts"

export const sw = en
