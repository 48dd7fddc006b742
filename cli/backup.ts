import { existsSync } from "node:fs"
import { join } from "node:path"
import { readConfig } from "../gateway/config.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { keepNewest, makeBackup } from "../gateway/recovery/backup.ts"
import { drill, type Restored, restore, type Uses } from "../gateway/recovery/restore.ts"
import { createPlainMeterSigner } from "../gateway/sources/modbus/sign.ts"
import { PersonError } from "../protocol/error.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { siteIdentity } from "../protocol/site-identity.ts"
import { type Command, optional, required } from "./command.ts"
import { identitiesOf } from "./identities.ts"

export const backup: Command = {
  name: "backup",
  summary: "an encrypted copy of the gateway, made while it runs",
  help: `
Usage: commonwatt backup --config FILE [--to DIR]

  --config FILE   the gateway's configuration; its backup.recipients may open the copy, and the site's key
  --to DIR        where it goes, as a USB stick; else backup.directory of the configuration

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
    const own = await siteIdentity(readAccountKey(config.chain.keyFile, "The site's key"))
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
    process.stdout.write(`${JSON.stringify({ file: made.file, bytes: made.bytes, absent: made.absent })}\n`)
    return 0
  },
}

/** What the gateway opens besides the journal. */
const uses: Uses = [
  ({ chain }) => readAccountKey(chain.keyFile, "The site's key"),
  ({ meters, dataDir }) => {
    const journal = openJournal(dataDir, meters)
    try {
      createPlainMeterSigner(meters, () => 0, journal.keys.of)
    } finally {
      journal.close()
    }
  },
]

export const restoreCommand: Command = {
  name: "restore",
  summary: "put a back-up onto a new board, or try whether one could",
  help: `
Usage: commonwatt restore --from FILE (--to DIR | --drill) (--identity FILE | --site-key FILE)

  --from FILE       a back-up
  --to DIR          a directory that does not exist or is empty
  --drill           open all of it as a new board would, say what is in it, and leave nothing behind
  --identity FILE   an age identity of one of its recipients
  --site-key FILE   the key that the gateway proposes with

What is restored starts with: commonwatt run --config DIR/gateway.yaml. It first fetches what was settled since the
back-up from the chain and from those who keep its evidence, and reads nothing before. Never start it while the old
board still runs.

Example:
  commonwatt restore --from /media/usb/commonwatt-site-1-20261121T160000Z.tar.gz.age --drill --identity backup.key
`,
  options: {
    from: { type: "string" },
    to: { type: "string" },
    drill: { type: "boolean" },
    identity: { type: "string" },
    "site-key": { type: "string" },
  },
  async run(values) {
    const file = required(values, "from", "the back-up")
    const to = optional(values, "to")
    if ((to === undefined) === (values.drill !== true))
      throw new PersonError("Say either --to DIR or --drill.", { next: "See --help for an example." })
    const identities = await identitiesOf(values)
    const restored: Restored =
      to === undefined
        ? await drill(file, identities, uses)
        : await restore(file, identities, to, Math.floor(Date.now() / 1000), uses)
    for (const what of restored.lacking) process.stderr.write(`to be put there by hand: ${what}\n`)
    process.stdout.write(`${JSON.stringify(restored)}\n`)
    if (to !== undefined)
      process.stderr.write(`Start it with: commonwatt run --config ${join(to, "gateway.yaml")}\n`)
    return restored.lacking.length === 0 ? 0 : 1
  },
}
