import { writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import t from "tap"
import type { PersonError } from "./error.ts"
import { readAccountKey } from "./key-file.ts"
import { isSealed, newSalt, openSecret, passphraseFile, readSecret, sealSecret } from "./sealed-secret.ts"

const salt = newSalt()
const key = `0x${"5e".repeat(32)}`

t.test("a sealed secret opens with its passphrase and with no other", async (t) => {
  const sealed = sealSecret(key, "blue lamp on the roof", salt)
  t.ok(isSealed(sealed))
  t.equal(openSecret(sealed, "blue lamp on the roof"), key)
  t.equal(openSecret(sealed, "blue lamp on the roof "), undefined)
  t.notOk(sealed.includes("5e5e"))
  t.not(sealSecret(key, "blue lamp on the roof", salt), sealed, "the same is never sealed alike")
})

t.test("a sealed secret of which anything was changed does not open", async () => {
  const sealed = sealSecret("any secret, ä too", "one", salt)
  const { box, nonce, ...rest } = JSON.parse(sealed)
  fc.assert(
    fc.property(
      fc.constantFrom("box", "nonce"),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (name, at, bits) => {
        const bytes = Buffer.from(name === "box" ? box : nonce, "base64")
        bytes[at % bytes.length]! ^= bits
        return (
          openSecret(JSON.stringify({ ...rest, box, nonce, [name]: bytes.toString("base64") }), "one") ===
          undefined
        )
      },
    ),
  )
})

t.test("a file cannot make the box do more than is usual", async (t) => {
  const sealed = JSON.parse(sealSecret("secret", "one", salt))
  for (const change of [
    { ln: 30 },
    { p: 4 },
    { r: 1024 },
    { kdf: "none" },
    { format: "commonwatt sealed secret 2" },
  ])
    t.notOk(isSealed(JSON.stringify({ ...sealed, ...change })))
})

t.test("a key file is read sealed as it is read plain, and what it holds is never shown", async (t) => {
  const folder = t.testdir({
    plain: `${key}\n`,
    sealed: sealSecret(key, "one", salt),
    passphrase: "one\n",
    other: "two",
  })
  const at = (name: string) => join(folder, name)
  const before = { ...process.env }
  t.teardown(() => Object.assign(process.env, before))
  Reflect.deleteProperty(process.env, "CREDENTIALS_DIRECTORY")
  Reflect.deleteProperty(process.env, "COMMONWATT_PASSPHRASE_FILE")
  t.equal(readAccountKey(at("plain"), "The key"), key)
  t.throws(() => readAccountKey(at("sealed"), "The key"), {
    message: "The key is sealed, and there is no passphrase to open it.",
  })
  process.env.COMMONWATT_PASSPHRASE_FILE = at("other")
  t.throws(() => readAccountKey(at("sealed"), "The key"), { message: /^The key cannot be opened/ })
  process.env.COMMONWATT_PASSPHRASE_FILE = at("none")
  t.throws(() => readAccountKey(at("sealed"), "The key"), { message: "The passphrase cannot be read." })
  process.env.COMMONWATT_PASSPHRASE_FILE = at("passphrase")
  t.equal(readAccountKey(at("sealed"), "The key"), key)
  writeFileSync(at("wrong"), sealSecret("another word", "one", salt))
  try {
    readAccountKey(at("wrong"), "The key")
    t.fail("it was taken")
  } catch (error) {
    t.notMatch([(error as PersonError).message, ...(error as PersonError).context].join("\n"), /another word/)
  }
  t.equal(readSecret(at("wrong"), "The word"), "another word")
})

t.test("the passphrase comes from a file that is named, or from systemd's credential", async (t) => {
  t.equal(passphraseFile({}), undefined)
  t.equal(passphraseFile({ CREDENTIALS_DIRECTORY: "/run/credentials/x" }), "/run/credentials/x/passphrase")
  t.equal(passphraseFile({ CREDENTIALS_DIRECTORY: "/run/c", COMMONWATT_PASSPHRASE_FILE: "/p" }), "/p")
})
