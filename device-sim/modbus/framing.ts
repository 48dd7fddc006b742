/** A request without what frames it. */
export interface Request {
  unit: number
  /** Function code and data. */
  pdu: Uint8Array
  /** Modbus TCP's transaction identifier; 0 where there is none. */
  transaction: number
}

/** How requests and replies are cut out of a stream of bytes. */
export interface Framing {
  /**
   * Takes the complete requests off the front of what has arrived. Undefined when it cannot be this protocol.
   * @returns the requests, and how many bytes they took.
   */
  split(bytes: Uint8Array): { requests: Request[]; taken: number } | undefined
  frame(request: Pick<Request, "unit" | "transaction">, pdu: Uint8Array): Uint8Array
  /** A half request is forgotten after so long a silence; absent where frames say how long they are. */
  quietMs?: number
  /** Who asks a unit that is not there hears nothing. */
  silentWhenAbsent: boolean
}
