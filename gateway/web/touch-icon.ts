import { crc32, deflateSync } from "node:zlib"

type Point = readonly [x: number, y: number]

/** The icon of icon.ts, in its units: the last shape lies on top. */
const size = 64
const green = [0x14, 0x54, 0x3f]
const shapes: readonly { colour: readonly number[]; holds: (point: Point) => boolean }[] = [
  { colour: [0xf5, 0xb8, 0x3d], holds: ([x, y]) => (x - 32) ** 2 + (y - 27) ** 2 <= 11 ** 2 },
  { colour: [0xff, 0xff, 0xff], holds: inside([10, 43], [32, 27], [54, 43], [54, 48], [32, 33], [10, 48]) },
  { colour: [0x8f, 0xd3, 0xb6], holds: inside([18, 47.5], [32, 38], [46, 47.5], [46, 54], [18, 54]) },
]

const pixels = 180
/** Each way, within a pixel: edges are smooth. */
const samples = 4

/** The page's icon as iPhones want it: a PNG that fills its square; they round its corners themselves. */
export function drawTouchIcon(): Uint8Array<ArrayBuffer> {
  const row = 1 + 3 * pixels
  const raw = Buffer.alloc(row * pixels)
  for (let y = 0; y < pixels; y++)
    for (let x = 0; x < pixels; x++) raw.set(colourOf(x, y), y * row + 1 + 3 * x)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(pixels, 0)
  header.writeUInt32BE(pixels, 4)
  // Eight bits each of red, green and blue (PNG, third edition, 11.2.1).
  header.set([8, 2], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const parts = [
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", Buffer.alloc(0)),
  ]
  return Uint8Array.from(Buffer.concat(parts))
}

function colourOf(x: number, y: number): readonly number[] {
  const middle = colourAt(x + 0.5, y + 0.5)
  const corners = [colourAt(x, y), colourAt(x + 1, y), colourAt(x, y + 1), colourAt(x + 1, y + 1)]
  if (corners.every((colour) => colour === middle)) return middle
  const sum = [0, 0, 0]
  for (let i = 0; i < samples * samples; i++) {
    const colour = colourAt(
      x + ((i % samples) + 0.5) / samples,
      y + (Math.floor(i / samples) + 0.5) / samples,
    )
    for (const part of [0, 1, 2]) sum[part]! += colour[part]!
  }
  return sum.map((part) => Math.round(part / (samples * samples)))
}

/** @param x in pixels, @param y too. */
function colourAt(x: number, y: number): readonly number[] {
  const point: Point = [(x * size) / pixels, (y * size) / pixels]
  return shapes.findLast(({ holds }) => holds(point))?.colour ?? green
}

/** Whether a line from a point to the right crosses the outline an odd number of times. */
function inside(...corners: readonly Point[]): (point: Point) => boolean {
  return ([x, y]) => {
    let odd = false
    for (let i = 0, last = corners.length - 1; i < corners.length; last = i++) {
      const [ax, ay] = corners[i]!
      const [bx, by] = corners[last]!
      if (ay > y !== by > y && x < ax + ((y - ay) * (bx - ax)) / (by - ay)) odd = !odd
    }
    return odd
  }
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
