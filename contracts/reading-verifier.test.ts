import { randomBytes } from "node:crypto"
import { hashes, verify as nobleVerify, Point } from "@noble/ed25519"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import tap from "tap"
import { type Address, bytesToHex, createWalletClient, type Hex, http, publicActions } from "viem"
import { mnemonicToAccount } from "viem/accounts"
import { foundry } from "viem/chains"
import { concatBytes, fromHex } from "../protocol/hex.ts"
import { type MeterKey, meterIdOf, meterKey, Scheme } from "../protocol/meter.ts"
import { decodeReading, type Reading, readingDigest } from "../protocol/reading.ts"
import { verifyBytes } from "../protocol/signature.ts"
import {
  challenge,
  fromLittleEndian,
  L,
  littleEndian,
  p,
  torsionEncodings,
  torsionPoints,
  verifyByTheBook,
} from "../protocol/vectors/edwards.ts"
import { ed25519Meter, es256Meter, number32, p256Order, toNumber } from "../protocol/vectors/fixed-keys.ts"
import { loadVectors } from "../protocol/vectors/load.ts"
import type { ReadingVectors } from "../protocol/vectors/readings.ts"
import type { SignatureVectors } from "../protocol/vectors/signatures.ts"
import { startAnvil } from "./anvil.test.support.ts"
import { readingVerifierAbi, readingVerifierBytecode } from "./generated/readingVerifier.ts"

hashes.sha512 = sha512

const account = mnemonicToAccount("test test test test test test test test test test test junk")

/** Someone asked whether this is a signature of that. */
interface Case {
  name: string
  scheme: Scheme
  publicKey: Uint8Array
  message: Uint8Array
  signature: Uint8Array
}

// ---------------------------------------------------------------- what the contract says

async function deployed(hardfork: string) {
  const { url, stop } = await startAnvil(hardfork)
  const client = createWalletClient({ account, chain: foundry, transport: http(url) }).extend(publicActions)
  const hash = await client.deployContract({ abi: readingVerifierAbi, bytecode: readingVerifierBytecode })
  const { contractAddress } = await client.waitForTransactionReceipt({ hash })
  const verifier = { address: contractAddress as Address, abi: readingVerifierAbi } as const
  return {
    stop,
    /** Whether the chain verifies a right signature by the precompile (EIP-7951). */
    hasPrecompile: async (): Promise<boolean> => {
      const { key, sign } = es256Meter("precompile")
      const message = new Uint8Array(32)
      const data = concatBytes(sha256(message), sign(message), key.publicKey)
      const { data: answer } = await client.call({
        to: `0x${"100".padStart(40, "0")}`,
        data: bytesToHex(data),
      })
      return answer !== undefined && BigInt(answer) === 1n
    },
    verifySignature: ({ scheme, publicKey, message, signature }: Case): Promise<boolean> =>
      client.readContract({
        ...verifier,
        functionName: "verifySignature",
        args: [scheme, wordsOf(publicKey), bytesToHex(message), bytesToHex(signature)],
      }),
    parse: (bytes: Uint8Array) =>
      client
        .readContract({ ...verifier, functionName: "parse", args: [bytesToHex(bytes)] })
        .catch(refusal("MalformedReading")),
    verify: (bytes: Uint8Array, scheme: Scheme, publicKey: Uint8Array) =>
      client
        .readContract({
          ...verifier,
          functionName: "verify",
          args: [bytesToHex(bytes), meterIdOf(scheme, publicKey), scheme, wordsOf(publicKey)],
        })
        .catch(refusal("MalformedReading", "AnotherMeter", "AnotherScheme", "NotSigned")),
  }
}

const wordsOf = (publicKey: Uint8Array): [Hex, Hex] => {
  const padded = new Uint8Array(64)
  padded.set(publicKey.subarray(0, 64))
  return [bytesToHex(padded.subarray(0, 32)), bytesToHex(padded.subarray(32))]
}

/** Turns a revert with one of these errors into undefined; any other failure is one of the test. */
const refusal =
  (...errors: string[]) =>
  (error: Error): undefined => {
    const name = (error.cause as { data?: { errorName?: string } } | undefined)?.data?.errorName
    if (!name || !errors.includes(name)) throw error
  }

// ---------------------------------------------------------------- what everyone else says

function keyOf({ scheme, publicKey }: Case): MeterKey | undefined {
  try {
    return meterKey(scheme, publicKey)
  } catch {
    return undefined
  }
}

