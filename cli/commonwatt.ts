#!/usr/bin/env node
import { readFileSync } from "node:fs"
import { type Command, runCommand } from "./command.ts"

// Each command is loaded when it is asked for: the gateway starts without what the auditor needs.
const commands: Record<string, { summary: string; load: () => Promise<Command> }> = {
  demo: {
    summary: "the whole system on this machine, with simulated meters",
    load: async () => (await import("./demo.ts")).demo,
  },
  run: { summary: "the gateway", load: async () => (await import("./run.ts")).run },
  sim: { summary: "simulated meters alone", load: async () => (await import("./sim.ts")).sim },
  read: { summary: "read every configured meter once", load: async () => (await import("./read.ts")).read },
  verify: { summary: "judge signed readings", load: async () => (await import("./verify.ts")).verify },
  validate: { summary: "a validator", load: async () => (await import("./validate.ts")).validate },
  audit: {
    summary: "recompute everything that was minted",
    load: async () => (await import("./audit.ts")).auditCommand,
  },
  doctor: {
    summary: "what is wrong with this gateway, in words a caretaker understands",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  disclose: {
    summary: "show an hour of a household to somebody, with a proof",
    load: async () => (await import("./disclose.ts")).disclose,
  },
  claim: {
    summary: "what a household's energy meant, as a credential that anyone can verify",
    load: async () => (await import("./claim.ts")).claim,
  },
  challenge: {
    summary: "doubt a statement on chain, or show a proof of fraud",
    load: async () => (await import("./challenge.ts")).challenge,
  },
  evidence: {
    summary: "carry evidence on a stick: export, import, check",
    load: async () => (await import("./evidence.ts")).evidence,
  },
  backup: {
    summary: "an encrypted copy of the gateway, made while it runs",
    load: async () => (await import("./backup.ts")).backup,
  },
  restore: {
    summary: "put a back-up onto a new board, or try whether one could",
    load: async () => (await import("./restore.ts")).restoreCommand,
  },
  config: {
    summary: "check, migrate and explain a gateway's configuration",
    load: async () => (await import("./config.ts")).config,
  },
  provision: {
    summary: "the operator's tools: make keys, deploy contracts, open a site, register meters",
    load: async () => (await import("./provision.ts")).provision,
  },
}

// Node 20 calls X25519 experimental each time a box key is used. People read what is said here.
process.removeAllListeners("warning")
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") process.stderr.write(`${warning.name}: ${warning.message}\n`)
})

const [name, ...args] = process.argv.slice(2)
if (name === "--version" || name === "-v") {
  const file = new URL("../../package.json", import.meta.url)
  process.stdout.write(`${(JSON.parse(readFileSync(file, "utf8")) as { version: string }).version}\n`)
} else if (name === undefined || name === "--help" || name === "-h" || name === "help") {
  process.stdout.write(usage())
} else if (Object.hasOwn(commands, name)) {
  // The one place where the program ends: a command that failed half-way may leave servers open, and a gateway that
  // was asked to stop may still wait for the network. Output to a pipe or a file is written by now.
  process.exit(await runCommand(await commands[name]!.load(), args))
} else {
  process.stderr.write(`commonwatt: there is no command "${name}".\n\n${usage()}`)
  process.exitCode = 2
}

function usage(): string {
  const list = Object.entries(commands).map(([command, { summary }]) => `  ${command.padEnd(10)} ${summary}`)
  return `Usage: commonwatt COMMAND [options]\n\n${list.join("\n")}\n\ncommonwatt COMMAND --help tells more, with an example.\n`
}
