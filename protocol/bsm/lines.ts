import { fromHex } from "../hex.ts"
import { joinFrames, looksLikeFrame } from "./frames.ts"
import { modelHeader, snapshotBytes } from "./layout.ts"
import { MalformedBsm } from "./malformed.ts"

/** A snapshot's register image, or why the lines for it are none. */
export type SnapshotLines = Uint8Array | MalformedBsm

/**
 * Divides a text into snapshots. A line of hexadecimal, in which white space counts for nothing, is either a whole
 * register image, with or without the model's header, or one RTU reply frame with its CRC; frames are joined until
 * they hold a snapshot, or a blank line or an image ends them.
 */
export function readSnapshotLines(text: string): SnapshotLines[] {
  const snapshots: SnapshotLines[] = []
  let frames: Uint8Array[] = []
  const finish = () => {
    if (frames.length > 0) snapshots.push(attempt(() => joinFrames(frames)))
    frames = []
  }
  for (const [index, line] of text.split("\n").entries()) {
    const digits = line.replace(/\s/g, "")
    const bytes = isHex(digits) ? fromHex(digits) : undefined
    if (bytes && looksLikeFrame(bytes) && bytes.length < snapshotBytes) {
      frames.push(bytes)
      // The byte count stands behind unit and function; that it is true is for `readFrame` to check.
      if (frames.reduce((sum, frame) => sum + frame[2]!, 0) >= snapshotBytes) finish()
      continue
    }
    finish()
    if (digits === "") continue
    if (bytes && (bytes.length === snapshotBytes || bytes.length === snapshotBytes + modelHeader.length))
      snapshots.push(bytes)
    else
      snapshots.push(
        new MalformedBsm(
          `Line ${index + 1} is neither a snapshot's registers nor a reply frame in hexadecimal.`,
        ),
      )
  }
  finish()
  return snapshots
}

function isHex(digits: string): boolean {
  return digits !== "" && /^(0x)?([0-9a-fA-F]{2})+$/.test(digits)
}

function attempt(join: () => Uint8Array): SnapshotLines {
  try {
    return join()
  } catch (error) {
    if (error instanceof MalformedBsm) return error
    throw error
  }
}
