import { isCollection, isMap, isScalar, type Node } from "yaml"
import type { z } from "zod"

/** Something in a file, where, and what is to be said of it. */
export interface Remark {
  /** As in `["meters", 1, "ratedW"]`; empty for the file as a whole. */
  place: readonly PropertyKey[]
  says: string
}

/** What an issue says, by its places: a key that nobody knows is a place of its own. */
export function remarksOf(issue: z.core.$ZodIssue): Remark[] {
  if (issue.code !== "unrecognized_keys") return [{ place: issue.path, says: issue.message }]
  return issue.keys.map((key) => ({ place: [...issue.path, key], says: "is not known here" }))
}

/** Where in the text the deepest part of a place that is there begins. */
export function offsetOf(root: Node | null, place: readonly PropertyKey[]): number {
  let node = root
  let offset = root?.range?.[0] ?? 0
  for (const key of place) {
    if (!isCollection(node)) break
    const pair = isMap(node)
      ? node.items.find(({ key: name }) => isScalar(name) && String(name.value) === String(key))
      : undefined
    const next = (pair ? pair.value : node.get(key, true)) as Node | null | undefined
    const begin = ((pair?.key as Node | undefined) ?? next)?.range?.[0]
    if (begin === undefined) break
    offset = begin
    node = next ?? null
  }
  return offset
}
