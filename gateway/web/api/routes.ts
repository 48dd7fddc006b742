import type { Context } from "hono"
import { Hono } from "hono"
import type { z } from "zod"
import type { WebContext, WebEnv } from "../context.ts"
import type { Days } from "../days.ts"
import { createEvents } from "../events.ts"
import { csvOf, jsonOf } from "./download.ts"
import { type Endpoint, endpointsOf, intervalsOf } from "./endpoints.ts"
import { openApiOf } from "./openapi.ts"
import { queries, type shapes } from "./shapes.ts"

type Problem = z.output<typeof shapes.problem>

const logInFirst: Problem = {
  error: "No household is logged in.",
  next: "Log in on the page, and ask with its session.",
}
const notHere: Problem = {
  error: "There is nothing here for your household.",
  next: "GET /api/openapi.json says what there is.",
}

/** The API. What comes in is checked by the schemas that its document is made from, and so is what goes out. */
export function apiRoutes(context: WebContext, days: Days): Hono<WebEnv> {
  const endpoints = endpointsOf(context, days)
  const events = createEvents()
  const document = openApiOf(endpoints, { title: `${context.config.name} · Commonwatt`, version: "1" })
  const app = new Hono<WebEnv>()

  app.use("/api/*", async (c, next) => {
    await next()
    c.header("cache-control", "no-store")
    c.header("vary", "Cookie")
  })
  app.get("/api/openapi.json", (c) => c.json(document))

  for (const endpoint of endpoints)
    app.get(endpoint.path.replace(/\{(\w+)\}/g, ":$1"), (c) => answer(c, endpoint))

  function answer(c: Context<WebEnv>, { owner, query, answer, live, read }: Endpoint) {
    const household = c.get("household")
    if (owner === "household" && !household) return c.json(logInFirst, 401)
    const asked = query.safeParse({ ...c.req.query(), ...c.req.param() })
    if (!asked.success) return c.json(wrong(asked.error), 400)
    const who = household ?? { address: "0x", name: "" }
    const value = () => {
      const found = read(asked.data as never, who)
      return found === undefined ? undefined : answer.parse(found)
    }
    if (live) return events(c, owner === "household" ? who.address : "", () => JSON.stringify(value()))
    const found = value()
    return found === undefined ? c.json(notHere, 404) : c.json(found as object)
  }

  for (const kind of ["csv", "json"] as const)
    app.get(`/api/home/data.${kind}`, (c) => {
      const household = c.get("household")
      if (!household) return c.json(logInFirst, 401)
      const asked = queries.span.safeParse(c.req.query())
      if (!asked.success) return c.json(wrong(asked.error), 400)
      const { first, last } = asked.data
      const { address, name } = household
      const records = intervalsOf(days, address, first, last)
      const { timeZone, rules } = context.config
      const lines =
        kind === "csv"
          ? csvOf(records)
          : jsonOf({ name, address, timeZone, intervalSeconds: rules.intervalSeconds }, records)
      c.header("content-type", kind === "csv" ? "text/csv; charset=utf-8" : "application/json")
      c.header("content-disposition", `attachment; filename="commonwatt-${first}-${last}.${kind}"`)
      return c.body(streamOf(lines))
    })

  app.all("/api/*", (c) => c.json(notHere, 404))
  return app
}

function wrong(error: z.ZodError): Problem {
  const [issue] = error.issues
  return {
    error: `${issue?.path.join(".") || "the question"}: ${issue?.message ?? "is wrong"}`,
    next: "GET /api/openapi.json says what may be asked.",
  }
}

const chunkLength = 16_384

/** Text as it is asked for, so that years of a home do not stand in memory at once. */
function streamOf(lines: Iterable<string>): ReadableStream {
  const iterator = lines[Symbol.iterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    pull(controller) {
      let text = ""
      while (text.length < chunkLength) {
        const { value, done } = iterator.next()
        if (done) {
          if (text) controller.enqueue(encoder.encode(text))
          return controller.close()
        }
        text += value
      }
      controller.enqueue(encoder.encode(text))
    },
  })
}
