import { existsSync, statSync } from "node:fs"
import { dirname } from "node:path"

const setgid = 0o2000

/**
 * Whether what lies in a folder may be read by the folder's group: it has the setgid bit, by which the kernel gives its
 * group to whatever is made in it. The package's /etc/commonwatt is such a folder: the gateway reads there, and writes
 * nothing. One that is not there yet is as the one that it will be made in.
 */
export function isShared(folder: string): boolean {
  let nearest = folder
  while (!existsSync(nearest)) nearest = dirname(nearest)
  return (statSync(nearest).mode & setgid) !== 0
}

/** The modes of what is written into a folder. A secret is its owner's alone, except in a folder that is shared. */
export function modesIn(folder: string): { secret: number; open: number; folder: number } {
  return isShared(folder)
    ? { secret: 0o640, open: 0o640, folder: setgid | 0o750 }
    : { secret: 0o600, open: 0o644, folder: 0o700 }
}
