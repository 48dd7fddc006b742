import { existsSync } from "node:fs"
import { resolve } from "node:path"

/**
 * A file of the real data that tests use and the project does not contain: in the folder that the environment
 * variable COMMONWATT_SHARED names, or in `shared` beside the checkout. Says why there is none.
 */
export function sharedFile(path: string): { file: string } | { missing: string } {
  const file = resolve(process.env.COMMONWATT_SHARED ?? "../shared", path)
  return existsSync(file) ? { file } : { missing: `${path} is not there; COMMONWATT_SHARED names its folder` }
}
