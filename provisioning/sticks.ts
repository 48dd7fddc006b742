import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"

const partition = z.object({ path: z.string(), fstype: z.string().nullish() })
const shape = z.object({
  blockdevices: z.array(
    z.object({ ...partition.shape, tran: z.string().nullish(), children: z.array(partition).optional() }),
  ),
})

/** What people's computers write to sticks. Others are not mounted: their drivers trust what they read more. */
const kinds = new Set(["vfat", "exfat"])

/** The file systems on sticks in USB sockets, from what `lsblk --json` says. */
export function sticksIn(lsblk: string): string[] {
  return shape
    .parse(JSON.parse(lsblk))
    .blockdevices.filter(({ tran }) => tran === "usb")
    .flatMap((disk) => [disk, ...(disk.children ?? [])])
    .filter(({ fstype }) => kinds.has(fstype ?? ""))
    .map(({ path }) => path)
}

export function sticksHere(): string[] {
  const { status, stdout } = spawnSync("lsblk", ["--json", "--output", "PATH,FSTYPE,TRAN"], {
    encoding: "utf8",
  })
  return status === 0 ? sticksIn(stdout) : []
}

/**
 * Shows each stick's files in a folder while something is done with them. One that cannot be mounted is left out.
 * @param below where the folders are made; the caller's own, gone with the next start.
 */
export async function withSticks<T>(
  sticks: readonly string[],
  below: string,
  work: (shown: { folder: string; device: string }[]) => Promise<T>,
): Promise<T> {
  const shown = sticks.flatMap((device) => {
    const folder = join(below, device.replaceAll("/", "-").slice(1))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const mounted = spawnSync("mount", ["-o", "nosuid,nodev,noexec", device, folder])
    return mounted.status === 0 ? [{ folder, device }] : []
  })
  try {
    return await work(shown)
  } finally {
    for (const { folder } of shown) spawnSync("umount", [folder])
  }
}
