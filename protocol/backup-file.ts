const ending = ".tar.gz.age"

/** A back-up's file: `commonwatt-site-1-20261121T160000Z.tar.gz.age`. @param made Unix seconds. */
export function backupName(site: number, made: number): string {
  return `commonwatt-site-${site}-${stamp(made)}${ending}`
}

/** Of which site a file with that name is a back-up, and when it was made; undefined where it is none. */
export function readBackupName(name: string): { site: number; made: number } | undefined {
  const found = /^commonwatt-site-([1-9]\d{0,9})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.tar\.gz\.age$/.exec(
    name,
  )
  if (!found) return undefined
  const [, site, year, month, day, hour, minute, second] = found
  const made = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) / 1000
  return Number.isNaN(made) ? undefined : { site: Number(site), made }
}

/** A time in a file's name: 20261121T160000Z. */
export function stamp(time: number): string {
  return new Date(time * 1000).toISOString().replace(/[-:]|\.\d+/g, "")
}
