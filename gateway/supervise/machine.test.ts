import { statSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { localUrl, readDoor, removeDoor, writeDoor } from "./door.ts"
import { certificateFacts, diskFacts, wornPercent, writtenBytesPerDay } from "./machine.ts"
import { noteStart, readStarts } from "./starts.ts"

t.test("a flash memory's life is what the more worn of its two kinds of cells says", async (t) => {
  const root = t.testdir({
    mmc0: { "mmc0:0001": { life_time: "0x02 0x09\n", type: "MMC" } },
    mmc1: { "mmc1:aaaa": { type: "SD" } },
  })
  t.equal(wornPercent(root), 90)
  t.equal(
    wornPercent(t.testdir({ mmc0: { "mmc0:0001": { life_time: "0x00 0x00\n" } } })),
    undefined,
    "it does not say",
  )
  t.equal(wornPercent(join(root, "nowhere")), undefined)
})

t.test("what is written is a rate, and none before there was time enough", async (t) => {
  const dir = t.testdir({ io: "rchar: 9\nread_bytes: 1\nwrite_bytes: 10000000\ncancelled_write_bytes: 5\n" })
  t.equal(writtenBytesPerDay(43_200, join(dir, "io")), 20_000_000)
  t.equal(writtenBytesPerDay(60, join(dir, "io")), undefined)
  t.equal(writtenBytesPerDay(43_200, join(dir, "nothing")), undefined)
})

t.test("a file that is no certificate is said to be none", async (t) => {
  const dir = t.testdir({ "cert.pem": "sunny day" })
  t.equal(certificateFacts(join(dir, "cert.pem")).notAfter, undefined)
  t.match(certificateFacts(join(dir, "none.pem")).problem, /ENOENT/)
  t.ok(diskFacts(dir)!.totalBytes > 0)
  t.equal(diskFacts(join(dir, "nowhere")), undefined)
})

t.test("the last starts are kept, and a file that is damaged counts as none", async (t) => {
  const dir = t.testdir({})
  for (let n = 1; n <= 30; n++) noteStart(dir, n)
  t.same(
    readStarts(dir),
    Array.from({ length: 20 }, (_, i) => i + 11),
  )
  t.same(readStarts(t.testdir({ "starts.json": "{" })), [])
  t.doesNotThrow(() => noteStart(join(dir, "nowhere"), 1))
})

t.test("the door is its owner's alone, and gone with the gateway", async (t) => {
  const dir = t.testdir({})
  t.equal(readDoor(dir), undefined)
  writeDoor(dir, { url: localUrl("0.0.0.0", 8080), token: "secret" })
  t.same(readDoor(dir), { url: "http://127.0.0.1:8080", token: "secret" })
  t.equal(statSync(join(dir, "operator.json")).mode & 0o777, 0o600)
  t.equal(localUrl("::", 80), "http://[::1]:80")
  removeDoor(dir)
  t.equal(readDoor(dir), undefined)
})
