import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import t from "tap"
import { tarOf, untar } from "./archive.ts"
import { packConfig } from "./configured-files.ts"

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

/** In pieces of any length, as a stream gives them. */
async function* pieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

t.test("what goes into an archive comes out of it, however it is cut into pieces", async (t) => {
  const directory = t.testdir()
  let n = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 1500 }), { maxLength: 4 }),
      fc.integer({ min: 1, max: 2000 }),
      async (contents, length) => {
        const to = join(directory, String(n++))
        mkdirSync(to)
        const packed = await bytesOf(tarOf(contents.map((content, i) => ({ name: `d${i}/f`, content }))))
        await untar(pieces(packed, length), to)
        return contents.every((content, i) =>
          readFileSync(join(to, `d${i}`, "f")).equals(Buffer.from(content)),
        )
      },
    ),
    { numRuns: 30 },
  )
})

t.test("Debian's tar reads it", async (t) => {
  const directory = t.testdir({ some: "content" })
  const file = join(directory, "archive.tar")
  const entries = [
    { name: "journal/a", file: join(directory, "some") },
    { name: "b", content: Buffer.alloc(1024, 7) },
  ]
  writeFileSync(file, await bytesOf(tarOf(entries)))
  const { stdout, status } = spawnSync("tar", ["tvf", file], { encoding: "utf8" })
  t.equal(status, 0)
  t.match(stdout, /^-rw------- .* 7 .* journal\/a\n-rw------- .* 1024 .* b\n$/)
})

t.test("an archive that is cut short, changed or leads elsewhere is refused", async (t) => {
  const packed = await bytesOf(tarOf([{ name: "a", content: Buffer.alloc(600, 1) }]))
  let n = 0
  const into = () => join(t.testdirName, String(n++))
  t.testdir()
  for (const length of [0, 100, 512, 700, 1536, 1600])
    await t.rejects(
      untar(pieces(packed.subarray(0, length), 99), into()),
      /it ends before its end/,
      `${length}`,
    )
  const changed = Buffer.from(packed)
  changed[130]! ^= 1
  await t.rejects(untar(pieces(changed, 99), into()), /it is no archive of ours/)
  for (const name of ["../a", "/etc/a", "b/../../a"])
    await t.rejects(
      untar(pieces(await bytesOf(tarOf([{ name, content: Buffer.of(1) }])), 99), into()),
      /it holds a file with the name/,
    )
})

t.test("a configuration is packed with each file that it names, wherever that was", (t) => {
  const directory = t.testdir({
    etc: {
      "gateway.yaml": [
        "# of Sunny Lane",
        "dataDir: /var/lib/commonwatt",
        "chain: { keyFile: ./gateway.key }",
        "coefficients: { file: ../shares.txt }",
        "profilesDir: own",
        "mqtt: { tls: { certFile: /no/such.pem } }",
        "meters:",
        "  - { name: a, modbus: { profile: x, keyFile: keys/a.key } }",
        "  - { name: b, modbus: { profile: x, keyFile: keys/a.key } }",
      ].join("\n"),
      "gateway.key": "secret",
      keys: { "a.key": "a" },
      own: { "x.json": "{}" },
    },
    "shares.txt": "0,5",
  })
  const { text, files, absent } = packConfig(join(directory, "etc", "gateway.yaml"))
  t.same(Object.fromEntries(files), {
    "gateway.key": join(directory, "etc", "gateway.key"),
    "files/2-shares.txt": join(directory, "shares.txt"),
    "own/x.json": join(directory, "etc", "own", "x.json"),
    "keys/a.key": join(directory, "etc", "keys", "a.key"),
  })
  t.same(absent, ["/no/such.pem"])
  t.match(text, "# of Sunny Lane")
  t.match(text, "dataDir: data")
  t.match(text, "file: files/2-shares.txt")
  t.match(text, "certFile: /no/such.pem")
  t.end()
})
