import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { parseDocument } from "yaml"
import { checkConfig, configSchema, readConfig } from "../gateway/config.ts"
import { configurationPage } from "../gateway/config-doc.ts"
import { mistakesInFiles } from "../gateway/config-files.ts"
import { currentVersion, migrate } from "../gateway/config-versions.ts"
import { PersonError } from "../protocol/error.ts"
import { type Command, readGiven, type Values } from "./command.ts"

const actions: Record<string, (values: Values, file?: string) => number> = {
  check: (_, file) => check(given(file)),
  migrate: (values, file) => migrateFile(given(file), values["dry-run"] === true),
  doc: () => print(configurationPage()),
  schema: () => print(`${JSON.stringify(configSchema(), null, 2)}\n`),
}

export const config: Command = {
  name: "config",
  summary: "check, migrate and explain a gateway's configuration",
  help: `
Usage: commonwatt config check   FILE
       commonwatt config migrate FILE [--dry-run]
       commonwatt config doc
       commonwatt config schema

check    names every mistake with its line, and every file it names that is missing, unreadable, or a secret that others
         on this machine can read. Changes nothing.
migrate  brings a file that was made for an earlier Commonwatt to version ${currentVersion}. Comments stay. The file as it was stays
         beside it, as FILE.version-N. What does not hold afterwards is not written.
doc      prints what every setting means (docs/configuration.md)
schema   prints the same as JSON Schema, for editors

The exit code of check is 0 only if there is nothing to mend.

Example:
  commonwatt config check /etc/commonwatt/gateway.yaml
`,
  options: { "dry-run": { type: "boolean" } },
  async run(values, [action = "", file]) {
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (!act)
      throw new PersonError(action ? `There is no "config ${action}".` : "What about the configuration?", {
        next: `Use one of: ${Object.keys(actions).join(", ")}. See commonwatt config --help.`,
      })
    return act(values, file)
  },
}

function given(file: string | undefined): string {
  if (file === undefined)
    throw new PersonError("Which configuration?", { next: "commonwatt config check FILE" })
  return file
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function check(file: string): number {
  const found = readConfig(file)
  const mistakes = mistakesInFiles(found)
  if (mistakes.length > 0)
    throw new PersonError(`The configuration ${file} is right, but not the files that it names.`, {
      context: mistakes.map(({ setting, path, says }) => `${setting}: ${path}: ${says}`),
    })
  return print(
    `${file} is right: site ${found.site}, ${found.households.length} households, ${found.meters.length} meters, ${found.buses.length} buses\n`,
  )
}

/** Whole or not at all; the file before is never written over. */
function migrateFile(file: string, dryRun: boolean): number {
  const text = readGiven(file, "configuration")
  const document = parseDocument(text)
  if (document.errors.length > 0)
    throw new PersonError(`The configuration ${file} is not valid YAML.`, {
      context: document.errors.map(({ message }) => message.trimEnd()),
    })
  const before = document.get("version") ?? 0
  let done: string[]
  try {
    done = migrate(document)
  } catch (cause) {
    throw new PersonError((cause as Error).message, {
      context: [file],
      next: "Use the Commonwatt that made it.",
    })
  }
  if (done.length === 0) return print(`${file} is of version ${currentVersion} already.\n`)
  const migrated = document.toString({ lineWidth: 0 })
  checkConfig(migrated, file)
  for (const line of done) process.stderr.write(`${line}\n`)
  if (dryRun) return print(migrated)
  const backup = `${file}.version-${before}`
  if (existsSync(backup) && readFileSync(backup, "utf8") !== text)
    throw new PersonError(`There is a file ${backup} already.`, {
      next: "Look at it, and move it away: no back-up is ever written over.",
    })
  const { mode } = statSync(file)
  writeFileSync(backup, text, { mode, flush: true })
  writeFileSync(`${file}.new`, migrated, { mode, flush: true })
  renameSync(`${file}.new`, file)
  return print(`${file} is of version ${currentVersion}; as it was: ${backup}\n`)
}
