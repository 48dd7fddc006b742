import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/**
 * A hash of the code that recomputes: what other code found is not taken over. Compiled, this file stands in
 * dist/audit/cache, two folders below the rooms.
 */
export function codeHash(): string {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)))
  for (const room of ["audit", "energy", "protocol"]) {
    const folder = fileURLToPath(new URL(`../../${room}/`, import.meta.url))
    // Bundled into one file there are no rooms: then this file is all of it.
    if (!existsSync(folder)) continue
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    for (const file of files.filter((name) => /(?<!\.test)\.[jt]s$/.test(name)).sort())
      hash.update(`${room}/${file}\0`).update(readFileSync(`${folder}${file}`))
  }
  return hash.digest("hex")
}
