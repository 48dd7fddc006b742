const lineStart = /^[ \t]*OCMF\|/gm

/**
 * Divides a file into records, byte for byte: each begins with `OCMF|` at the start of a line and ends before the
 * next; white space around it is not its own. A record may run over many lines, because JSON may; a line break cannot
 * stand inside a JSON string, so none of them can begin a false record. What is before the first is a part too, for
 * the parser to refuse.
 */
export function splitOcmf(bytes: Uint8Array): Uint8Array[] {
  // One character a byte: the offsets are the file's own.
  const text = Buffer.from(bytes).toString("latin1")
  const starts = [0, ...[...text.matchAll(lineStart)].map(({ index }) => index), text.length]
  return starts.flatMap((start, i) => {
    const part = withoutMargins(text.slice(start, starts[i + 1]))
    return part === "" ? [] : [Uint8Array.from(Buffer.from(part, "latin1"))]
  })
}

/** Like `trim`, but for JSON's four characters alone: others belong to the record, and make it malformed. */
function withoutMargins(text: string): string {
  let [from, to] = [0, text.length]
  while (from < to && isWhitespace(text[from]!)) from++
  while (to > from && isWhitespace(text[to - 1]!)) to--
  return text.slice(from, to)
}

function isWhitespace(character: string): boolean {
  return character === " " || character === "\t" || character === "\n" || character === "\r"
}
