import { createECDH } from "node:crypto"
import t from "tap"
import { concatBytes, fromHex, toHex } from "./hex.ts"
import { Scheme } from "./meter.ts"
import { readMeterKey } from "./meter-key-text.ts"
import { curves } from "./ocmf/curves.ts"

t.test("one key is one meter, in whichever of its forms it is given", async (t) => {
  const ecdh = createECDH("prime256v1")
  ecdh.setPrivateKey("01".repeat(32), "hex")
  const point = Uint8Array.from(ecdh.getPublicKey().subarray(1))
  const spki = concatBytes(curves.secp256r1.spkiPrefix, point)
  const forms = [
    toHex(point),
    toHex(point).slice(2),
    `04${toHex(point).slice(2)}`,
    toHex(spki),
    toHex(spki)
      .slice(2)
      .toUpperCase()
      .replace(/(....)/g, "$1 "),
    Buffer.from(spki).toString("base64"),
  ]
  for (const scheme of [Scheme.es256, Scheme.bsm])
    for (const form of forms) t.same(readMeterKey(scheme, form).publicKey, point, form.slice(0, 24))
})

t.test("an Ed25519 key is 32 bytes of hexadecimal", async (t) => {
  const key = "0x78a05d38bde7297411f6fb0285551fc1fcedea502823c8a9c465c5a2f5336eaa"
  t.same(readMeterKey(Scheme.ed25519, key).publicKey, fromHex(key))
  t.throws(() => readMeterKey(Scheme.ed25519, `${key}00`), /32 bytes, this one has 33/)
  t.throws(() => readMeterKey(Scheme.ed25519, "hello"), /not hexadecimal/)
})

t.test("a key on another curve than the scheme's is refused", async (t) => {
  const ecdh = createECDH("secp256k1")
  ecdh.setPrivateKey("01".repeat(32), "hex")
  const spki = concatBytes(curves.secp256k1.spkiPrefix, Uint8Array.from(ecdh.getPublicKey().subarray(1)))
  t.throws(() => readMeterKey(Scheme.bsm, toHex(spki)), /secp256k1/)
})
