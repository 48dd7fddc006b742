import { isWithinBudget, notMeasured, type Row, ratioOf } from "./row.ts"

/** A run of the bench as it is kept. */
export interface Run {
  machine: string
  node: string
  quick: boolean
  rows: Row[]
}

const worseBy = 0.1

const isMeasured = ({ unit }: Row) => unit !== notMeasured

/** Three digits, or all before the point. */
export function figure(value: number): string {
  if (value === 0) return "0"
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString("en-US", {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.min(digits, 6),
  })
}

const head = ["what", "ours", "limit or peer", "ratio", "budget"]

function cells(row: Row): string[] {
  const ratio = ratioOf(row)
  const within = isWithinBudget(row)
  const { budget } = row
  const bound = budget && `${row.better === "higher" ? ">=" : "<="} ${figure(budget.bound)}`
  return [
    row.what,
    isMeasured(row) ? `${figure(row.ours)} ${row.unit}` : row.unit,
    row.against ? `${row.against.what}: ${figure(row.against.value)}` : "",
    ratio === undefined ? "" : figure(ratio),
    bound ? `${bound}${budget.of === "ratio" ? " ×" : ""}${within === false ? " MISSED" : ""}` : "",
  ]
}

/** The table for a terminal. */
export function asText(rows: readonly Row[]): string {
  const lines = [head, ...rows.map(cells)]
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  return lines
    .flatMap((line, i) => {
      const text = line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd()
      const note = i > 0 ? rows[i - 1]!.note : undefined
      return note === undefined ? [text] : [text, `    ${note}`]
    })
    .join("\n")
}

/** The table for a document. */
export function asMarkdown({ machine, node, quick, rows }: Run): string {
  const line = (all: readonly string[]) => `| ${all.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  const notes = rows.filter((row) => row.note !== undefined).map((row) => `- ${row.what}: ${row.note}`)
  return [
    `${machine}, Node ${node}.${quick ? " A short run beside other work: its figures mean little." : ""}`,
    "",
    line(head),
    line(head.map(() => "---")),
    ...rows.map((row) => line(cells(row))),
    ...(notes.length > 0 ? ["", ...notes] : []),
  ].join("\n")
}

/** What is otherwise than in the run before, worse ratios marked; a line for each. */
export function differences(before: readonly Row[], after: readonly Row[]): string[] {
  const old = new Map(before.map((row) => [row.what, row]))
  const lines = after.map((row) => {
    const was = old.get(row.what)
    old.delete(row.what)
    if (!was) return `${row.what}: was not measured before`
    if (isMeasured(was) !== isMeasured(row))
      return `${row.what}: ${isMeasured(row) ? "was not measured before" : "is not measured any more"}`
    const [from, to] = [ratioOf(was), ratioOf(row)]
    const ofRatio = from !== undefined && to !== undefined && from !== 0
    const [before, now] = ofRatio ? [from, to] : [was.ours, row.ours]
    if (now === before) return undefined
    const worse = row.better === "higher" ? now < before * (1 - worseBy) : now > before * (1 + worseBy)
    // A figure that stands against nothing and has no budget goes up and down with the machine.
    const marked = worse && (ofRatio || row.budget)
    const change = `${figure(before)} -> ${figure(now)}`
    return `${row.what}: ${ofRatio ? `ratio ${change}` : `${change} ${row.unit}`}${marked ? "  WORSE by more than a tenth" : ""}`
  })
  const gone = [...old.keys()].map((what) => `${what}: is not measured any more`)
  return [...lines.filter((line) => line !== undefined), ...gone]
}

const begin = "<!-- the table: npm run bench writes it -->"
const end = "<!-- end of the table -->"

/** The document with the table between its marks. @throws Error when it has no marks. */
export function withTable(document: string, table: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error("The document has no marks for the table.")
  return `${document.slice(0, from + begin.length)}\n\n${table}\n\n${document.slice(to)}`
}
