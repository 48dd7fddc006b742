import { MalformedOcmf } from "./malformed.ts"

/**
 * JSON as it was written: a number keeps its own text, because OCMF counts its decimal places (OCMF 1.2, table 7,
 * RV), and an object is a Map, so that no name is special.
 */
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject
export type JsonObject = Map<string, Json>

/** A number by its text, which no float has touched. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Nobody's meter nests deeper than a few levels; a parser that follows any depth can be made to overflow. */
const maxDepth = 32

const whitespace = /[ \t\n\r]*/y // RFC 8259, 2
const numberForm = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y // RFC 8259, 6
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259, 7 forbids exactly these in a string.
const stringForm = /"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"/y
const literals = [
  ["true", true],
  ["false", false],
  ["null", null],
] as const

/**
 * Reads one JSON value strictly after RFC 8259. A name that stands twice in an object is refused: parsers differ on
 * which of the two counts, so that one signed text could show two people two different readings.
 * @param what names the text in errors.
 * @throws MalformedOcmf
 */
export function parseJson(text: string, what: string): Json {
  let at = 0

  const fail = (why: string): never => {
    throw new MalformedOcmf(`${what} is not valid JSON: ${why} at character ${at + 1}.`)
  }
  const take = (form: RegExp): RegExpExecArray | null => {
    form.lastIndex = at
    const match = form.exec(text)
    if (match) at = form.lastIndex
    return match
  }
  const takeToken = (token: string): boolean => {
    take(whitespace)
    if (!text.startsWith(token, at)) return false
    at += token.length
    return true
  }

  const readString = (): string => {
    const match = take(stringForm)
    if (!match) return fail("there is no well-formed string")
    return match[1]!.includes("\\") ? (JSON.parse(match[0]) as string) : match[1]!
  }

  const readObject = (depth: number): JsonObject => {
    const object: JsonObject = new Map()
    if (takeToken("}")) return object
    do {
      take(whitespace)
      const name = readString()
      if (object.has(name)) throw new MalformedOcmf(`${what} has the name "${name}" twice in one object.`)
      if (!takeToken(":")) fail("a colon is missing")
      object.set(name, readValue(depth))
    } while (takeToken(","))
    if (!takeToken("}")) fail("an object does not end")
    return object
  }

  const readArray = (depth: number): Json[] => {
    const array: Json[] = []
    if (takeToken("]")) return array
    do array.push(readValue(depth))
    while (takeToken(","))
    if (!takeToken("]")) fail("an array does not end")
    return array
  }

  const readValue = (depth: number): Json => {
    if (depth > maxDepth) fail(`there are more than ${maxDepth} levels`)
    if (takeToken("{")) return readObject(depth + 1)
    if (takeToken("[")) return readArray(depth + 1)
    if (text[at] === '"') return readString()
    for (const [token, value] of literals) if (takeToken(token)) return value
    const number = take(numberForm)
    return number ? new JsonNumber(number[0]) : fail("there is no value")
  }

  const value = readValue(0)
  take(whitespace)
  if (at < text.length) fail("something follows the value")
  return value
}
