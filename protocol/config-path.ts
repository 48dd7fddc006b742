import { dirname, join, resolve } from "node:path"
import { PersonError } from "./error.ts"

const credentials = "$CREDENTIALS_DIRECTORY/"

/**
 * Where a path in a configuration file leads: it is relative to the file, or `$CREDENTIALS_DIRECTORY/NAME`, which is
 * where systemd shows a service the secrets that its unit loads (systemd.exec(5), "Credentials").
 * @throws PersonError when the path is of that kind and systemd did not start this.
 */
export function configPath(file: string, path: string, environment: NodeJS.ProcessEnv = process.env): string {
  if (!path.startsWith(credentials)) return resolve(dirname(file), path)
  const directory = environment.CREDENTIALS_DIRECTORY
  if (!directory)
    throw new PersonError(`${path} of the configuration ${file} is there for a service of systemd alone.`, {
      next: "Start it by systemctl, or name the file itself.",
    })
  return join(directory, path.slice(credentials.length))
}
