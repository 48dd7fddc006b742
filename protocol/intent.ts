import { keccak_256 } from "@noble/hashes/sha3.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { abiWord, concatBytes, type Hex, toHex } from "./hex.ts"

/** A household wants to give GREEN to somebody (EIP-3009 `TransferWithAuthorization`). */
export interface Send {
  kind: "send"
  from: Hex
  to: Hex
  wh: bigint
  /** It is void from then on, Unix seconds. */
  until: number
  /** 32 bytes: a random key of 24 and eight zeros, so that intents do not wait for each other. */
  nonce: Hex
}

/** A household wants to claim the impact of GREEN for somebody, for good (`Retire` of Retirements). */
export interface Retire extends Omit<Send, "kind"> {
  kind: "retire"
  /** keccak256 of the text of the claim. */
  statement: Hex
}

export type Intent = Send | Retire

/** Where the contracts are that take intents. */
export interface IntentContracts {
  chainId: number
  token: Hex
  retirements: Hex
}

/** EIP-712 typed data of one flat struct, with its numbers as decimal text: what `eth_signTypedData_v4` takes. */
export interface TypedData {
  domain: { name: string; version: string; chainId: number; verifyingContract: Hex }
  types: Record<string, readonly { name: string; type: "address" | "uint256" | "bytes32" }[]>
  primaryType: string
  message: Record<string, string>
}

const transferFields = [
  { name: "from", type: "address" },
  { name: "to", type: "address" },
  { name: "value", type: "uint256" },
  { name: "validAfter", type: "uint256" },
  { name: "validBefore", type: "uint256" },
  { name: "nonce", type: "bytes32" },
] as const

const retireFields = [
  { name: "holder", type: "address" },
  { name: "wh", type: "uint256" },
  { name: "beneficiary", type: "address" },
  { name: "statement", type: "bytes32" },
  { name: "nonce", type: "uint256" },
  { name: "deadline", type: "uint256" },
] as const

/** What a household signs. */
export function typedDataOf(intent: Intent, { chainId, token, retirements }: IntentContracts): TypedData {
  const { from, to, wh, until, nonce } = intent
  if (intent.kind === "send")
    return {
      domain: { name: "Green", version: "1", chainId, verifyingContract: token },
      types: { TransferWithAuthorization: transferFields },
      primaryType: "TransferWithAuthorization",
      message: { from, to, value: `${wh}`, validAfter: "0", validBefore: `${until}`, nonce },
    }
  return {
    domain: { name: "Commonwatt Retirements", version: "1", chainId, verifyingContract: retirements },
    types: { Retire: retireFields },
    primaryType: "Retire",
    message: {
      holder: from,
      wh: `${wh}`,
      beneficiary: to,
      statement: intent.statement,
      nonce: `${BigInt(nonce)}`,
      // The contract takes it until the deadline itself, a transfer until the second before.
      deadline: `${until - 1}`,
    },
  }
}

const text = (value: string) => keccak_256(utf8ToBytes(value))
const domainType = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

/** The EIP-712 digest: keccak256(0x1901 ‖ domain separator ‖ struct hash). */
export function typedDataDigest({ domain, types, primaryType, message }: TypedData): Hex {
  const fields = types[primaryType] ?? []
  const separator = keccak_256(
    concatBytes(
      text(domainType),
      text(domain.name),
      text(domain.version),
      abiWord(domain.chainId),
      abiWord(domain.verifyingContract),
    ),
  )
  const struct = keccak_256(
    concatBytes(
      text(`${primaryType}(${fields.map(({ name, type }) => `${type} ${name}`).join(",")})`),
      ...fields.map(({ name }) => abiWord(BigInt(message[name]!))),
    ),
  )
  return toHex(keccak_256(concatBytes(Uint8Array.of(0x19, 0x01), separator, struct)))
}

/** A nonce that no other intent of a household has. @param random 24 random bytes. */
export function intentNonce(random: Uint8Array): Hex {
  if (random.length !== 24) throw new RangeError("A nonce takes 24 random bytes.")
  return toHex(concatBytes(random, new Uint8Array(8)))
}
