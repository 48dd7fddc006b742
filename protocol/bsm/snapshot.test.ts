import { createHash } from "node:crypto"
import fc from "fast-check"
import t from "tap"
import { concatBytes, fromHex } from "../hex.ts"
import { curves } from "../ocmf/curves.ts"
import { keyOnCurve, parseKey } from "../ocmf/key.ts"
import { hex, newSigner, readShared, skipWithout } from "../ocmf/sign.test.support.ts"
import { joinFrames } from "./frames.ts"
import { modelHeader, points, signatureRegister } from "./layout.ts"
import { readingFromBsm } from "./reading.ts"
import { image, type Shown, someSignature } from "./snapshot.test.support.ts"
import { parseBsm, verifyBsm } from "./snapshot.ts"

interface BsmVector {
  rtu_reply_frames: string[]
  fields: Record<string, number | string>
  signed_message_hex: string
  sha256: string
  signature_der: string
  public_key_spki_der: string
  valid: boolean
}

const signer = newSigner("secp256r1")

/** A snapshot that the meter signed over what it shows. */
function signedImage(shown: Shown = {}): Uint8Array {
  return image(shown, signer.der(parseBsm(image(shown, someSignature)).message))
}

function verdict(bytes: Uint8Array): boolean | string {
  try {
    return verifyBsm(parseBsm(bytes), signer.key)
  } catch (error) {
    if ((error as Error).name !== "MalformedBsm") throw error
    return (error as Error).message
  }
}

const vector = "bsm_snapshot_vector.json"
t.test(
  "a real meter's snapshot is rebuilt byte for byte and verified",
  { skip: skipWithout(vector) },
  async (t) => {
    const v = readShared<BsmVector>(vector)!
    const snapshot = parseBsm(joinFrames(v.rtu_reply_frames.map((text) => fromHex(text))))
    for (const [name, value] of Object.entries(v.fields)) {
      const { numbers, strings } = snapshot as {
        numbers: Record<string, number>
        strings: Record<string, Uint8Array>
      }
      t.equal(strings[name] ? Buffer.from(strings[name]).toString("latin1") : numbers[name], value, name)
    }
    t.equal(hex(snapshot.message), v.signed_message_hex)
    t.equal(createHash("sha256").update(snapshot.message).digest("hex"), v.sha256)
    t.equal(hex(snapshot.bytes.subarray(2 * signatureRegister, 2 * signatureRegister + 71)), v.signature_der)
    t.equal(verifyBsm(snapshot, keyOnCurve(parseKey(v.public_key_spki_der), curves.secp256r1)), v.valid)
    t.match(readingFromBsm(snapshot), {
      reading: {
        sequence: 4278,
        time: 1657267609,
        clock: 2,
        clockSets: 3139,
        importedWh: 100_000n,
        resolutionWh: 10,
      },
      doubts: [],
    })
  },
)

t.test(
  "no change of a real meter's signed registers verifies, whatever byte it is",
  { skip: skipWithout(vector) },
  async (t) => {
    const v = readShared<BsmVector>(vector)!
    const good = joinFrames(v.rtu_reply_frames.map((text) => fromHex(text)))
    const key = keyOnCurve(parseKey(v.public_key_spki_der), curves.secp256r1)
    for (let at = 0; at < good.length; at++)
      for (const bit of [1, 0x80]) {
        const bytes = good.slice()
        bytes[at] = bytes[at]! ^ bit
        let verified = false
        try {
          verified = verifyBsm(parseBsm(bytes), key)
        } catch {}
        if (verified) t.fail(`byte ${at}`)
      }
  },
)

