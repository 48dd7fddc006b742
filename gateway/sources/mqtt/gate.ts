import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import { packetWatch } from "./packet-watch.ts"

/** A client went on over its rate for longer than we bear. */
export class TooFast extends Error {
  override name = "TooFast"
}

export interface GateLimits {
  packetBytes: number
  /** Bytes and packets have come. @returns the milliseconds to wait before anything more is read; 0 within the rates. */
  charge(bytes: number, packets: number): number
  /** A client that is over its rates for so long without a break is cut. */
  patienceMs: number
  /** What a client may leave unread before whoever writes to it cuts it. */
  unreadBytes: number
  /** Monotonic milliseconds. */
  now(): number
}

/** What the broker gets to see at once: some thirty readings, which share a commit. */
const pieceBytes = 4096
const piecePackets = 32

/**
 * Stands in front of the broker's parser, which has no limits: it would gather a packet of any announced length in
 * memory before looking at it, and take in whatever comes however fast. Here packets are measured by their headers,
 * bytes pass in small pieces, and a client that is too fast is not read from, so that TCP holds it back.
 */
export class Gate extends Duplex {
  readonly #socket: Socket
  readonly #limits: GateLimits
  readonly #watch: ReturnType<typeof packetWatch>
  #pending: Buffer = Buffer.alloc(0)
  #wanted = false
  #ended = false
  #timer: NodeJS.Timeout | undefined
  #overSince: number | undefined

  constructor(socket: Socket, limits: GateLimits) {
    super({
      readableHighWaterMark: pieceBytes,
      // aedes lets everyone wait for a client whose buffer is full: the client is to be cut before that.
      writableHighWaterMark: 2 * limits.unreadBytes,
      allowHalfOpen: false,
    })
    this.#socket = socket
    this.#limits = limits
    this.#watch = packetWatch(limits.packetBytes, piecePackets)
    socket.on("data", (chunk: Buffer) => {
      socket.pause()
      this.#pending = chunk
      this.#pass()
    })
    socket.on("end", () => {
      this.#ended = true
      this.#pass()
    })
    socket.on("error", (error) => this.destroy(error))
    // A client that said all it had may leave; one that is held back takes what it said with it, or whoever comes
    // and goes would leave more and more behind.
    socket.on("close", () => {
      this.#ended = true
      if (this.#timer) this.destroy()
      else this.#pass()
    })
    socket.pause()
  }

  override _read(): void {
    this.#wanted = true
    this.#pass()
  }

  #pass(): void {
    while (this.#wanted && !this.#timer && !this.destroyed) {
      if (this.#pending.length === 0) {
        if (this.#ended) this.push(null)
        else this.#socket.resume()
        return
      }
      let piece = this.#pending.subarray(0, pieceBytes)
      try {
        const { bytes, packets } = this.#watch(piece)
        piece = piece.subarray(0, bytes)
        this.#hold(this.#limits.charge(bytes, packets))
      } catch (error) {
        return void this.destroy(error as Error)
      }
      this.#pending = this.#pending.subarray(piece.length)
      this.#wanted = this.push(piece)
    }
  }

  #hold(waitMs: number): void {
    if (waitMs === 0) {
      this.#overSince = undefined
      return
    }
    const now = this.#limits.now()
    this.#overSince ??= now
    if (now - this.#overSince > this.#limits.patienceMs)
      throw new TooFast(`over its rate for ${Math.round((now - this.#overSince) / 1000)} s`)
    if (this.#socket.closed) return void this.destroy()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#pass()
      },
      Math.min(waitMs, this.#limits.patienceMs),
    )
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#pending = Buffer.alloc(0)
    this.#socket.destroy()
    done(error)
  }
}