/** OpenSSL, behind the checks of keys and the rule of low s. */
function openSSL(one: Case): boolean {
  const key = keyOf(one)
  return key !== undefined && verifyBytes(key, one.message, one.signature)
}

/**
 * The same by noble's points. Its `verify` has the cofactored equation: whatever is valid here is valid there, and where
 * nothing has a part of small order, the other way round.
 */
function noble(t: Pick<typeof tap, "equal" | "ok">, one: Case, torsion: boolean): boolean {
  const { publicKey, message, signature } = one
  const valid = keyOf(one) !== undefined && verifyByTheBook(publicKey, message, signature)
  if (signature.length !== 64 || publicKey.length !== 32) return valid
  const cofactored = nobleVerify(signature, message, publicKey, { zip215: false })
  if (valid || !torsion) t.equal(cofactored, valid, `noble's own verify: ${one.name}`, shown(one))
  return valid
}

// ---------------------------------------------------------------- cases by rule

/** Signatures by a signer who keeps no rule: A = a·B + Ta, R = r·B + Tr, S = r + h·a, every pair of small-order parts. */
function torsionCases(): Case[] {
  const a = 1n + (littleEndian(randomBytes(32)) % (L - 1n))
  const r = 1n + (littleEndian(randomBytes(32)) % (L - 1n))
  return torsionPoints.flatMap((Ta, i) =>
    torsionPoints.flatMap((Tr, j) =>
      [r, 0n].map((nonce) => {
        const publicKey = Point.BASE.multiply(a, false).add(Ta).toBytes()
        const R = Point.BASE.multiply(nonce, false).add(Tr).toBytes()
        const message = randomBytes(40)
        const S = (nonce + challenge(R, publicKey, message) * a) % L
        const name = `A + T${i}, R + T${j}, nonce ${nonce === 0n ? "zero" : "random"}`
        return ed25519(name, publicKey, message, concatBytes(R, fromLittleEndian(S)))
      }),
    ),
  )
}

function ed25519Cases(): Case[] {
  return [0, 1, 2, 3].flatMap(() => {
    const secret = randomBytes(32)
    const { key, sign } = ed25519Meter("", secret)
    const message = randomBytes(Math.floor(Math.random() * 300))
    const right = sign(message)
    const [R, S] = [right.subarray(0, 32), littleEndian(right.subarray(32))]
    const withS = (value: bigint) => concatBytes(R, fromLittleEndian(value))
    const of = (name: string, signature: Uint8Array, text: Uint8Array = message, publicKey = key.publicKey) =>
      ed25519(name, publicKey, text, signature)
    return [
      of("right", right),
      of("right, of nothing", sign(new Uint8Array()), new Uint8Array()),
      of("right, of 1,000 bytes", sign(new Uint8Array(1000)), new Uint8Array(1000)),
      ...[1n, 2n, 7n, 14n].map((n) => of(`S + ${n} L`, withS(S + n * L))),
      ...[0n, 1n, L - 1n, L, L + 1n, 2n ** 252n, 2n ** 253n, 2n ** 255n, 2n ** 256n - 1n].map((s) =>
        of(`S = ${s}`, withS(s)),
      ),
      of("L - S", withS(L - S)),
      of("the sign of R", flip(right, 255)),
      of("R and S exchanged", concatBytes(right.subarray(32), R)),
      of("zero", new Uint8Array(64)),
      of("all ones", new Uint8Array(64).fill(0xff)),
      of("63 bytes", right.subarray(0, 63)),
      of("65 bytes", concatBytes(right, new Uint8Array(1))),
      of("no bytes", new Uint8Array()),
      of("the sign of A", right, message, flip(key.publicKey, 255)),
      ...[8, 100, 300, 500].map((bit) => of(`bit ${bit} of the signature`, flip(right, bit))),
      of("another message", right, concatBytes(message, new Uint8Array(1))),
    ]
  })
}

