import type { Facts } from "../views/sign.ts"

/** An element that the page has. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`The page has no #${id}.`)
  return found as T
}

export const input = (id: string) => element<HTMLInputElement>(id)

export function show(id: string, visible = true): void {
  element(id).hidden = !visible
}

/** Says what is wrong, or with nothing takes it back. */
export function complain(message: string | undefined, id = "trouble"): void {
  const place = element(id)
  place.textContent = message ?? ""
  place.hidden = message === undefined
  if (message !== undefined) place.scrollIntoView({ block: "nearest" })
}

export function readFacts(): Facts {
  return JSON.parse(element("facts").dataset.facts ?? "{}") as Facts
}

/** Puts values in the place of their names: "{amount} GREEN". */
export function fill(phrase: string | undefined, values: Readonly<Record<string, string>>): string {
  return (phrase ?? "").replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

/** A form whose work runs one at a time; its button is at rest meanwhile. */
export function onSubmit(id: string, work: () => Promise<void> | void): void {
  const form = element<HTMLFormElement>(id)
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    void withButton(form.querySelector<HTMLButtonElement>("button[type=submit]"), work)
  })
}

export function onClick(id: string, work: () => Promise<void> | void): void {
  const button = element<HTMLButtonElement>(id)
  button.addEventListener("click", () => void withButton(button, work))
}

async function withButton(button: HTMLButtonElement | null, work: () => Promise<void> | void): Promise<void> {
  if (button?.disabled) return
  if (button) button.disabled = true
  try {
    await work()
  } finally {
    if (button) button.disabled = false
  }
}

/** Sends a value to the gateway. @returns its answer, or undefined when the gateway does not answer. */
export async function post(
  path: string,
  body: unknown,
  csrf: string,
): Promise<{ ok: boolean; answer: Record<string, unknown> } | undefined> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrf },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    const isJson = response.headers.get("content-type")?.includes("json") ?? false
    return { ok: response.ok, answer: isJson ? JSON.parse(text) : { error: text } }
  } catch {
    return undefined
  }
}

/** A list whose entries are plain text. */
export function fillList(id: string, entries: readonly string[]): void {
  const items = entries.map((entry) => Object.assign(document.createElement("li"), { textContent: entry }))
  element(id).replaceChildren(...items)
}

/** What the page says to browsers that run no script. */
export function forgetNoScript(): void {
  for (const note of document.querySelectorAll("[data-no-script]")) note.remove()
}

export function enableCopy(): void {
  const button = document.getElementById("copy")
  if (!button || !navigator.clipboard) return
  button.hidden = false
  const label = button.textContent
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(element<HTMLTextAreaElement>("link").value).catch(() => {})
    button.textContent = button.dataset.copied ?? ""
    setTimeout(() => {
      button.textContent = label
    }, 2000)
  })
}
