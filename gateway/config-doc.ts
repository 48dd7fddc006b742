import { configSchema } from "./config.ts"
import { reloadable } from "./reload.ts"

interface Schema {
  type?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: Schema | boolean
}

interface Setting {
  place: string
  what: string
  necessary: boolean
  schema: Schema
}

/** Every setting that has no settings of its own, and each group, in the order of the schema. */
export function settings(schema: Schema = configSchema() as Schema, within = ""): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const list = part.type === "array"
    const place = `${within}${name}${list ? "[]" : ""}`
    const inner = list ? (part.items ?? {}) : part
    const necessary = schema.required?.includes(name) === true
    return [{ place, what: whatOf(part), necessary, schema: part }, ...settings(inner, `${place}.`)]
  })
}

function whatOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((one) => `\`${one}\``).join(", ")
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.anyOf) return [...new Set(schema.anyOf.map(whatOf))].join(" or ")
  switch (schema.type) {
    case "array":
      return schema.items?.properties ? "list" : `list of ${whatOf(schema.items ?? {})}`
    case "object":
      return schema.properties ? "group" : "map"
    case "integer":
      return `whole number${rangeOf(schema)}`
    case "string":
      return "text"
    case "boolean":
      return "true, false"
    case undefined:
      return "see there"
    default:
      return schema.type
  }
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const least = exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1
  const from = least === undefined || least === Number.MIN_SAFE_INTEGER ? "" : ` from ${least}`
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? from : `${from} to ${maximum}`
}

/** docs/configuration.md, from the schema that checks the file. */
export function configurationPage(): string {
  const rows = settings().map(({ place, what, necessary, schema }) => {
    const left = necessary
      ? "**must be there**"
      : schema.default === undefined
        ? ""
        : `\`${JSON.stringify(schema.default)}\``
    return `| \`${place}\` | ${what} | ${left} | ${(schema.description ?? "").replaceAll("|", "\\|")} |`
  })
  return `# The gateway's configuration

One YAML file, \`gateway.yaml\`; [operators.md](operators.md#5-the-gateway) has one to begin with. Paths in it are
relative to it. This page is made from the schema that checks the file: \`commonwatt config doc\`. An editor that knows
JSON Schema helps while you write: \`commonwatt config schema > gateway.schema.json\`.

\`\`\`sh
commonwatt config check gateway.yaml     # every mistake with its line, and the files that it names
commonwatt config migrate gateway.yaml   # brings an older file to this version; the old one stays beside it
\`\`\`

A running gateway reads its file again on SIGHUP (\`systemctl reload\`, \`kill -HUP\`) and takes

${reloadable.map((one) => `- ${one}`).join("\n")}

Everything else waits for a restart, and the log says what. A file with a mistake changes nothing: the gateway goes on
as it is, and the log names the mistakes.

\`[]\` stands for each entry of a list. A setting below a group or a list that may be left out must be there only where
that is.

| setting | what | if left out | |
|---|---|---|---|
${rows.join("\n")}
`
}