/** Keys and points that are not canonical, or of small order, each as the key and as R. */
function encodingCases(): Case[] {
  const { key, secret } = ed25519Meter("encodings")
  const a = scalarOf(fromHex(secret))
  const message = randomBytes(20)
  const beyond = Array.from({ length: 19 }, (_, k) => [p + BigInt(k), p + BigInt(k) + 2n ** 255n]).flat()
  const encodings = [...torsionEncodings().map(({ bytes }) => bytes), ...beyond.map(fromLittleEndian)]
  const identity = fromLittleEndian(1n)
  return encodings.flatMap((bytes) => {
    const name = Buffer.from(bytes).toString("hex")
    const S = (challenge(bytes, key.publicKey, message) * a) % L
    return [
      ed25519(
        `the key ${name}, R of order 1, S = 0`,
        bytes,
        message,
        concatBytes(identity, new Uint8Array(32)),
      ),
      ed25519(`the key ${name}, R the same, S = 0`, bytes, message, concatBytes(bytes, new Uint8Array(32))),
      ed25519(`R ${name}, S = h·a`, key.publicKey, message, concatBytes(bytes, fromLittleEndian(S))),
    ]
  })
}

function es256Cases(): Case[] {
  // 1, 2 and their negatives: the sums of ECDSA meet equal and opposite points.
  const secrets = [1n, 2n, 3n, p256Order - 1n, p256Order - 2n, toNumber(randomBytes(32)) % p256Order]
  return secrets.flatMap((secret) => {
    const { key, sign } = es256Meter("", number32(secret))
    const message = randomBytes(Math.floor(Math.random() * 300))
    const right = sign(message)
    const [r, s] = [toNumber(right.subarray(0, 32)), toNumber(right.subarray(32))]
    const of = (name: string, signature: Uint8Array, publicKey = key.publicKey): Case => ({
      name: `ES256, secret ${secret}, ${name}`,
      scheme: Scheme.es256,
      publicKey,
      message,
      signature,
    })
    const pair = (r: bigint, s: bigint) => concatBytes(number32(r), number32(s))
    const edges = [0n, 1n, p256Order / 2n, p256Order / 2n + 1n, p256Order - 1n, p256Order, 2n ** 256n - 1n]
    return [
      of("right", right),
      of("n - s", pair(r, p256Order - s)),
      ...edges.map((edge) => of(`r = ${edge}`, pair(edge, s))),
      ...edges.map((edge) => of(`s = ${edge}`, pair(r, edge))),
      of("r and s exchanged", pair(s, r)),
      of("63 bytes", right.subarray(0, 63)),
      of("65 bytes", concatBytes(right, new Uint8Array(1))),
      ...[0, 255, 256, 500].map((bit) => of(`bit ${bit} of the signature`, flip(right, bit))),
      of("the key with a bit flipped", right, flip(key.publicKey, 3)),
      of("the key at (0, 0)", right, new Uint8Array(64)),
    ]
  })
}

function ed25519(name: string, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Case {
  return { name, scheme: Scheme.ed25519, publicKey, message, signature }
}

/** The scalar of a secret (RFC 8032, 5.1.5). */
function scalarOf(secret: Uint8Array): bigint {
  const hash = sha512(secret).slice(0, 32)
  hash[0] = hash[0]! & 248
  hash[31] = (hash[31]! & 127) | 64
  return littleEndian(hash)
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice()
  flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7))
  return flipped
}

// ---------------------------------------------------------------- to the same verdict

/** What a failing test shows. */
const shown = ({ publicKey, message, signature }: Case) => ({
  publicKey: bytesToHex(publicKey),
  message: bytesToHex(message),
  signature: bytesToHex(signature),
})

