import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { SerialPort } from "serialport"
import t from "tap"
import { serialPort } from "./port.ts"

const skip = spawnSync("socat", ["-V"]).status === 0 ? false : "socat is not installed"

/** Opens one end of a wire, pulls the wire, and says what the port did. */
async function pulled(t: { testdir(): string }, open: (path: string) => SerialPort) {
  const folder = t.testdir()
  const [a, b] = [join(folder, "a"), join(folder, "b")]
  const end = (link: string) => `pty,raw,echo=0,link=${link}`
  const socat = spawn("socat", [end(a), end(b)], { stdio: "ignore" })
  while (!existsSync(a) || !existsSync(b)) await new Promise((resolve) => setTimeout(resolve, 5))
  const port = open(a)
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  let reason: string | undefined
  port.on("data", () => {})
  const closed = new Promise<void>((resolve) =>
    port.on("close", (error?: Error) => {
      reason = error?.message
      resolve()
    }),
  )
  socat.kill()
  await once(socat, "exit")
  return { port, closed, reason: () => reason }
}

t.test("a port whose adapter is pulled out is closed, each time", { skip }, async (t) => {
  for (let i = 0; i < 10; i++) {
    const { port, closed, reason } = await pulled(t, (path) => serialPort({ path, baudRate: 9600 }))
    await closed
    t.equal(port.isOpen, false)
    t.equal(reason(), "the serial port is gone")
  }
})

t.test("what is written at one end comes out at the other", { skip }, async (t) => {
  const folder = t.testdir()
  const [a, b] = [join(folder, "a"), join(folder, "b")]
  const end = (link: string) => `pty,raw,echo=0,link=${link}`
  const socat = spawn("socat", [end(a), end(b)], { stdio: "ignore" })
  t.teardown(() => socat.kill())
  while (!existsSync(a) || !existsSync(b)) await new Promise((resolve) => setTimeout(resolve, 5))
  const ports = [a, b].map((path) => serialPort({ path, baudRate: 9600 }))
  for (const port of ports)
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  const sent = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const received: Buffer[] = []
  const all = new Promise<void>((resolve) =>
    ports[1]!.on("data", (chunk: Buffer) => {
      received.push(chunk)
      if (Buffer.concat(received).length >= sent.length) resolve()
    }),
  )
  ports[0]!.write(sent)
  await all
  t.same(Buffer.concat(received), sent)
  for (const port of ports) await new Promise<void>((resolve) => port.close(() => resolve()))
})

t.test("a port that is not there says so", async (t) => {
  const port = serialPort({ path: "/dev/nothing-is-here", baudRate: 9600 })
  await t.rejects(
    new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve()))),
    /No such file/,
  )
})
