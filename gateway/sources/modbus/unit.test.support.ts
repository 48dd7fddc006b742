import { type BlockRead, ModbusException, type Unit } from "./device.ts"

/** Register contents in hexadecimal words, by address: `{ "72": "4641 4666" }`. */
export type Contents = Readonly<Record<string | number, string>>

export interface TestUnit extends Unit {
  readonly reads: BlockRead[]
  /** What stands where, by function and address; it can be changed. */
  readonly words: Map<string, number>
  put(code: 3 | 4, address: number, contents: string): void
}

/**
 * A unit in memory that has these registers and no others: a read that touches another one is refused, as by a
 * device.
 * @param most the most registers that it gives in one reply.
 */
export function unitWith(
  { holding = {}, input = {} }: { holding?: Contents; input?: Contents },
  most = 125,
): TestUnit {
  const words = new Map<string, number>()
  const reads: BlockRead[] = []
  const put = (code: 3 | 4, address: number, contents: string) => {
    for (const [i, word] of contents.split(" ").entries())
      words.set(`${code}:${address + i}`, Number.parseInt(word, 16))
  }
  for (const [address, contents] of Object.entries(holding)) put(3, Number(address), contents)
  for (const [address, contents] of Object.entries(input)) put(4, Number(address), contents)
  return {
    reads,
    words,
    put,
    async read(block, onTurn) {
      onTurn?.()
      reads.push(block)
      if (block.count < 1 || block.count > most) throw new ModbusException("illegal data value", 3)
      const bytes = Buffer.alloc(2 * block.count)
      for (let i = 0; i < block.count; i++) {
        const word = words.get(`${block.function}:${block.address + i}`)
        if (word === undefined) throw new ModbusException("illegal data address", 2)
        bytes.writeUInt16BE(word, 2 * i)
      }
      return bytes
    },
    async write() {
      throw new ModbusException("illegal function", 1)
    },
  }
}
