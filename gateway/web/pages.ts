import { Hono } from "hono"
import type { WebContext } from "./context.ts"

export function pageRoutes(_context: WebContext): Hono {
  return new Hono()
}
