import { parse } from "yaml"
import type { z } from "zod"
import { PersonError } from "../protocol/error.ts"
import { checkReferences } from "./scenario-references.ts"
import { type Scenario, scenarioShape } from "./scenario-shape.ts"

export type {
  BusSpec,
  FaultSpec,
  MeterSpec,
  ModbusMeterSpec,
  MqttMeterSpec,
  Scenario,
} from "./scenario-shape.ts"

/** A scenario that cannot be run: the file, the place in it and the reason; further ones as context. */
export class ScenarioError extends PersonError {
  override name = "ScenarioError"
}

/**
 * Parses a scenario from YAML (or JSON, which YAML contains).
 * @throws ScenarioError
 */
export function parseScenario(text: string, fileName: string): Scenario {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new ScenarioError(`${fileName}: ${(cause as Error).message}`, { cause })
  }
  return checkScenario(value, fileName)
}

/** @throws ScenarioError */
export function checkScenario(value: unknown, fileName: string): Scenario {
  const result = scenarioShape.superRefine(checkReferences).safeParse(value)
  if (result.success) return result.data
  const [first = `${fileName} is not a scenario.`, ...context] = result.error.issues
    .flatMap(ofOneAlternative)
    .map(({ path, message }) => `${fileName}: ${pathOf(path)}${message}`)
  throw new ScenarioError(first, { context, next: "docs/simulation.md has an example of each part." })
}

/** Of a list's entry that may be one of several things: what is wrong with the one that it is most like. */
function ofOneAlternative(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue]
  const [nearest = []] = issue.errors.toSorted((a, b) => a.length - b.length)
  return nearest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("")
  return text === "" ? "" : `${text.replace(/^\./, "")}: `
}
