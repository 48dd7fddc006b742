import type { Hex } from "../../../../protocol/hex.ts"
import type { TypedData } from "../../../../protocol/intent.ts"

/** A wallet of this browser (EIP-1193). */
interface Provider {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>
}

export function browserWallet(): Provider | undefined {
  return (window as { ethereum?: Provider }).ethereum
}

/** Asks the wallet for its account. */
export async function walletAccount(provider: Provider): Promise<Hex | undefined> {
  const accounts = (await provider.request({ method: "eth_requestAccounts" })) as string[]
  return accounts[0]?.toLowerCase() as Hex | undefined
}

export async function walletSign(provider: Provider, address: Hex, data: TypedData): Promise<Hex> {
  const chainId = `0x${data.domain.chainId.toString(16)}`
  // Wallets sign for the chain alone that they are on.
  if (Number(await provider.request({ method: "eth_chainId" })) !== data.domain.chainId)
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] })
  const domainFields = [
    { name: "name", type: "string" },
    { name: "version", type: "string" },
    { name: "chainId", type: "uint256" },
    { name: "verifyingContract", type: "address" },
  ]
  const asked = JSON.stringify({ ...data, types: { EIP712Domain: domainFields, ...data.types } })
  return lower(await provider.request({ method: "eth_signTypedData_v4", params: [address, asked] }))
}

export async function walletSignText(provider: Provider, address: Hex, text: string): Promise<Hex> {
  const bytes = new TextEncoder().encode(text)
  const hex = `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`
  return lower(await provider.request({ method: "personal_sign", params: [hex, address] }))
}

const lower = (signature: unknown) => String(signature).toLowerCase() as Hex
