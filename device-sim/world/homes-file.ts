import { PersonError } from "../../protocol/error.ts"

/** Measured homes, hour by hour. */
export interface HomesFile {
  /** Unix seconds at which the first row's hour starts; its label read as UTC. */
  firstHour: number
  hours: number
  homes: HomeColumns[]
}

/** One home's energies in whole Wh, one per hour. */
export interface HomeColumns {
  name: string
  loadWh: number[]
  generatedWh: number[]
}

/** A file of homes that cannot be read; the message names file and line. */
export class HomesFileError extends PersonError {
  override name = "HomesFileError"
}

const secondsPerHour = 3600

/**
 * Reads a table with the columns `hour,NAME_load_wh,NAME_pv_wh,…`; other columns are ignored. A row's label is
 * the start of its hour, as 2016-07-31T23:00, read as UTC. The hours must follow each other without a gap.
 * @throws HomesFileError naming file and line.
 */
export function readHomes(csvText: string, fileName: string): HomesFile {
  const lines = csvText.split(/\r?\n/)
  while (lines.at(-1) === "") lines.pop()
  const fail = (line: number, reason: string) => new HomesFileError(`${fileName}, line ${line}: ${reason}`)
  const header = (lines[0] ?? "").split(",")
  if (header[0] !== "hour") throw fail(1, 'The first column must be called "hour".')
  const names = header
    .filter((name) => name.endsWith("_load_wh"))
    .map((name) => name.slice(0, -"_load_wh".length))
  if (names.length === 0) throw fail(1, "There is no column NAME_load_wh.")
  const columns = names.map((name) => {
    const load = header.indexOf(`${name}_load_wh`)
    const pv = header.indexOf(`${name}_pv_wh`)
    if (pv < 0) throw fail(1, `There is a column ${name}_load_wh and no column ${name}_pv_wh.`)
    return { load, pv, home: { name, loadWh: [], generatedWh: [] } as HomeColumns }
  })
  if (new Set(names).size !== names.length) throw fail(1, "A home has two columns of the same name.")
  if (lines.length < 2) throw fail(2, "There are no rows.")
  let firstHour = 0
  for (let i = 1; i < lines.length; i++) {
    const cells = lines[i]!.split(",")
    if (cells.length !== header.length)
      throw fail(i + 1, `The row has ${cells.length} cells, the header has ${header.length}.`)
    const hour = readHour(cells[0]!)
    if (hour === undefined) throw fail(i + 1, `"${cells[0]}" is not a full hour like 2016-07-31T23:00.`)
    if (i === 1) firstHour = hour
    else if (hour !== firstHour + (i - 1) * secondsPerHour)
      throw fail(i + 1, `${cells[0]} does not follow the hour before it.`)
    for (const { load, pv, home } of columns) {
      home.loadWh.push(readWh(cells[load]!, (reason) => fail(i + 1, `${home.name}_load_wh: ${reason}`)))
      home.generatedWh.push(readWh(cells[pv]!, (reason) => fail(i + 1, `${home.name}_pv_wh: ${reason}`)))
    }
  }
  return { firstHour, hours: lines.length - 1, homes: columns.map(({ home }) => home) }
}

function readHour(label: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:00(:00)?Z?$/.test(label)) return undefined
  const ms = Date.parse(`${label.slice(0, 16)}:00Z`)
  return Number.isNaN(ms) ? undefined : ms / 1000
}

/** Whole Wh in an hour are also the mean power in W, which a timeline holds in 32 bits. */
function readWh(cell: string, fail: (reason: string) => Error): number {
  const wh = Number(cell)
  if (!/^\d{1,9}$/.test(cell) || wh > 100_000_000)
    throw fail(`"${cell}" is not a whole number of Wh from 0 to 100,000,000.`)
  return wh
}
