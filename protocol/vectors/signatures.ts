import { createHash } from "node:crypto"
import { Point } from "@noble/ed25519"
import { concatBytes, fromHex, type Hex, toHex } from "../hex.ts"
import { Scheme } from "../meter.ts"
import { challenge, fromLittleEndian, L, littleEndian, p, torsionPoints } from "./edwards.ts"
import { bytesFor, ed25519Meter, es256Meter, number32, p256Order, signES256, toNumber } from "./fixed-keys.ts"
import { meters } from "./keys.ts"

export interface SignatureVectors {
  about: string[]
  cases: {
    name: string
    scheme: Scheme
    publicKey: Hex
    message: Hex
    signature: Hex
    valid: boolean
    /** The cofactored equation of RFC 8032, 5.1.7 would take it, ours does not. */
    cofactored?: true
    /** The key is one that is refused: no verifier is ever asked. */
    keyRefused?: true
  }[]
}

type Case = SignatureVectors["cases"][number]

export function signatureVectors(): SignatureVectors {
  return {
    about: [
      "Signatures over plain messages, to test a verifier alone. SPEC.md, 3.3.",
      "Ed25519: the equation without the cofactor, h reduced modulo L, S < L, R compared byte by byte. The cases after the conditions of 'Taming the many EdDSAs' (Chalkias, Garillot, Nikolaenko 2020) were made for this file.",
      "cofactored: a verifier with the cofactored equation takes it. It is not valid here.",
      "keyRefused: the key is refused (keys.json), so that a verifier is never asked; what it would say does not matter.",
      "ES256: r ‖ s, each 32 bytes big-endian, s at most half of the order.",
    ],
    cases: [...rfc8032(), ...changed(), ...encodings(), ...torsion(), ...refusedKeys(), ...es256()],
  }
}

function rfc8032(): Case[] {
  const message = (text: string) => new Uint8Array(createHash("sha512").update(text).digest())
  const tests: [name: string, secret: string, message: Uint8Array][] = [
    ["test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", new Uint8Array()],
    ["test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", fromHex("72")],
    ["test 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", fromHex("af82")],
    ["test SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", message("abc")],
  ]
  return tests.map(([name, secret, message]) => {
    const meter = ed25519Meter(name, fromHex(secret))
    return ed25519(`RFC 8032, 7.1, ${name}`, meter.key.publicKey, message, meter.sign(message), {
      valid: true,
    })
  })
}

/** One right signature and what is wrong when one thing in it is not. */
function changed(): Case[] {
  const { key, sign } = meters.roof
  const message = bytesFor("message")
  const signature = sign(message)
  const of = (name: string, changed: Uint8Array, text = message, publicKey = key.publicKey) =>
    ed25519(name, publicKey, text, changed)
  const S = littleEndian(signature.subarray(32))
  const withS = (value: bigint) => concatBytes(signature.subarray(0, 32), fromLittleEndian(value))
  return [
    ed25519("Ed25519, right", key.publicKey, message, signature, { valid: true }),
    of("Ed25519, a bit of R flipped", flip(signature, 0)),
    of("Ed25519, a bit of S flipped", flip(signature, 32 * 8)),
    of("Ed25519, a bit of the message flipped", signature, flip(message, 7)),
    of("Ed25519, another key", signature, message, meters.grid.key.publicKey),
    of("Ed25519, S + L: the same signature in other bytes", withS(S + L)),
    of("Ed25519, S + 15 L, the largest that fits", withS(S + 15n * L)),
    of("Ed25519, S = L", withS(L)),
    of("Ed25519, R and S exchanged", concatBytes(signature.subarray(32), signature.subarray(0, 32))),
    of("Ed25519, all zero", new Uint8Array(64)),
    of("Ed25519, 63 bytes", signature.subarray(0, 63)),
    of("Ed25519, 65 bytes", concatBytes(signature, new Uint8Array(1))),
    of("Ed25519, no bytes", new Uint8Array()),
  ]
}

/** R = identity, in each of its encodings. The signer chose r = 0 and hashed the bytes that stand there. */
function encodings(): Case[] {
  const a = scalarOf(meters.roof.secret)
  const { publicKey } = meters.roof.key
  const of = (name: string, R: Uint8Array, valid: boolean, hashed = R): Case => {
    const message = bytesFor(name)
    const S = (challenge(hashed, publicKey, message) * a) % L
    return ed25519(name, publicKey, message, concatBytes(R, fromLittleEndian(S)), { valid })
  }
  const one = fromLittleEndian(1n)
  return [
    of("Ed25519, R is the identity", one, true),
    of("Ed25519, R is the identity with a sign bit", fromLittleEndian(1n + 2n ** 255n), false),
    of(
      "Ed25519, R is the identity with a sign bit, hashed without",
      fromLittleEndian(1n + 2n ** 255n),
      false,
      one,
    ),
    of("Ed25519, R is the identity as p + 1", fromLittleEndian(p + 1n), false),
    of("Ed25519, R is the identity as p + 1, hashed as 1", fromLittleEndian(p + 1n), false, one),
    of("Ed25519, R is no point of the curve", fromLittleEndian(2n), false),
  ]
}

