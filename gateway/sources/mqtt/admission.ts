import type { Socket } from "node:net"

export interface AdmissionLimits {
  connections: number
  connectionsPerAddress: number
}

/** Who may be connected. Silent connections cost a neighbour nothing, and he has as many addresses as he likes. */
export interface Admission {
  /** @returns false where there is no room for one more from there. */
  admit(socket: Socket): boolean
  /** Keeps its place when others need room: it logged in, or brought a reading that is new. */
  proved(socket: Socket): void
  closeAll(): void
}

export function createAdmission({ connections, connectionsPerAddress }: AdmissionLimits): Admission {
  const addresses = new Map<Socket, string>()
  /** Oldest first: the first to go when there are too many. */
  const unproved = new Set<Socket>()
  const perAddress = new Map<string, number>()

  function leave(socket: Socket): void {
    const address = addresses.get(socket)
    if (address === undefined) return
    addresses.delete(socket)
    unproved.delete(socket)
    const left = (perAddress.get(address) ?? 1) - 1
    if (left > 0) perAddress.set(address, left)
    else perAddress.delete(address)
  }

  return {
    admit(socket) {
      const address = socket.remoteAddress
      // It is gone already.
      if (address === undefined) return false
      const open = (perAddress.get(address) ?? 0) + 1
      if (open > connectionsPerAddress) return false
      if (addresses.size >= connections) {
        const [oldest] = unproved
        if (!oldest) return false
        oldest.destroy()
        leave(oldest)
      }
      addresses.set(socket, address)
      unproved.add(socket)
      perAddress.set(address, open)
      socket.on("close", () => leave(socket))
      return true
    },
    proved: (socket) => void unproved.delete(socket),
    closeAll() {
      for (const socket of addresses.keys()) socket.destroy()
    },
  }
}
