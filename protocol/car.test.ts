import t from "tap"
import { type Block, BrokenBlock, cborBlock, rawBlock } from "./block.ts"
import { readCar, writeCar } from "./car.ts"

const blocks = [rawBlock(Uint8Array.of(1, 2, 3)), cborBlock({ a: 1 }), rawBlock(new Uint8Array(100_000))]
const root = blocks[1]!.cid

async function bytesOf(car: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of car) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* piecesOf(bytes: Uint8Array, length: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < bytes.length; i += length) yield bytes.subarray(i, i + length)
}

t.test("blocks come back from a CAR file in their order, however it arrives", async (t) => {
  const car = await bytesOf(writeCar(root, blocks))
  for (const length of [1000, 4096, car.length]) {
    const read = await readCar(piecesOf(car, length))
    t.same(read.roots.map(String), [root.toString()])
    t.same(
      read.blocks.map(({ cid, bytes }) => [cid.toString(), bytes.length]),
      blocks.map(({ cid, bytes }) => [cid.toString(), bytes.length]),
    )
  }
})

t.test("a block that is not what its address says is refused while reading", async (t) => {
  const car = await bytesOf(writeCar(root, [{ cid: root, bytes: blocks[0]!.bytes }]))
  await t.rejects(readCar(piecesOf(car, 4096)), BrokenBlock)
})

t.test(
  "a file that is cut is refused, unless it is cut between two blocks, where a block is missing then",
  async (t) => {
    const car = await bytesOf(writeCar(root, blocks.slice(0, 2)))
    const whole = (await readCar(piecesOf(car, 4096))).blocks.length
    let refused = 0
    for (let length = 0; length < car.length; length++)
      await readCar(piecesOf(car.subarray(0, length), 4096)).then(
        ({ blocks }) => blocks.length < whole || t.fail(`${length} bytes`),
        () => refused++,
      )
    t.equal(refused, car.length - 2, "between the header, the first and the second block it may end")
  },
)

t.test("when a block cannot be had while writing, whoever takes the file hears of it", async (t) => {
  function* failing(): Iterable<Block> {
    yield blocks[0]!
    throw new Error("the disk is gone")
  }
  await t.rejects(bytesOf(writeCar(root, failing())), /the disk is gone/)
})

t.test("whoever stops taking the file leaves nothing behind that fails", async (t) => {
  for await (const chunk of writeCar(root, blocks)) {
    t.ok(chunk.length > 0)
    break
  }
})