/** Keys and nonces with a part of small order: A = a·B + Ta, R = r·B + Tr, S = r + h·a. */
function torsion(): Case[] {
  const a = scalarOf(meters.roof.secret)
  const prime = Point.fromBytes(meters.roof.key.publicKey)
  const r = littleEndian(bytesFor("nonce")) % L
  const [none, T] = [torsionPoints[0]!, torsionPoints[1]!]
  const of = (
    name: string,
    { Ta, Tr, r, residue }: { Ta: Point; Tr: Point; r: bigint; residue: boolean },
  ): Case => {
    const A = prime.add(Ta).toBytes()
    const R = Point.BASE.multiply(r, false).add(Tr).toBytes()
    for (let n = 0; ; n++) {
      const message = bytesFor(`${name} ${n}`)
      const h = challenge(R, A, message)
      // What is left of small order on the right side of S·B = R + h·A.
      const left = Ta.multiply(h % 8n, false).add(Tr)
      if (left.is0() === residue) continue
      const S = (r + h * a) % L
      return ed25519(name, A, message, concatBytes(R, fromLittleEndian(S)), {
        valid: !residue,
        ...(residue && { cofactored: true as const }),
      })
    }
  }
  return [
    of("Ed25519, R of order 8", { Ta: none, Tr: T, r: 0n, residue: true }),
    of("Ed25519, R with a part of order 8", { Ta: none, Tr: T, r, residue: true }),
    of("Ed25519, R with a part of order 2", { Ta: none, Tr: torsionPoints[4]!, r, residue: true }),
    of("Ed25519, A with a part of order 8 that vanishes", { Ta: T, Tr: none, r, residue: false }),
    of("Ed25519, A with a part of order 8 that stays", { Ta: T, Tr: none, r, residue: true }),
    of("Ed25519, A and R with parts of order 8 that cancel", { Ta: T, Tr: T, r, residue: false }),
    of("Ed25519, A and R with parts of order 8 that do not cancel", { Ta: T, Tr: T, r, residue: true }),
    of("Ed25519, A with a part of order 8, R of order 8, cancelling", {
      Ta: T,
      Tr: T,
      r: 0n,
      residue: false,
    }),
  ]
}

/** Why keys of small order are refused: with the identity as the key, R = S·B stands for every message. */
function refusedKeys(): Case[] {
  const identity = fromLittleEndian(1n)
  const zero = concatBytes(identity, new Uint8Array(32))
  return ["one message", "another message"].map((text) =>
    ed25519(`Ed25519, the identity as the key, ${text}`, identity, bytesFor(text), zero, {
      keyRefused: true,
    }),
  )
}

function es256(): Case[] {
  const rfc6979 = es256Meter("", fromHex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
  const sample = new TextEncoder().encode("sample")
  const high = signES256(fromHex(rfc6979.secret), sample, false)
  const { key, sign } = meters.hardware
  const message = bytesFor("message")
  const signature = sign(message)
  const [r, s] = [toNumber(signature.subarray(0, 32)), toNumber(signature.subarray(32))]
  const pair = (r: bigint, s: bigint) => concatBytes(number32(r), number32(s))
  const of = (name: string, changed: Uint8Array, valid = false, text = message) =>
    aCase(`ES256, ${name}`, Scheme.es256, key.publicKey, text, changed, { valid })
  return [
    aCase(
      "RFC 6979, A.2.5, SHA-256, sample: its s is high",
      Scheme.es256,
      rfc6979.key.publicKey,
      sample,
      high,
      {},
    ),
    aCase(
      "RFC 6979, A.2.5, SHA-256, sample, with n - s",
      Scheme.es256,
      rfc6979.key.publicKey,
      sample,
      rfc6979.sign(sample),
      { valid: true },
    ),
    of("right", signature, true),
    of("n - s: the same signature in other bytes", pair(r, p256Order - s)),
    of("r and s exchanged", pair(s, r)),
    of("a bit of r flipped", flip(signature, 8)),
    of("a bit of s flipped", flip(signature, 62 * 8)),
    of("a bit of the message flipped", signature, false, flip(message, 7)),
    of("all zero", new Uint8Array(64)),
    of("r = 0", pair(0n, s)),
    of("s = 0", pair(r, 0n)),
    of("r = n", pair(p256Order, s)),
    of("s = n", pair(r, p256Order)),
    of("s = half of the order, rounded up", pair(r, p256Order / 2n + 1n)),
    of("63 bytes", signature.subarray(1)),
    of("65 bytes", concatBytes(new Uint8Array(1), signature)),
    aCase("ES256, another key", Scheme.es256, rfc6979.key.publicKey, message, signature, {}),
  ]
}

function ed25519(
  name: string,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  more: Partial<Case> = {},
): Case {
  return aCase(name, Scheme.ed25519, publicKey, message, signature, more)
}

function aCase(
  name: string,
  scheme: Scheme,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  more: Partial<Case>,
): Case {
  return {
    name,
    scheme,
    publicKey: toHex(publicKey),
    message: toHex(message),
    signature: toHex(signature),
    valid: false,
    ...more,
  }
}

/** RFC 8032, 5.1.5: the scalar of a secret, modulo L. */
function scalarOf(secret: Hex): bigint {
  const hash = Uint8Array.from(createHash("sha512").update(fromHex(secret)).digest().subarray(0, 32))
  hash[0]! &= 248
  hash[31] = (hash[31]! & 127) | 64
  return littleEndian(hash) % L
}

export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice()
  out[bit >> 3]! ^= 1 << (bit & 7)
  return out
}