t.test("the message is the points in their order, each as the layout says", async (t) => {
  const { message } = parseBsm(
    image({ numbers: { W: -5, W_SF: -2, TZO: -330, Evt: 0x8000_0004, DI: 0xffff } }, someSignature),
  )
  const expected = [
    "00000000 00 ff", // Typ
    "0000000f 01 1e", // RCR
    "00002710 01 1e", // TotWhImp
    "fffffffb fe 1b", // W, negative in 32 bits
    "00000010 30303154455354303030303030303031", // MA1
    "000010b6 00 ff", // RCnt
    "0007edc8 00 07", // OS
    "62c7e599 00 07", // Epoch
    "fffffeb6 00 06", // TZO
    "00000c43 00 ff", // EpochSetCnt
    "0007ec33 00 07", // EpochSetOS
    "0000ffff 00 ff", // DI
    "00000000 00 ff", // DO
    "0000000b 77686f3a206e6f626f6479", // Meta1
    "00000000", // Meta2, empty
    "00000002 7631", // Meta3
    "80000004 00 ff", // Evt
  ]
  t.equal(hex(message), expected.join("").replaceAll(" ", ""))
})

t.test("a snapshot is verified with its meter's key and no other", async (t) => {
  t.equal(verdict(signedImage()), true)
  t.equal(verdict(concatBytes(modelHeader, signedImage())), true, "with the model's header too")
  t.equal(verifyBsm(parseBsm(signedImage()), newSigner("secp256r1").key), false)
  t.equal(verifyBsm(parseBsm(signedImage()), newSigner("secp256k1").key), false)
})

t.test("no change of any register verifies", async () => {
  const good = signedImage()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const bytes = good.slice()
      bytes[at] = bytes[at]! ^ by
      return verdict(bytes) !== true
    }),
    { numRuns: 500 },
  )
})

t.test("every signed point counts", async (t) => {
  const good = signedImage()
  for (const { name, register, type, ...rest } of points) {
    const bytes = good.slice()
    bytes[2 * register + (typeof type === "string" && type.endsWith("32") ? 3 : 1)]! ^= 2
    t.not(
      verdict(bytes),
      true,
      `${name}${"signed" in rest ? "" : ", which is not signed, must have its one value"}`,
    )
  }
})

t.test("a snapshot that is not finished is none", async (t) => {
  for (const [St, why] of [
    [1, /its status is invalid \(1\)/],
    [2, /being updated/],
    [3, /failed/],
    [9, /unknown \(9\)/],
  ] as const)
    t.match(verdict(image({ numbers: { St } }, someSignature)), why)
})

t.test("what is not as a snapshot is is refused", async (t) => {
  const good = signedImage()
  const changed = (at: number, value: number) => {
    const bytes = good.slice()
    bytes[at] = value
    return bytes
  }
  t.match(verdict(good.subarray(1)), /has 504 bytes of registers, this has 503/)
  t.match(
    verdict(concatBytes(Uint8Array.of(0xfd, 0x84, 0, 252), good)),
    /this has 508/,
    "another model's header",
  )
  t.match(verdict(image({ numbers: { Wh_SF: -0x8000 } }, someSignature)), /Wh_SF is not from -10 to 10/)
  t.match(verdict(image({ numbers: { W_SF: 11 } }, someSignature)), /W_SF is not from -10 to 10/)
  t.match(verdict(changed(2 * 30 + 100, 0x41)), /Meta1 has bytes behind its end/)
  t.match(verdict(changed(2 * (204 + 48) - 1, 1)), /Bytes follow the signature/)
  t.match(verdict(image({ numbers: { NSig: 49 } }, someSignature)), /NSig and BSig/)
  t.match(verdict(image({ numbers: { BSig: 97 } }, someSignature)), /NSig and BSig/)
  t.match(verdict(image({ numbers: { BSig: 7 } }, someSignature)), /Bytes follow the signature/)
  t.match(verdict(image({ numbers: { BSig: 9 } }, someSignature)), /not an ECDSA signature over secp256r1/)
  t.match(verdict(image({}, new Uint8Array(64).fill(1))), /not an ECDSA signature/, "r and s without DER")
  t.match(verdict(image({}, Uint8Array.of(0x30, 6, 2, 1, 0, 2, 1, 1))), /signature's r is not from 1/)
})

t.test("a string may fill all its registers", async (t) => {
  const shown = { strings: { MA1: "0123456789abcdef", Meta1: "x".repeat(140) } }
  t.equal(verdict(signedImage(shown)), true)
  t.equal(parseBsm(signedImage(shown)).strings.Meta1.length, 140)
})
