/** Text that is markup already; everything else is escaped when it is put into a template. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Markup | string | number | bigint | undefined | readonly Part[]

/** A template whose values are text unless they are markup: what a meter or a chain says never becomes a tag. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + write(parts[i - 1]) + string))
}

const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

function write(part: Part): string {
  if (part === undefined) return ""
  if (part instanceof Markup) return part.text
  if (Array.isArray(part)) return part.map(write).join("")
  return String(part).replace(/[&<>"']/g, (character) => escapes[character]!)
}
