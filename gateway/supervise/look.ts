import { accessSync, constants, existsSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { readAccountKey } from "../../protocol/key-file.ts"
import type { Config } from "../config.ts"
import { keyFilesOf } from "../key-files.ts"
import type { Finding } from "./finding.ts"
import { inOrder } from "./finding.ts"
import { machineFacts } from "./machine.ts"
import { machineFindings } from "./machine-findings.ts"

/**
 * What is wrong with a gateway that does not run, as far as it can be seen from outside: it is read only, and no meter
 * is asked.
 * @param wallNow Unix seconds. @param askChain says what is wrong with the chain; undefined when nothing is.
 */
export async function lookWithoutGateway(
  config: Config,
  wallNow: number,
  askChain: (config: Config) => Promise<string | undefined>,
): Promise<Finding[]> {
  const chain = await askChain(config)
  return inOrder([
    alarm("not-running", undefined, "The gateway does not run.", {
      means:
        "No meter is heard. Meters' registers count on; meters that keep what they could not deliver send it later.",
      next: "Put right what is said below, then: systemctl start commonwatt-gateway, and look at journalctl -u commonwatt-gateway.",
    }),
    ...keys(config),
    ...journal(config.dataDir),
    ...serialPorts(config),
    ...machineFindings({
      machine: machineFacts(config, wallNow),
      meters: config.meters.map(({ name, key, modbus }) => ({
        name,
        meterId: key.meterId,
        bus: modbus?.bus,
        signedBy: modbus?.keyFile === undefined ? "meter" : "gateway",
        lastCounted: undefined,
        patienceSeconds: 0,
        unreachable: undefined,
        doubt: undefined,
        stillSince: undefined,
        waits: undefined,
      })),
    }),
    ...(chain === undefined
      ? []
      : [
          alarm("chain-unreachable", undefined, chain, {
            means: "Readings are kept and nothing is lost; nothing is settled until the chain is there.",
            next: "See whether the box reaches the internet, and check chain.rpc, chain.chainId and chain.oracle.",
          }),
        ]),
  ])
}

function keys({ chain, meters }: Config): Finding[] {
  const found: Finding[] = []
  try {
    readAccountKey(chain.keyFile, "The site's key")
  } catch (error) {
    found.push(keyFinding(chain.keyFile, error, "Nothing can be settled without it."))
  }
  for (const { name, modbus } of meters)
    for (const file of keyFilesOf(modbus))
      try {
        accessSync(file, constants.R_OK)
      } catch (error) {
        found.push(keyFinding(file, error, `The gateway cannot sign for ${name}.`))
      }
  return found
}

function keyFinding(file: string, error: unknown, means: string): Finding {
  return alarm("key", file, `The key ${file} cannot be used: ${(error as Error).message}`, {
    means,
    next: "Put it back from its back-up, readable by the gateway's user alone. A meter's key cannot be made anew: its meter would be another one.",
  })
}

function journal(dataDir: string): Finding[] {
  const file = join(dataDir, "journal.sqlite")
  if (!existsSync(file)) return []
  try {
    const db = new Database(file, { readonly: true })
    try {
      const said = db.pragma("quick_check(1)", { simple: true })
      if (said === "ok") return []
      return [journalFinding(file, `is damaged: ${said}`)]
    } finally {
      db.close()
    }
  } catch (error) {
    return [journalFinding(file, `cannot be opened: ${(error as Error).message}`)]
  }
}

function journalFinding(file: string, what: string): Finding {
  return alarm("journal", undefined, `The journal ${file} ${what}.`, {
    means: "It holds every reading that is not settled yet.",
    next: "Copy the whole directory somewhere safe before anything else; then restore the last back-up (docs/operators.md).",
  })
}

function serialPorts({ buses }: Config): Finding[] {
  return buses.flatMap((bus) => {
    if (!("serial" in bus)) return []
    const { path } = bus.serial
    const says = (what: string, next: string) =>
      alarm("bus-silent", bus.name, `The bus ${bus.name} has no line: ${path} ${what}.`, {
        means: "No meter on it can be read.",
        next,
      })
    if (!existsSync(path))
      return [says("is not there", "Plug the adapter in; ls -l /dev/serial/by-id shows the names that stay.")]
    try {
      accessSync(path, constants.R_OK | constants.W_OK)
      return []
    } catch {
      return [
        says(
          "may not be used by this user",
          "Add the gateway's user to the group dialout, or run this as that user.",
        ),
      ]
    }
  })
}

function alarm(
  code: string,
  about: string | undefined,
  what: string,
  { means, next }: Pick<Finding, "means" | "next">,
): Finding {
  return { code, severity: "alarm", about, what, means, next, since: undefined }
}
