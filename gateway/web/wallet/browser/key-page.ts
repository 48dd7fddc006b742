import { accountWish } from "../../../../protocol/account-wish.ts"
import { accountCode, checksumAddress } from "../../../../protocol/address.ts"
import { accountOf, entropyFrom, wordsOf } from "../account.ts"
import { openKey, sealKey } from "../keystore.ts"
import type { Facts } from "../views/sign.ts"
import { browserWallet, walletAccount } from "./external.ts"
import { complain, element, fill, fillList, input, onClick, onSubmit, post, show } from "./page.ts"
import { addressOf, signText, Trouble } from "./signer.ts"
import { forgetSigning, keepSigning, readSigning, type Signing } from "./store.ts"

const leastPassphrase = 10
/** How many of the words are asked for after they were written down. */
const asked = 3

/** Making, restoring, showing and removing the key of this device. */
export function startKeyPage({ household, site, csrf, words }: Facts, signing: Signing | undefined): void {
  if (!isSecureContext || !crypto.subtle) {
    show("not-secure")
    return
  }
  let fresh: Uint8Array | undefined

  function showOnly(section: "have" | "none" | "write" | "check" | "restoring"): void {
    for (const name of ["have", "none", "write", "check", "restoring"]) show(name, name === section)
  }

  function say(message: string | undefined): void {
    const place = element("good")
    place.textContent = message ?? ""
    place.hidden = false
    place.focus()
  }

  function present(known: Signing): void {
    const address = addressOf(known)
    const title = element("have-title")
    if (known.kind === "wallet") title.textContent = title.dataset.external ?? ""
    element("address").textContent = checksumAddress(address)
    element("code").textContent = accountCode(address)
    show("matches", household === address)
    show("differs", household !== undefined && household !== address)
    show("unregistered", household === undefined)
    show("show", known.kind === "key")
    if (household)
      element("differs-text").textContent = fill(words.keyDiffers, { account: checksumAddress(household) })
    showOnly("have")
  }

  async function reload(): Promise<void> {
    const known = await readSigning()
    if (known) return present(known)
    show("external", browserWallet() !== undefined)
    showOnly("none")
  }

  async function keep(known: Signing): Promise<void> {
    complain(undefined)
    if (!(await keepSigning(known))) return complain(words.keyGone)
    await reload()
    if (known.kind === "key") say(words.keyKept)
  }

  /** @returns the passphrase of a form, or undefined after saying what is wrong with it. */
  function newPassphrase(prefix: "new" | "restore"): string | undefined {
    const [first, again] = [input(`${prefix}-passphrase`).value, input(`${prefix}-again`).value]
    if ([...first].length < leastPassphrase) complain(words.passphraseShort)
    else if (first !== again) complain(words.passphraseDiffers)
    else return first
    return undefined
  }

  async function seal(entropy: Uint8Array, passphrase: string): Promise<void> {
    const key = await sealKey(entropy, accountOf(entropy).address, passphrase)
    await keep({ kind: "key", key })
  }

  onClick("make", () => {
    fresh = crypto.getRandomValues(new Uint8Array(16))
    fillList("words", wordsOf(fresh))
    showOnly("write")
  })

  onClick("written", () => {
    if (!fresh) return
    element("words").replaceChildren()
    const places = somePlaces()
    element("questions").replaceChildren(
      ...places.map((place) => {
        const label = document.createElement("label")
        const field = Object.assign(document.createElement("input"), {
          autocomplete: "off",
          autocapitalize: "none",
          spellcheck: false,
        })
        field.dataset.place = String(place)
        label.append(fill(words.wordsCheck, { number: String(place + 1) }), field)
        return label
      }),
    )
    showOnly("check")
    element("questions").querySelector("input")?.focus()
  })

  onSubmit("check-form", async () => {
    if (!fresh) return
    complain(undefined)
    const right = wordsOf(fresh)
    for (const field of element("questions").querySelectorAll("input")) {
      const place = Number(field.dataset.place)
      if (field.value.trim().toLowerCase() !== right[place])
        return complain(fill(words.wordsWrong, { number: String(place + 1) }))
    }
    const passphrase = newPassphrase("new")
    if (passphrase === undefined) return
    await seal(fresh, passphrase)
    fresh.fill(0)
    fresh = undefined
  })

  onClick("restore", () => showOnly("restoring"))

  onSubmit("restore-form", async () => {
    complain(undefined)
    const field = element<HTMLTextAreaElement>("restore-words")
    const found = entropyFrom(field.value)
    if ("trouble" in found) {
      const why =
        found.trouble === "unknown"
          ? fill(words.wordsUnknown, { word: found.word })
          : found.trouble === "count"
            ? words.wordsCount
            : words.wordsChecksum
      return complain(fill(words.wordsBad, { why: why ?? "" }))
    }
    const passphrase = newPassphrase("restore")
    if (passphrase === undefined) return
    await seal(found, passphrase)
    field.value = ""
  })

  onClick("external", async () => {
    const provider = browserWallet()
    const address = provider && (await walletAccount(provider).catch(() => undefined))
    if (!address) return complain(words.walletRefused)
    await keep({ kind: "wallet", address })
  })

  onSubmit("show", async () => {
    complain(undefined)
    const known = await readSigning()
    if (known?.kind !== "key") return
    const entropy = await openKey(known.key, input("show-passphrase").value)
    input("show-passphrase").value = ""
    if (!entropy) return complain(words.passphraseWrong)
    fillList("shown-words", wordsOf(entropy))
    show("shown")
  })

  onClick("wish", async () => {
    complain(undefined)
    const known = await readSigning()
    if (!known || !household) return
    const passphrase = known.kind === "key" ? input("show-passphrase").value : ""
    try {
      const account = addressOf(known)
      const signature = await signText(known, accountWish(site, household, account), passphrase, words)
      const sent = await post("/wallet/wish", { account, signature }, csrf)
      if (!sent) throw new Trouble(words.offline)
      if (!sent.ok) throw new Trouble(String(sent.answer.error))
      say(words.keyWished)
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      complain(error.message)
      input("show-passphrase").focus()
    }
  })

  onClick("forget", async () => {
    if (!confirm(element("forget").dataset.sure)) return
    await forgetSigning()
    show("shown", false)
    show("good", false)
    await reload()
  })

  if (signing) present(signing)
  else void reload()
}

function somePlaces(): number[] {
  const places = new Set<number>()
  while (places.size < asked) places.add(crypto.getRandomValues(new Uint8Array(1))[0]! % 12)
  return [...places].sort((a, b) => a - b)
}
