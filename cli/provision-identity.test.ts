import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import t from "tap"
import { readAccountKey } from "../protocol/key-file.ts"

/** Runs the command as a person would. */
async function provision(args: string[], input = "", environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ["dist/cli/commonwatt.js", "provision", ...args], {
    env: { ...process.env, ...environment },
  })
  child.stdin.end(input)
  const [out, talk, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ])
  return { code, out, talk }
}

const wordsOn = (page: string) => [...page.matchAll(/<li>([a-z]+)/g)].map(([, word]) => word).join(" ")

t.test("a gateway's identity: made once, proved by its shares, and brought back from them", async (t) => {
  const folder = t.testdir({ passphrase: "blue lamp on the roof\n" })
  const at = (name: string) => join(folder, name)
  const sealed = ["--passphrase-file", at("passphrase")]
  const init = ["init", "--dir", at("id"), "--meters", "1", ...sealed, "--shares-to", at("stick")]

  const beside = await provision([...init.slice(0, -1), at("id/shares")])
  t.match(beside, { code: 2, talk: /must not lie beside/ })
  const dry = await provision([...init, "--dry-run"])
  t.match(dry, { code: 0, out: "", talk: /3 recovery shares in .*, any 2 of which/ })
  t.notOk(existsSync(at("id")))

  const made = await provision(init)
  t.equal(made.code, 0, made.talk)
  const identity = JSON.parse(made.out) as { site: { address: string } }
  const pages = readdirSync(at("stick"))
    .sort()
    .map((name) => readFileSync(join(at("stick"), name), "utf8"))
  t.equal(pages.length, 3)
  const shares = pages.map(wordsOn)
  for (const page of pages) {
    t.match(page, identity.site.address)
    t.match(page, /<svg/)
  }
  const key = process.env.COMMONWATT_PASSPHRASE_FILE
  process.env.COMMONWATT_PASSPHRASE_FILE = at("passphrase")
  const secret = readAccountKey(join(at("id"), "site.key"), "The site's key")
  process.env.COMMONWATT_PASSPHRASE_FILE = key ?? ""
  for (const hidden of [secret, shares[0]!, "blue lamp"]) t.notOk((made.out + made.talk).includes(hidden))

  const drilled = await provision(["drill", "--dir", at("id")], `${shares[2]}\n${shares[0]}\n`)
  t.match(drilled, { code: 0, out: /^The shares give this identity/ })
  const back = await provision(
    ["restore", "--dir", at("new"), "--meters", "1", ...sealed],
    `${shares[1]}\n${shares[2]}\n`,
  )
  t.equal(back.code, 0, back.talk)
  t.same(JSON.parse(back.out), identity)
})
