import { personalDigest } from "../../../../protocol/account-wish.ts"
import type { Hex } from "../../../../protocol/hex.ts"
import { type TypedData, typedDataDigest } from "../../../../protocol/intent.ts"
import { accountOf } from "../account.ts"
import { openKey } from "../keystore.ts"
import type { Facts } from "../views/sign.ts"
import { browserWallet, walletAccount, walletSign, walletSignText } from "./external.ts"
import { fill } from "./page.ts"
import type { Signing } from "./store.ts"

/** Something that the person at the page can do something about. */
export class Trouble extends Error {}

export const addressOf = (signing: Signing): Hex =>
  signing.kind === "key" ? signing.key.address : signing.address

/** Signs typed data with what this device has. @throws Trouble */
export async function signTypedData(
  signing: Signing,
  data: TypedData,
  passphrase: string,
  words: Facts["words"],
): Promise<Hex> {
  if (signing.kind === "key") return (await opened(signing, passphrase, words)).sign(typedDataDigest(data))
  return withWallet(signing.address, words, (provider) => walletSign(provider, signing.address, data))
}

/** Signs a text (EIP-191). @throws Trouble */
export async function signText(
  signing: Signing,
  text: string,
  passphrase: string,
  words: Facts["words"],
): Promise<Hex> {
  if (signing.kind === "key") return (await opened(signing, passphrase, words)).sign(personalDigest(text))
  return withWallet(signing.address, words, (provider) => walletSignText(provider, signing.address, text))
}

async function opened(signing: Signing & { kind: "key" }, passphrase: string, words: Facts["words"]) {
  const entropy = await openKey(signing.key, passphrase)
  if (!entropy) throw new Trouble(words.passphraseWrong)
  const account = accountOf(entropy)
  entropy.fill(0)
  return account
}

async function withWallet(
  address: Hex,
  words: Facts["words"],
  work: (provider: NonNullable<ReturnType<typeof browserWallet>>) => Promise<Hex>,
): Promise<Hex> {
  const provider = browserWallet()
  if (!provider) throw new Trouble(words.walletNone)
  try {
    const account = await walletAccount(provider)
    if (account !== address) throw new Trouble(fill(words.walletOther, { account: account ?? "–" }))
    return await work(provider)
  } catch (error) {
    if (error instanceof Trouble) throw error
    throw new Trouble(words.walletRefused)
  }
}
