/** Writes a SunSpec map into registers, by the standard's own types and independently of our reader. */
export class MapWriter {
  readonly holding: Record<string, string> = {}
  private address: number

  constructor(base: number) {
    this.address = base
    this.words([0x5375, 0x6e53])
  }

  /**
   * A model by its contents: `[offset from its id, word, word, …]`; what is not named holds `filler`.
   * @param length as the model states it, without id and length.
   */
  model(id: number, length: number, contents: readonly (readonly number[])[], filler = 0x8000): this {
    const words = [id, length, ...Array<number>(length).fill(filler)]
    for (const [offset, ...values] of contents)
      for (const [i, word] of values.entries()) words[offset! + i] = word
    this.words(words)
    return this
  }

  /** Model 1 of 65 or 66 registers. */
  common(maker: string, model: string, serial: string, length = 66): this {
    return this.model(
      1,
      length,
      [
        [2, ...textWords(maker, 16)],
        [18, ...textWords(model, 16)],
        [42, ...textWords("1.2.3", 8)],
        [50, ...textWords(serial, 16)],
      ],
      0,
    )
  }

  end(): this {
    this.words([0xffff, 0])
    return this
  }

  words(words: readonly number[]): void {
    for (const word of words) this.holding[this.address++] = (word & 0xffff).toString(16).padStart(4, "0")
  }
}

export const textWords = (text: string, registers: number): number[] =>
  Array.from(
    { length: registers },
    (_, i) => (text.charCodeAt(2 * i) || 0) * 256 + (text.charCodeAt(2 * i + 1) || 0),
  )

export const long = (value: number): [number, number] => [Math.floor(value / 65536), value % 65536]

export function float(value: number): [number, number] {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  return [view.getUint16(0), view.getUint16(2)]
}
