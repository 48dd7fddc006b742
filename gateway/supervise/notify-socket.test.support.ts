import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Test } from "tap"

/** systemd's end of sd_notify: each datagram is a JSON line with its assignments. A barrier's pipe is closed at once. */
const listen = `
import array, json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(json.dumps("bound"), flush=True)
while True:
    data, *_ = s.recvmsg(65536)
    lines = [l for l in data.decode().split("\\n") if l]
    if lines != ["BARRIER=1"]:
        print(json.dumps(lines), flush=True)
`

/** Opens a socket as systemd does, and keeps what is said to it. */
export async function notifySocket(t: Test) {
  // A socket's path may have 107 characters, which a test's own directory has used up.
  const directory = mkdtempSync(join(tmpdir(), "notify-"))
  const path = join(directory, "socket")
  const child = spawn("/usr/bin/python3", ["-c", listen, path], { stdio: ["ignore", "pipe", "inherit"] })
  t.teardown(() => {
    child.kill()
    rmSync(directory, { recursive: true })
  })
  const heard: string[][] = []
  const waiting = new Set<() => void>()
  const lines = createInterface({ input: child.stdout })
  await new Promise<void>((bound) =>
    lines.on("line", (line) => {
      const message = JSON.parse(line) as string[] | "bound"
      if (message === "bound") return bound()
      heard.push(message)
      for (const look of waiting) look()
    }),
  )
  return {
    environment: { ...process.env, NOTIFY_SOCKET: path },
    heard,
    /** Resolves once so many messages begin with these words. */
    until: (start: string, times = 1) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (heard.flat().filter((line) => line.startsWith(start)).length < times) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
