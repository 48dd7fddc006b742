import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { SerialPort } from "serialport"
import { serialPort } from "../../../serial/port.ts"

/** What skips a test that needs a serial line: socat makes two ends of a wire. */
export const withoutPty = spawnSync("socat", ["-V"]).status === 0 ? false : "socat is not installed"

/** Two ends of a wire: `a` and `b` are serial ports. */
export async function wire(directory: string) {
  const [a, b] = [join(directory, "a"), join(directory, "b")]
  const end = (link: string) => `pty,raw,echo=0,link=${link}`
  const child = spawn("socat", [end(a), end(b)], { stdio: "ignore" })
  while (!existsSync(a) || !existsSync(b)) await new Promise((resolve) => setTimeout(resolve, 5))
  return {
    a,
    b,
    /** Both ports are gone, as when an adapter is pulled out. */
    async cut() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, "exit")
      child.kill()
      await gone
    },
  }
}

/** A serial port as a device has it; it is given back with the test, and when its wire is cut. */
export async function devicePort(
  t: { teardown(end: () => unknown): unknown },
  path: string,
): Promise<SerialPort> {
  const port = serialPort({ path, baudRate: 115_200 })
  const close = () =>
    new Promise<void>((resolve) => {
      if (port.isOpen) port.close(() => resolve())
      else resolve()
    })
  port.on("error", () => {})
  t.teardown(close)
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  return port
}
