import { z } from "zod"
import type { Endpoint } from "./endpoints.ts"
import { shapes } from "./shapes.ts"

type Schema = Record<string, unknown>

/** The API's document (OpenAPI 3.1), made from the schemas that check what comes in and goes out. */
export function openApiOf(
  endpoints: readonly Endpoint[],
  { title, version }: { title: string; version: string },
) {
  const components: Record<string, Schema> = {}
  return {
    openapi: "3.1.0",
    info: {
      title,
      version,
      description:
        "Energies are text of whole Wh and times are Unix seconds. What is not known is null, and never 0. " +
        "An endpoint is everyone's, or of the household whose session asks: no other's figures can be asked for.",
    },
    paths: Object.fromEntries(
      endpoints.map((endpoint) => [endpoint.path, { get: operationOf(endpoint, components) }]),
    ),
    components: {
      schemas: components,
      securitySchemes: {
        household: {
          type: "apiKey",
          in: "cookie",
          name: "session",
          description: "The session of a household",
        },
      },
    },
  }
}

function operationOf(
  { path, owner, summary, query, answer, live }: Endpoint,
  components: Record<string, Schema>,
) {
  const inputs = schemaOf(query, "input", components)
  const properties = (inputs.properties ?? {}) as Record<string, Schema>
  const required = new Set((inputs.required ?? []) as string[])
  const type = live ? "text/event-stream" : "application/json"
  const problem = (description: string) => ({
    description,
    content: { "application/json": { schema: schemaOf(shapes.problem, "output", components) } },
  })
  return {
    summary,
    operationId: path
      .replace(/^\/api\//, "")
      .replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())
      .replace(/\W/g, ""),
    security: owner === "household" ? [{ household: [] }] : [],
    parameters: Object.entries(properties).map(([name, { description, ...schema }]) => {
      const inPath = path.includes(`{${name}}`)
      return {
        name,
        in: inPath ? "path" : "query",
        required: inPath || required.has(name),
        ...(description !== undefined && { description }),
        schema,
      }
    }),
    responses: {
      200: {
        description: live ? "Events named `live`, each with this as JSON" : summary,
        content: { [type]: { schema: schemaOf(answer, "output", components) } },
      },
      ...(Object.keys(properties).length > 0 && { 400: problem("A parameter is wrong") }),
      ...(owner === "household" && { 401: problem("No household is logged in") }),
      ...(path.includes("{") && { 404: problem("There is nothing here for this household") }),
      ...(live && { 503: problem("Too many listen at once") }),
    },
  }
}

/** A schema with the ones it names moved to the document's components. */
function schemaOf(shape: z.ZodType, io: "input" | "output", components: Record<string, Schema>): Schema {
  const {
    $defs = {},
    $schema: _,
    ...schema
  } = z.toJSONSchema(shape, { io, unrepresentable: "any" }) as Schema & {
    $defs?: Record<string, Schema>
  }
  const inPlace = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inPlace)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => name !== "id")
        .map(([name, part]) => [
          name,
          name === "$ref" ? String(part).replace("#/$defs/", "#/components/schemas/") : inPlace(part),
        ]),
    )
  }
  for (const [name, definition] of Object.entries($defs)) components[name] = inPlace(definition) as Schema
  if (typeof schema.id !== "string") return inPlace(schema) as Schema
  components[schema.id] = inPlace(schema) as Schema
  return { $ref: `#/components/schemas/${schema.id}` }
}
