import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { PersonError } from "../protocol/error.ts"
import { keepMachinePassphrase } from "../protocol/machine-passphrase.ts"
import { readPassphrase, readSecret } from "../protocol/sealed-secret.ts"
import { lockBundle, openBundle } from "../provisioning/bundle.ts"
import { gather, unpack } from "../provisioning/bundle-files.ts"
import { type Place, firstBoot as takeAtFirstBoot } from "../provisioning/first-boot.ts"
import { sticksHere, withSticks } from "../provisioning/sticks.ts"
import { optional, required, type Values } from "./command.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Puts all that a new gateway needs into one encrypted file. */
export async function bundle(values: Values): Promise<number> {
  const config = required(values, "config", "the new gateway's configuration")
  const identity = optional(values, "dir")
  const out = required(values, "out", "the file for the bundle")
  const recipient = optional(values, "to")
  const lockFile = optional(values, "lock-file")
  const keyInside = values["key-inside"] === true
  if ([recipient !== undefined, lockFile !== undefined, keyInside].filter(Boolean).length !== 1)
    throw new PersonError(
      "What is the bundle locked with? Give one: --lock-file FILE (a passphrase), --to age1… (the box's key), or --key-inside (nothing else: who holds the file can open it).",
    )
  const passphraseFile = optional(values, "passphrase-file")
  const gathered = gather(config, identity === undefined ? undefined : resolve(identity))
  for (const { path, for: reader } of gathered.files) say(`for ${reader.padEnd(9)}  ${path}`)
  if (passphraseFile !== undefined)
    say("with the passphrase of the sealed keys, which the box seals for itself")
  if (values["dry-run"]) return 0
  const locked = await lockBundle(
    { ...gathered, ...(passphraseFile !== undefined && { passphrase: readPassphrase(passphraseFile) }) },
    recipient !== undefined
      ? { recipient }
      : lockFile !== undefined
        ? { passphrase: readPassphrase(lockFile) }
        : "key inside",
  )
  writeFileSync(out, locked, { mode: 0o600, flag: "wx", flush: true })
  say(`${out}: ${locked.length} bytes`)
  return 0
}

/** Takes a bundle on a new gateway. */
export async function unbundle(values: Values, [file]: readonly string[]): Promise<number> {
  if (file === undefined)
    throw new PersonError("Which bundle?", { next: "commonwatt provision unbundle FILE --dir DIR …" })
  const folder = resolve(required(values, "dir", "the folder of the gateway's configuration"))
  const lockFile = optional(values, "lock-file")
  const keyFile = optional(values, "key-file")
  if (lockFile !== undefined && keyFile !== undefined)
    throw new PersonError("What opens the bundle? Give --lock-file or --key-file, not both.")
  if (!existsSync(file)) throw new PersonError(`There is no bundle ${file}.`)
  const opened = await openBundle(
    readFileSync(file),
    keyFile !== undefined
      ? { identity: readSecret(keyFile, "The box's key") }
      : lockFile !== undefined
        ? { passphrase: readPassphrase(lockFile) }
        : undefined,
  )
  for (const { path } of opened.files) say(join(folder, path))
  if (values["dry-run"]) return 0
  const written = unpack(opened, folder, () => keepPassphrase(opened.passphrase, values))
  say(written.length > 0 ? `${written.length} files written` : "everything was there already")
  if (values.remove) {
    rmSync(file)
    say(`${file} is removed`)
  }
  return 0
}

/** It goes to the machine's own keeping, or to a file where the person says so; never into the folder in the clear. */
function keepPassphrase(passphrase: string | undefined, values: Values): void {
  if (passphrase === undefined) return
  const to = optional(values, "passphrase-to")
  if (to === undefined) {
    keepMachinePassphrase(passphrase)
    return
  }
  writeFileSync(to, `${passphrase}\n`, { mode: 0o600, flush: true })
  say(`the passphrase of the sealed keys is in ${to}: COMMONWATT_PASSPHRASE_FILE=${to}`)
}

/** The boot partition: of Raspberry Pi OS, of its older releases, of a PC. */
const bootFolders = ["/boot/firmware", "/boot", "/boot/efi"].map(asPlace)
/** As the package's unit has them. */
const packageFolder = "/etc/commonwatt"
const packageData = "/var/lib/commonwatt"
const sticksBelow = "/run/commonwatt-sticks"

function asPlace(folder: string): Place {
  return { folder, called: folder }
}

/** Takes the bundle that lies on the boot partition or a stick. */
export async function firstBoot(values: Values): Promise<number> {
  const folder = resolve(optional(values, "dir") ?? packageFolder)
  const from = optional(values, "from")
  const lines: string[] = []
  const tell = (line: string) => {
    say(line)
    lines.push(line)
  }
  const look = (places: readonly Place[]) =>
    takeAtFirstBoot(
      {
        places,
        dryRun: values["dry-run"] === true,
        folder,
        dataDir: packageData,
        keep: keepMachinePassphrase,
        sync: () => spawnSync("sync"),
      },
      tell,
    )
  let outcome: Awaited<ReturnType<typeof look>>
  if (from !== undefined) outcome = await look(from.split(",").map(asPlace))
  else {
    // A stick that comes to light while others are looked at is looked at too.
    let sticks: string[]
    do {
      sticks = sticksHere()
      lines.length = 0
      outcome = await withSticks(sticks, sticksBelow, (shown) =>
        look([
          ...bootFolders,
          ...shown.map(({ folder, device }) => ({ folder, called: `the stick ${device}` })),
        ]),
      )
    } while (outcome !== "taken" && sticksHere().join() !== sticks.join())
  }
  const report = optional(values, "report")
  if (report !== undefined && lines.length > 0) {
    mkdirSync(dirname(report), { recursive: true })
    writeFileSync(report, `${lines.join("\n")}\n\n`)
  }
  if (outcome === "nothing") say(`no ${from ?? "boot partition or stick"} has a bundle`)
  return outcome === "refused" ? 1 : 0
}
