/** One record of a file with a head, by its columns' names; `line` is where it begins, from 1. */
export interface CsvRecord {
  line: number
  fields: Record<string, string>
}

/**
 * Reads CSV (RFC 4180) as spreadsheets write it: separated by commas or semicolons, with a head, with or without
 * quotation marks, with any line ends.
 * @throws RangeError naming the line.
 */
export function readCsv(text: string): CsvRecord[] {
  const head = text.slice(0, text.search(/\r?\n|$/))
  const separator = head.split(";").length > head.split(",").length ? ";" : ","
  const [names, ...records] = cells(text.replace(/^\ufeff/, ""), separator)
  if (!names) return []
  const columns = names.fields.map((name) => name.trim())
  return records
    .filter(({ fields }) => fields.some((field) => field.trim() !== ""))
    .map(({ line, fields }) => {
      if (fields.length > columns.length)
        throw new RangeError(`line ${line}: there are more fields than columns`)
      return { line, fields: Object.fromEntries(columns.map((name, i) => [name, (fields[i] ?? "").trim()])) }
    })
}

function cells(text: string, separator: string): { line: number; fields: string[] }[] {
  const records: { line: number; fields: string[] }[] = []
  let line = 1
  let begun = 1
  let fields: string[] = []
  let at = 0
  while (at < text.length) {
    let field = ""
    if (text[at] === '"') {
      const opened = line
      for (at++; ; at++) {
        if (at >= text.length) throw new RangeError(`line ${opened}: a quotation mark is not closed`)
        if (text[at] === "\n") line++
        if (text[at] !== '"') field += text[at]
        else if (text[at + 1] === '"') field += text[at++]
        else break
      }
      at++
    } else {
      while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r")
        field += text[at++]
    }
    fields.push(field)
    if (text[at] === separator) {
      at++
      if (at < text.length && text[at] !== "\n" && text[at] !== "\r") continue
      fields.push("")
    }
    if (text[at] === "\r") at++
    if (at < text.length && text[at] !== "\n")
      throw new RangeError(`line ${line}: something stands behind a closing quotation mark`)
    at++
    records.push({ line: begun, fields })
    fields = []
    begun = ++line
  }
  return records
}
