import { readFileSync } from "node:fs"
import { type ParseArgsConfig, parseArgs } from "node:util"
import { PersonError } from "../protocol/error.ts"

type Options = NonNullable<ParseArgsConfig["options"]>
export type Values = Record<string, string | boolean | string[] | undefined>

/** One command of the command line: data goes to stdout, talk to stderr. */
export interface Command {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** Everything `--help` prints after the first line: usage, options, an example that has been run. */
  help: string
  options: Options
  /** Completes arguments before they are parsed. */
  complete?(args: readonly string[]): string[]
  /** @returns the exit code. */
  run(values: Values, positionals: string[]): Promise<number>
}

/**
 * Parses a command's arguments and runs it. A mistake of the person's is answered with a line, the context and what
 * to do next; never with a stack trace.
 */
export async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: command.complete?.(args) ?? [...args],
      options: { ...command.options, help: { type: "boolean", short: "h" } },
      allowPositionals: true,
      strict: true,
    })
    if (values.help) {
      process.stdout.write(`commonwatt ${command.name}: ${command.summary}\n\n${command.help.trim()}\n`)
      return 0
    }
    return await command.run(values as Values, positionals)
  } catch (thrown) {
    const error = inWords(thrown) ?? thrown
    process.stderr.write(explain(error, command.name))
    return error instanceof PersonError || isUsageError(error) ? 2 : 1
  }
}

/** Puts faults of the surroundings into words; undefined for anything that may be a defect of ours. */
function inWords(error: unknown): PersonError | undefined {
  if (error instanceof PersonError) return error
  const { name, code, port, address, path, url, details } = error as Record<string, unknown>
  if (code === "EADDRINUSE")
    return new PersonError(`Port ${port} on ${address} is taken by another program.`, {
      next: "Stop that program, or choose another port.",
    })
  if (code === "EACCES" || code === "EPERM")
    return new PersonError(`This user may not use ${path ?? `port ${port} on ${address}`}.`, {
      next: "Give it the right to, or choose another.",
    })
  if (code === "ENOSPC") return new PersonError("The disk is full.", { next: "Make room and start again." })
  if (name === "HttpRequestError" || name === "TimeoutError")
    return new PersonError(`The node at ${url ?? "the given address"} does not answer.`, {
      context: details ? [String(details)] : [],
      next: "Check the address, and whether the node is up.",
    })
  if (name === "InvalidUrlError" || code === "ERR_INVALID_URL")
    return new PersonError("An address that was given is not a URL.", {
      next: "A URL begins with http:// or https://.",
    })
  const { cause } = error as { cause?: unknown }
  return cause === undefined ? undefined : inWords(cause)
}

/** What a person reads when a command fails. */
function explain(error: unknown, command: string): string {
  if (error instanceof PersonError) {
    const lines = [`commonwatt ${command}: ${error.message}`, ...error.context.map((line) => `  ${line}`)]
    if (error.next) lines.push(error.next)
    return `${lines.join("\n")}\n`
  }
  const message = error instanceof Error ? error.message : String(error)
  if (isUsageError(error)) return `commonwatt ${command}: ${message}\nSee: commonwatt ${command} --help\n`
  if (process.env.COMMONWATT_DEBUG) return `${error instanceof Error ? error.stack : message}\n`
  return `commonwatt ${command}: something went wrong that it has no words for: ${message.split("\n")[0]}\nSet COMMONWATT_DEBUG=1 to see where, and report it.\n`
}

function isUsageError(error: unknown): boolean {
  return String((error as { code?: string }).code ?? "").startsWith("ERR_PARSE_ARGS")
}

/** @throws PersonError when the option is missing. */
export function required(values: Values, name: string, what: string): string {
  const value = values[name]
  if (typeof value !== "string" || value === "")
    throw new PersonError(`--${name} is missing: ${what}.`, { next: "See --help for an example." })
  return value
}

export function optional(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === "string" ? value : undefined
}

/** @throws PersonError when the option is not a whole number in the range. */
export function wholeNumber(
  values: Values,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  const text = optional(values, name)
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most)
    throw new PersonError(`--${name} must be a whole number from ${least} to ${most}, not "${text}".`)
  return value
}

/** Reads a file that a person named. @throws PersonError */
export function readGiven(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new PersonError(`The ${what} ${file} cannot be read.`, { context: [(cause as Error).message] })
  }
}

/** An abort signal for SIGTERM and SIGINT, and for a parent that is gone where there was one. */
export function untilStopped(): AbortSignal {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  process.once("SIGTERM", stop)
  process.once("SIGINT", stop)
  process.once("disconnect", stop)
  return stopping.signal
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener("abort", () => resolve(), { once: true })
  })
}
