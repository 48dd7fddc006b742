import { existsSync } from "node:fs"
import { join } from "node:path"
import { readConfig } from "../gateway/config.ts"
import { deliverNewest } from "../gateway/deliveries.ts"
import { keeperAt } from "../gateway/keeper/client.ts"
import { backupsIn, keepNewest, makeBackup } from "../gateway/recovery/backup.ts"
import { PersonError } from "../protocol/error.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { siteIdentity } from "../protocol/site-identity.ts"
import { type Command, optional, required } from "./command.ts"

export const backup: Command = {
  name: "backup",
  summary: "an encrypted copy of the gateway, made while it runs",
  help: `
Usage: commonwatt backup --config FILE [--to DIR]

  --config FILE   the gateway's configuration; its backup.recipients may open the copy, and the site's key
  --to DIR        where it goes, as a USB stick; else backup.directory of the configuration, and from there to the
                  gateways of backup.to

In it are the journal, the configuration and every file that the configuration names, the keys among them. It is
encrypted before it leaves the journal's directory, with age: commonwatt restore opens it, and so does
age -d -i IDENTITY FILE | tar xz. Evidence of batches that have left the journal is not in it: commonwatt evidence.

Example:
  commonwatt backup --config /etc/commonwatt/gateway.yaml --to /media/usb
`,
  options: { config: { type: "string" }, to: { type: "string" } },
  async run(values) {
    const configFile = required(values, "config", "the gateway's configuration")
    const config = readConfig(configFile)
    const { site, dataDir } = config
    if (!config.backup)
      throw new PersonError("The configuration names nobody who could open a back-up.", {
        next: "Add backup: { directory: …, recipients: [age1…] } to it: docs/operators.md, chapter 8.",
      })
    if (!existsSync(join(dataDir, "journal.sqlite")))
      throw new PersonError(`There is no journal in ${dataDir}.`, {
        next: "Check dataDir in the configuration; the gateway makes the journal when it first runs.",
      })
    const directory = optional(values, "to") ?? config.backup.directory
    const siteKey = readAccountKey(config.chain.keyFile, "The site's key")
    const own = await siteIdentity(siteKey)
    const made = await makeBackup({
      configFile,
      site,
      dataDir,
      directory,
      recipients: [...config.backup.recipients, own.recipient],
      now: Math.floor(Date.now() / 1000),
    })
    keepNewest(directory, site, config.backup.keep)
    for (const file of made.absent) process.stderr.write(`not in it, for it is not there: ${file}\n`)
    const keptBy: string[] = []
    for (const url of optional(values, "to") === undefined ? config.backup.to : [])
      try {
        await deliverNewest(keeperAt(url, siteKey), backupsIn(directory, site))
        keptBy.push(url)
      } catch (error) {
        process.stderr.write(`not kept by ${url}: ${(error as Error).message}\n`)
      }
    process.stdout.write(
      `${JSON.stringify({ file: made.file, bytes: made.bytes, absent: made.absent, keptBy })}\n`,
    )
    return optional(values, "to") === undefined && keptBy.length < config.backup.to.length ? 1 : 0
  },
}
