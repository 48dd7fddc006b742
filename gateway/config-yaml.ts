import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml"
import { PersonError } from "../protocol/error.ts"

/** Something in a file of settings: where, and what is to be said of it. */
interface Remark {
  path: readonly PropertyKey[]
  says: string
}

/**
 * Reads YAML so that what is said of a setting can name its line.
 * @throws PersonError when it is not YAML, with the lines.
 */
export function readYaml(
  text: string,
  file: string,
): { document: Document; mistakeAt: (remark: Remark) => string } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0)
    throw new PersonError(`The configuration ${file} is not valid YAML.`, {
      context: document.errors.map(({ message }) => message.trimEnd()),
    })
  return {
    document,
    mistakeAt({ path, says }) {
      const offset = offsetOf(document, path)
      const line = offset === undefined ? "" : `line ${lines.linePos(offset).line}: `
      const place = path.map(String).join(".") || "file"
      // A name in brackets belongs to the place: `meters.1 (Anna roof): …`.
      return `${line}${place}${says.startsWith("(") ? " " : ": "}${says}`
    },
  }
}

/** Where a setting stands, or the nearest above it that is there. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  let node: Node | null = document.contents
  let offset = node?.range?.[0]
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (one) => isPair(one) && isScalar(one.key) && String(one.key.value) === String(part),
      )
      if (!pair) break
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node)) {
      node = (node.items[Number(part)] as Node | undefined) ?? null
      offset = node?.range?.[0] ?? offset
    } else break
  }
  return offset
}
