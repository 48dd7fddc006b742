import { readdirSync, readFileSync } from "node:fs"
import { extname, join } from "node:path"
import { LineCounter, type Node, parseDocument } from "yaml"
import { PersonError } from "../../../protocol/error.ts"
import { offsetOf, remarksOf } from "../../yaml-places.ts"
import { type Profile, profileShape } from "./profile-shape.ts"
import bsmWs36a from "./profiles/bsm-ws36a.json" with { type: "json" }
import em24Ethernet from "./profiles/em24-ethernet.json" with { type: "json" }
import em24Rs485 from "./profiles/em24-rs485.json" with { type: "json" }
import iem3000 from "./profiles/iem3000.json" with { type: "json" }
import iskraWm3m4c from "./profiles/iskra-wm3m4c.json" with { type: "json" }
import sdm120 from "./profiles/sdm120.json" with { type: "json" }
import sdm630 from "./profiles/sdm630.json" with { type: "json" }
import sma from "./profiles/sma.json" with { type: "json" }
import sunspec from "./profiles/sunspec.json" with { type: "json" }

export type Profiles = ReadonlyMap<string, Profile>

/** The profiles that come with the program. */
export const shippedProfiles: Profiles = new Map(
  Object.entries({
    "bsm-ws36a": bsmWs36a,
    "em24-ethernet": em24Ethernet,
    "em24-rs485": em24Rs485,
    iem3000,
    "iskra-wm3m4c": iskraWm3m4c,
    sdm120,
    sdm630,
    sma,
    sunspec,
  }).map(([name, file]) => [name, profileShape.parse(file)]),
)

/** @throws PersonError when there is no profile of that name. */
export function profileNamed(name: string, profiles: Profiles = shippedProfiles): Profile {
  const profile = profiles.get(name)
  if (!profile)
    throw new PersonError(`There is no meter profile "${name}".`, {
      next: `Use one of: ${[...profiles.keys()].sort().join(", ")}.`,
    })
  return profile
}

const endings = [".yaml", ".yml", ".json"]

/**
 * The profiles that come with the program and an operator's own: each file of his folder is one, named after it.
 * @throws PersonError naming the file, the lines and what is wrong there.
 */
export function readProfiles(folder: string): Profiles {
  let files: string[]
  try {
    files = readdirSync(folder).filter((file) => endings.includes(extname(file)) && !file.startsWith("."))
  } catch (cause) {
    throw new PersonError(`The profiles in ${folder} cannot be read.`, {
      context: [(cause as Error).message],
      next: "profilesDir in the configuration names the folder.",
    })
  }
  const profiles = new Map(shippedProfiles)
  for (const file of files.sort()) {
    const name = file.slice(0, -extname(file).length)
    const path = join(folder, file)
    if (profiles.has(name))
      throw new PersonError(`There are two meter profiles of the name "${name}".`, {
        context: [shippedProfiles.has(name) ? `${path}: one comes with the program` : path],
        next: "Give the file another name.",
      })
    profiles.set(name, parseProfile(readText(path), path))
  }
  return profiles
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (cause) {
    throw new PersonError(`The meter profile ${path} cannot be read.`, {
      context: [(cause as Error).message],
    })
  }
}

/**
 * A profile from its text, YAML or JSON (which is YAML).
 * @param path for the error.
 * @throws PersonError
 */
export function parseProfile(text: string, path: string): Profile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const lineAt = (offset: number) => lines.linePos(offset).line
  const wrong = (context: string[]) =>
    new PersonError(`The meter profile ${path} has ${context.length} mistake(s).`, {
      context,
      next: "docs/profiles.md says what a profile holds.",
    })
  if (document.errors.length > 0)
    throw wrong(document.errors.map(({ pos, message }) => `${path}:${lineAt(pos[0])}: ${message}`))
  let value: unknown
  try {
    value = document.toJS()
  } catch (cause) {
    throw wrong([`${path}: ${(cause as Error).message}`])
  }
  const result = profileShape.safeParse(value)
  if (result.success) return result.data
  throw wrong(
    result.error.issues.flatMap(remarksOf).map(({ place, says }) => {
      const line = lineAt(offsetOf(document.contents as Node | null, place))
      return `${path}:${line}: ${place.join(".") || "file"}: ${says}`
    }),
  )
}
