import { spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import pino from "pino"
import t from "tap"
import { report, serviceManager, superviseUnder } from "./notify.ts"
import { notifySocket } from "./notify-socket.test.support.ts"
import { createProgress } from "./progress.ts"

const lacks = ["systemd-notify --version", "/usr/bin/python3 --version"].find(
  (command) => spawnSync("sh", ["-c", command]).status !== 0,
)
const skip = lacks ? `${lacks} does not run here` : false
const quiet = pino({ enabled: false })

t.test("without systemd nobody is told anything", async (t) => {
  t.equal(serviceManager({}), undefined)
  const progress = createProgress(() => 0)
  const leave = await superviseUnder(undefined, { progress, status: () => t.fail() as never, log: quiet })
  await leave()
})

t.test("a watchdog that is set for another process is not ours to feed", async (t) => {
  const environment = { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "120000000" }
  t.equal(serviceManager(environment)?.watchdogMs, 120_000)
  t.equal(serviceManager({ ...environment, WATCHDOG_PID: "1" })?.watchdogMs, undefined)
  t.equal(serviceManager({ ...environment, WATCHDOG_PID: `${process.pid}` })?.watchdogMs, 120_000)
})

t.test("who stands still is not fed, and is named; no name can begin another assignment", async (t) => {
  t.same(report([], "4 meters"), ["WATCHDOG=1", "STATUS=4 meters"])
  t.same(report([{ what: "polling Roof\nWATCHDOG=1", seconds: 400 }], "4 meters"), [
    "STATUS=polling Roof WATCHDOG=1 stands still for 400 s",
  ])
})

t.test("systemd hears that it is ready, that it goes on, and that it stops", { skip }, async (t) => {
  const socket = await notifySocket(t)
  const systemd = serviceManager({ ...socket.environment, WATCHDOG_USEC: "40000" })
  let now = 0
  const progress = createProgress(() => now)
  progress.loop("polling Home 1", 1_000)
  const leave = await superviseUnder(systemd, { progress, status: () => "4 meters", log: quiet })
  t.same(socket.heard[0], ["READY=1", "STATUS=4 meters"])
  await socket.until("WATCHDOG=1", 2)
  now = 2_000
  await socket.until("STATUS=polling Home 1 stands still for 2 s", 2)
  const fed = () => socket.heard.flat().filter((line) => line === "WATCHDOG=1").length
  const before = fed()
  await socket.until("STATUS=polling Home 1 stands still", 5)
  t.equal(fed(), before, "while a loop stands still the watchdog is not fed")
  await leave()
  t.same(socket.heard.at(-1), ["STOPPING=1", "STATUS=stopping"])
})

t.test("where systemd cannot be told it is said once, and everything else goes on", { skip }, async (t) => {
  const said: string[] = []
  const log = pino({ base: null }, { write: (line: string) => void said.push(line) })
  const progress = createProgress(() => 0)
  const systemd = serviceManager({ ...process.env, NOTIFY_SOCKET: "/nowhere/notify" })
  const leave = await superviseUnder(systemd, { progress, status: () => "4 meters", log })
  await leave()
  t.equal(said.length, 1)
  t.match(said[0], /systemd cannot be told/)
})

t.test("a database that blocks starves the watchdog", { skip }, async (t) => {
  const socket = await notifySocket(t)
  const directory = t.testdir()
  // The program opens its journal and feeds; the commit that it is told to make meets a lock.
  const program = join(directory, "program.mjs")
  const room = new URL("../", import.meta.url)
  writeFileSync(
    program,
    `
    import { openDatabase } from ${JSON.stringify(new URL("journal/database.js", room).href)}
    import { serviceManager, superviseUnder } from ${JSON.stringify(new URL("supervise/notify.js", room).href)}
    import { createProgress } from ${JSON.stringify(new URL("supervise/progress.js", room).href)}
    const db = openDatabase(${JSON.stringify(directory)})
    db.pragma("busy_timeout = 600000")
    const log = { error() {} }
    const progress = createProgress(() => performance.now())
    await superviseUnder(serviceManager(), { progress, status: () => "fed", log })
    process.stdin.once("data", () => {
      process.stdout.write("committing\\n")
      db.exec("INSERT INTO counts (name, n) VALUES ('blocked', 1)")
      process.stdout.write("committed\\n")
    })
    process.stdout.write("up\\n")
  `,
  )
  const child = spawn(process.execPath, [program], {
    env: { ...socket.environment, WATCHDOG_USEC: "40000" },
    stdio: ["pipe", "pipe", "inherit"],
  })
  t.teardown(() => child.kill("SIGKILL"))
  const said = (word: string) =>
    new Promise<void>((resolve) =>
      child.stdout.on("data", (chunk: Buffer) => String(chunk).includes(word) && resolve()),
    )
  await said("up")
  await socket.until("WATCHDOG=1", 2)
  const other = new Database(join(directory, "journal.sqlite"))
  t.teardown(() => other.close())
  other.exec("BEGIN IMMEDIATE")
  const committing = said("committing")
  child.stdin.write("now\n")
  await committing
  const tell = (text: string) => spawnSync("systemd-notify", ["--", text], { env: socket.environment })
  // One feed may have been under way.
  tell("X_MARK=1")
  await socket.until("X_MARK=1")
  for (let n = 0; n < 3; n++) tell("X_MARK=2")
  await socket.until("X_MARK=2", 3)
  const marked = socket.heard.findIndex((lines) => lines.includes("X_MARK=2"))
  t.notOk(
    socket.heard.slice(marked).flat().includes("WATCHDOG=1"),
    "nothing is fed while a commit waits for the disk",
  )
  const committed = said("committed")
  const fedBefore = socket.heard.flat().filter((line) => line === "WATCHDOG=1").length
  other.exec("COMMIT")
  await committed
  await socket.until("WATCHDOG=1", fedBefore + 1)
  t.pass("and is again once it is through")
})
