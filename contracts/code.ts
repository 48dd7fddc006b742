import { concat, encodeAbiParameters, type Hex, keccak256, pad, sliceHex, stringToHex, toHex } from "viem"

/** Which bytes of a bytecode are the code on chain, and where in that the immutables stand, 32 bytes each. */
export interface PlacedRuntime {
  bytecode: Hex
  start: number
  length: number
  immutables: Readonly<Record<string, readonly number[]>>
}

/** What immutables must hold, by their names. */
export type Immutables = Readonly<Record<string, Hex>>

/** A contract's whole code as it must be on chain. @throws Error for an immutable whose value is not given. */
export function codeOf({ bytecode, start, length, immutables }: PlacedRuntime, values: Immutables): Hex {
  const code = Buffer.from(sliceHex(bytecode, start, start + length).slice(2), "hex")
  for (const [name, places] of Object.entries(immutables)) {
    const value = values[name]
    if (value === undefined) throw new Error(`it is not known what the immutable ${name} must be`)
    for (const place of places) code.set(Buffer.from(pad(value, { size: 32 }).slice(2), "hex"), place)
  }
  return `0x${code.toString("hex")}`
}

/** In what a contract's code differs from what it must be, in words; undefined if in nothing. */
export function differenceOf(runtime: PlacedRuntime, values: Immutables, code: Hex): string | undefined {
  if (code === "0x") return "there is no code"
  if (code === codeOf(runtime, values)) return undefined
  const differing = Object.entries(runtime.immutables).flatMap(([name, places]) => {
    const found = new Set(places.map((at) => `0x${code.slice(2 + 2 * at, 66 + 2 * at)}` as Hex))
    const right = pad(values[name]!, { size: 32 }).toLowerCase()
    return found.size === 1 && found.has(right as Hex) ? [] : [{ name, found: [...found] }]
  })
  // With what it holds in their places it may be the same code.
  const held = Object.fromEntries(differing.map(({ name, found }) => [name, found[0]!]))
  const onlyThose =
    differing.every(({ found }) => found.length === 1 && found[0]!.length === 66) &&
    code === codeOf(runtime, { ...values, ...held })
  if (!onlyThose) return "it is not the code that the contracts compile to"
  return differing.map(({ name, found }) => `its immutable ${name} is ${found[0]}`).join(", ")
}

/** What OpenZeppelin's EIP712 keeps of a contract's signing domain. */
export function domainImmutables(name: string, version: string, chainId: number, self: Hex): Immutables {
  const hashedName = keccak256(stringToHex(name))
  const hashedVersion = keccak256(stringToHex(version))
  const type = keccak256(
    stringToHex("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
  )
  const separator = encodeAbiParameters(
    [{ type: "bytes32" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint256" }, { type: "address" }],
    [type, hashedName, hashedVersion, BigInt(chainId), self],
  )
  return {
    _cachedDomainSeparator: keccak256(separator),
    _cachedChainId: toHex(chainId),
    _cachedThis: self,
    _hashedName: hashedName,
    _hashedVersion: hashedVersion,
    _name: shortString(name),
    _version: shortString(version),
  }
}

/** OpenZeppelin's ShortString: up to 31 bytes, and their number in the last. */
function shortString(text: string): Hex {
  const bytes = stringToHex(text)
  return concat([pad(bytes, { size: 31, dir: "right" }), toHex((bytes.length - 2) / 2, { size: 1 })])
}

/** Whether code is what the contract compiles to, whatever its immutables hold. */
export function isCodeOf({ bytecode, start, length, immutables }: PlacedRuntime, code: Hex): boolean {
  const [own, other] = [sliceHex(bytecode, start, start + length), code].map((hex) =>
    Buffer.from(hex.slice(2), "hex"),
  ) as [Buffer, Buffer]
  if (own.length !== other.length) return false
  for (const place of Object.values(immutables).flat())
    for (const bytes of [own, other]) bytes.fill(0, place, place + 32)
  return own.equals(other)
}
