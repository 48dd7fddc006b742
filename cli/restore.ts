import { mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { openJournal } from "../gateway/journal/journal.ts"
import { keeperAt } from "../gateway/keeper/client.ts"
import { backupsAt, fetchBackup } from "../gateway/keeper/fetch.ts"
import { drill, mustBeEmpty, type Restored, restore, type Uses } from "../gateway/recovery/restore.ts"
import { createPlainMeterSigner } from "../gateway/sources/modbus/sign.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import type { Identity } from "../protocol/seal.ts"
import { siteIdentity } from "../protocol/site-identity.ts"
import { keysFrom } from "../provisioning/identity.ts"
import { resealing } from "../provisioning/reseal.ts"
import { joinShares } from "../provisioning/shares.ts"
import { type Command, optional, required, type Values } from "./command.ts"
import { identitiesOf } from "./identities.ts"
import { passphraseOf, sharesGiven } from "./provision-identity.ts"

const pauseMs = 5_000
const say = (line: string) => process.stderr.write(`${line}\n`)

/** What the gateway opens besides the journal. */
const openKeys: Uses = [
  ({ chain }) => lackingFor(() => readAccountKey(chain.keyFile, "The site's key")),
  ({ meters, dataDir }) => {
    const journal = openJournal(dataDir, meters)
    try {
      return lackingFor(() => createPlainMeterSigner(meters, () => 0, journal.keys.of))
    } finally {
      journal.close()
    }
  },
]

function lackingFor(use: () => unknown): string[] {
  try {
    use()
    return []
  } catch (error) {
    if (!(error instanceof PersonError)) throw error
    return [[error.message, ...error.context].join(" ")]
  }
}

export const restoreCommand: Command = {
  name: "restore",
  summary: "put a back-up onto a new board, or try whether one could",
  help: `
Usage: commonwatt restore --from FILE|URL (--to DIR | --drill) (--words | --site-key FILE | --identity FILE)
                          [--passphrase-file FILE]

  --from FILE       a back-up
  --from URL        a gateway that keeps this site's back-ups: the newest one is fetched that can be opened. Needs the
                    site's key, by --words or --site-key. Cut off, the same command goes on where it was
  --to DIR          a directory that does not exist or is empty
  --drill           open all of it as a new board would, say what is in it, and leave nothing behind
  --words           asks for the words of the recovery sheets; with them it opens the back-up, and seals the keys in it
                    anew for this machine
  --passphrase-file FILE   what they are sealed with, in place of systemd's credential in DIR
  --site-key FILE   the key that the gateway proposes with
  --identity FILE   an age identity of one of its recipients

What is restored starts with: commonwatt run --config DIR/gateway.yaml. It first fetches what was settled since the
back-up from the chain and from those who keep its evidence, and reads nothing before. Never start it while the old
board still runs.

Examples:
  commonwatt restore --from /media/usb/commonwatt-site-1-20261121T160000Z.tar.gz.age --drill --identity backup.key
  commonwatt restore --from https://gateway-2.example:8443 --to /srv/commonwatt --words
`,
  options: {
    from: { type: "string" },
    to: { type: "string" },
    drill: { type: "boolean" },
    words: { type: "boolean" },
    "passphrase-file": { type: "string" },
    identity: { type: "string" },
    "site-key": { type: "string" },
  },
  async run(values) {
    const from = required(values, "from", "the back-up, or the address of a gateway that keeps it")
    const to = optional(values, "to")
    if ((to === undefined) === (values.drill !== true))
      throw new PersonError("Say either --to DIR or --drill.", { next: "See --help for an example." })
    const { identities, siteKey, uses } = await openers(values, to)
    const open = (file: string) =>
      to === undefined
        ? drill(file, identities, uses)
        : restore(file, identities, to, Math.floor(Date.now() / 1000), uses)
    const restored = /^https?:\/\//.test(from) ? await fetched(from, siteKey, to, open) : await open(from)
    for (const what of restored.lacking) say(`to be put there by hand: ${what}`)
    process.stdout.write(`${JSON.stringify(restored)}\n`)
    if (to !== undefined) say(`Start it with: commonwatt run --config ${join(to, "gateway.yaml")}`)
    return restored.lacking.length === 0 ? 0 : 1
  },
}

interface Openers {
  identities: Identity[]
  siteKey: Hex | undefined
  uses: Uses
}

/** What opens the back-up and the keys in it. */
async function openers(values: Values, to: string | undefined): Promise<Openers> {
  if (!values.words) {
    const file = optional(values, "site-key")
    const siteKey = file === undefined ? undefined : readAccountKey(file, "The site's key")
    return { identities: await identitiesOf(values), siteKey, uses: openKeys }
  }
  const root = await joinShares(await sharesGiven())
  const siteKey = keysFrom(root).site()
  const { identity } = await siteIdentity(siteKey)
  let passphrase: string | undefined
  const passphraseFor = () => {
    passphrase ??= passphraseOf(values)
    return passphrase
  }
  return {
    identities: [identity],
    siteKey,
    uses: resealing(root, to === undefined ? undefined : passphraseFor),
  }
}

/** Fetches what a keeper has, the newest first, until one can be opened. */
async function fetched(
  url: string,
  siteKey: Hex | undefined,
  to: string | undefined,
  open: (file: string) => Promise<Restored>,
): Promise<Restored> {
  if (siteKey === undefined)
    throw new PersonError("A back-up at another gateway is given to the site's key alone.", {
      next: "Give --words, or --site-key FILE.",
    })
  if (to !== undefined) mustBeEmpty(to)
  const keeper = keeperAt(url, siteKey)
  const there = await backupsAt(keeper)
  const directory = to === undefined ? mkdtempSync(join(tmpdir(), "commonwatt-fetched-")) : `${to}.fetched`
  for (const [i, one] of there.entries()) {
    say(`fetching ${one.name}, ${Math.ceil(one.bytes / 1000)} kB`)
    const file = await fetchBackup(keeper, one, directory, () => sleep(pauseMs))
    try {
      return await open(file)
    } catch (error) {
      if (!(error instanceof PersonError) || i === there.length - 1) throw error
      say([error.message, ...error.context].join(" "))
    } finally {
      rmSync(file, { force: true })
      if (readdirSync(directory).length === 0) rmdirSync(directory)
    }
  }
  throw new PersonError(`The gateway at ${url} has no back-up of this site.`)
}