tap.test("on a chain with the precompile for P-256", async (t) => {
  const contract = await deployed("osaka")
  t.teardown(contract.stop)
  t.ok(await contract.hasPrecompile())

  t.test("the contract, OpenSSL and noble judge every Ed25519 signature alike", async (t) => {
    const families = [
      { cases: ed25519Cases(), torsion: false },
      { cases: encodingCases(), torsion: true },
      { cases: torsionCases(), torsion: true },
    ]
    for (const { cases, torsion } of families) {
      const verdicts = await Promise.all(cases.map(contract.verifySignature))
      const expected = cases.map((one) => {
        const valid = openSSL(one)
        t.equal(noble(t, one, torsion), valid, `noble and OpenSSL: ${one.name}`, shown(one))
        return valid
      })
      t.ok(expected.includes(true) && expected.includes(false))
      for (const [i, one] of cases.entries()) t.equal(verdicts[i], expected[i], one.name, shown(one))
    }
  })

  t.test("and every ES256 signature", async (t) => {
    await es256(t, contract)
  })

  t.test("and every signature of the corpus", async (t) => {
    for (const { name, scheme, valid, keyRefused, ...hex } of loadVectors<SignatureVectors>("signatures")
      .cases) {
      const verdict = await contract.verifySignature({
        name,
        scheme,
        publicKey: fromHex(hex.publicKey),
        message: fromHex(hex.message),
        signature: fromHex(hex.signature),
      })
      t.equal(verdict, valid && !keyRefused, name)
    }
  })

  const corpus = loadVectors<ReadingVectors>("readings")

  t.test(
    "a reading says on chain what it says off chain, and is signed on chain when it is off chain",
    async (t) => {
      for (const { name, scheme, publicKey, bytes, digest } of corpus.valid) {
        const reading = fromHex(bytes)
        t.same(fieldsOf(await contract.parse(reading)), decodeReading(reading).reading, name)
        t.ok(await contract.verify(reading, scheme, fromHex(publicKey)), name)
        t.equal(readingDigest(reading), digest)
      }
      for (const { name, scheme, publicKey, bytes } of corpus.unverified)
        t.equal(await contract.verify(fromHex(bytes), scheme, fromHex(publicKey)), undefined, name)
      for (const { name, bytes } of corpus.malformed)
        t.equal(await contract.parse(fromHex(bytes)), undefined, name)
    },
  )

  t.test("bytes are a reading on chain exactly when they are one off chain", async (t) => {
    const changed = Array.from({ length: 600 }, (_, i) =>
      mutated(fromHex(corpus.valid[i % corpus.valid.length]!.bytes)),
    )
    const parsed = await Promise.all(changed.map(contract.parse))
    for (const [i, bytes] of changed.entries()) {
      let expected: Reading | undefined
      try {
        expected = decodeReading(bytes).reading
      } catch {
        expected = undefined
      }
      t.same(fieldsOf(parsed[i]), expected, bytesToHex(bytes))
    }
  })
})

tap.test("on a chain without it, the same bytecode judges ES256 in Solidity, and alike", async (t) => {
  const contract = await deployed("prague")
  t.teardown(contract.stop)
  t.notOk(await contract.hasPrecompile())
  await es256(t, contract)
  const { key, sign } = ed25519Meter("prague")
  const message = randomBytes(71)
  t.ok(await contract.verifySignature(ed25519("right", key.publicKey, message, sign(message))))
})

async function es256(t: Pick<typeof tap, "equal" | "ok">, contract: Awaited<ReturnType<typeof deployed>>) {
  const cases = es256Cases()
  const verdicts = await Promise.all(cases.map(contract.verifySignature))
  t.ok(verdicts.includes(true) && verdicts.includes(false))
  for (const [i, one] of cases.entries()) t.equal(verdicts[i], openSSL(one), one.name, shown(one))
}

/** A few bytes in front of the signature changed, put in, taken out, or heads made longer. */
function mutated(bytes: Uint8Array): Uint8Array {
  const at = Math.floor(Math.random() * (bytes.length - 64))
  const [front, back] = [bytes.subarray(0, at), bytes.subarray(at)]
  const some = randomBytes(1 + Math.floor(Math.random() * 2))
  const head = bytes[at]!
  switch (Math.floor(Math.random() * 5)) {
    case 0:
      return concatBytes(front, some, back)
    case 1:
      return concatBytes(front, back.subarray(1))
    case 2:
      return flip(bytes, at * 8 + Math.floor(Math.random() * 8))
    case 3:
      return concatBytes(front, some, back.subarray(some.length))
    default:
      return (head & 31) < 24
        ? concatBytes(front, Uint8Array.of((head & 224) + 24, head & 31), back.subarray(1))
        : concatBytes(front, Uint8Array.of((head + 1) & 255, 0), back.subarray(1))
  }
}

type Parsed = Awaited<ReturnType<Awaited<ReturnType<typeof deployed>>["parse"]>>

/** What the contract read as the code off chain has it: keys that are absent left out. */
function fieldsOf(parsed: Parsed): object | undefined {
  if (!parsed) return undefined
  const { scheme: _, kid: __, present, ...fields } = parsed
  const wide = new Set(["generatedWh", "importedWh", "exportedWh"])
  return Object.fromEntries(
    Object.entries(fields)
      .filter((_, k) => (present >> (k + 1)) & 1)
      .map(([name, value]) => [name, wide.has(name) ? BigInt(value) : Number(value)]),
  )
}
