import { isRefusal, type Unit } from "../device.ts"
import type { ModelAt } from "./models.ts"

/** Where a map may begin: SunSpec Device Information Model Specification 1.1, 6.2. The usual one first. */
export const usualBases = [40000, 0, 50000] as const
const marker = Buffer.from("SunS")
const endOfMap = 0xffff
const lastAddress = 0xffff
/** A chain of models of no length would otherwise go on for 32,767 requests. */
const mostModels = 100

/** The unit has no SunSpec map where we looked. */
export class NoMap extends Error {
  override name = "NoMap"
}

/**
 * @returns the address of the "SunS" that begins the map.
 * @throws NoMap
 */
export async function findBase(unit: Unit, bases: readonly number[]): Promise<number> {
  for (const address of bases) {
    const bytes = await readIfThere(unit, address, 2)
    if (bytes?.equals(marker)) return address
  }
  throw new NoMap(`no SunSpec map at ${bases.join(", ")}`)
}

/**
 * Walks the models by their own lengths. Many devices have no end mark: what they refuse to show, the end of the
 * address space and an id that nobody has end a map as well.
 */
export async function walkChain(unit: Unit, base: number): Promise<ModelAt[]> {
  const chain: ModelAt[] = []
  const occurrences = new Map<number, number>()
  let address = base + 2
  while (chain.length < mostModels && address < lastAddress) {
    const header = await readIfThere(unit, address, 2)
    if (!header) break
    const id = header.readUInt16BE(0)
    const length = header.readUInt16BE(2)
    if (id === endOfMap || id === 0 || address + 1 + length > lastAddress) break
    const occurrence = (occurrences.get(id) ?? 0) + 1
    occurrences.set(id, occurrence)
    chain.push({ id, address, length, occurrence })
    address += 2 + length
  }
  return chain
}

async function readIfThere(unit: Unit, address: number, count: number): Promise<Buffer | undefined> {
  if (address + count - 1 > lastAddress) return
  try {
    return await unit.read({ function: 3, address, count })
  } catch (error) {
    if (isRefusal(error)) return
    throw error
  }
}
