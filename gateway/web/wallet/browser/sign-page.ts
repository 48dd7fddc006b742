import { checksumAddress, readAddress } from "../../../../protocol/address.ts"
import { claimHash, claimText } from "../../../../protocol/claim.ts"
import { PersonError } from "../../../../protocol/error.ts"
import { greenText, readGreen } from "../../../../protocol/green.ts"
import { type Hex, toHex } from "../../../../protocol/hex.ts"
import { type Intent, intentNonce, typedDataOf } from "../../../../protocol/intent.ts"
import { readPaymentRequest } from "../../../../protocol/payment-request.ts"
import type { Facts } from "../views/sign.ts"
import { complain, element, fill, input, onClick, onSubmit, post, show } from "./page.ts"
import { enableScan } from "./scan.ts"
import { addressOf, signTypedData, Trouble } from "./signer.ts"
import type { Signing } from "./store.ts"

/** An intent is void after a week: long enough for a chain that is away for days. */
const validSeconds = 7 * 86_400

interface Asked {
  intent: Intent
  claim: string | undefined
  /** Whom it is for, as shown before signing. */
  who: string
}

/** Sending and retiring: a form, a summary in words, a signature, and the gateway carries it. */
export function startSignPage(facts: Facts, signing: Signing | undefined): void {
  const { household, contracts, words, csrf } = facts
  const kind = facts.page === "retire" ? "retire" : "send"
  if (!household || !contracts) {
    complain(words.noRelay)
    return
  }
  if (!signing || addressOf(signing) !== household) {
    sendToKeyPage(signing ? fill(words.keyDiffers, { account: checksumAddress(household) }) : words.keyNone)
    return
  }
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-needs-script]"))
    button.disabled = false
  let asked: Asked | undefined

  const read = kind === "send" ? readSend : readRetire

  function readSend(): Asked {
    const request = inWords(words.addressBad, () =>
      readPaymentRequest(element<HTMLTextAreaElement>("to").value, contracts!),
    )
    const wh = readAmount()
    return {
      intent: { kind: "send", to: request.to, wh, ...terms() },
      claim: undefined,
      who: checksumAddress(request.to),
    }
  }

  function readRetire(): Asked {
    const salt = toHex(crypto.getRandomValues(new Uint8Array(16))).slice(2)
    const beneficiary = input("beneficiary").value
    const claim = inWords(words.claimBad, () =>
      claimText({ beneficiary, reason: input("reason").value, salt }),
    )
    const written = input("to").value.trim()
    const to = written === "" ? household! : inWords(words.addressBad, () => readAddress(written))
    const intent = { kind: "retire", to, wh: readAmount(), statement: claimHash(claim), ...terms() } as const
    return { intent, claim, who: beneficiary.trim() }
  }

  function readAmount(): bigint {
    const example = greenText(3214n, facts.decimalSign)
    const wh = inWords(fill(words.amountBad, { example }), () =>
      readGreen(input("amount").value, facts.decimalSign),
    )
    const { available } = facts
    if (available !== undefined && wh > BigInt(available))
      throw new PersonError(
        fill(words.available, { amount: greenText(BigInt(available), facts.decimalSign) }),
      )
    return wh
  }

  function terms(): { from: Hex; until: number; nonce: Hex } {
    // The gateway's clock, and the time since this page was made: a phone's own clock may be wrong.
    const now = facts.now + Math.floor(performance.now() / 1000)
    return {
      from: household!,
      until: now + validSeconds,
      nonce: intentNonce(crypto.getRandomValues(new Uint8Array(24))),
    }
  }

  function summarise({ intent, who }: Asked): void {
    const amount = greenText(intent.wh, facts.decimalSign)
    const date = new Intl.DateTimeFormat(facts.language, {
      dateStyle: "medium",
      timeStyle: "short",
      timeZone: facts.timeZone,
    }).format(intent.until * 1000)
    const lines = [
      line("p", fill(kind === "send" ? words.summarySend : words.summaryRetire, { amount }), "lead"),
      line("p", who, kind === "send" ? "address" : "lead"),
    ]
    if (kind === "send")
      lines.push(
        line(
          "p",
          (facts.community.includes(intent.to) ? words.summaryNeighbour : words.summaryStranger) ?? "",
        ),
      )
    else
      lines.push(
        line("p", input("reason").value.trim()),
        line("p", checksumAddress(intent.to), "address"),
        line("p", words.summaryForGood ?? ""),
      )
    lines.push(line("p", fill(words.summaryUntil, { date }), "note"))
    element("summary").replaceChildren(...lines)
  }

  if (kind === "send") {
    const to = element<HTMLTextAreaElement>("to")
    const takeAmount = () => {
      try {
        const { wh } = readPaymentRequest(to.value, contracts)
        if (wh !== undefined) input("amount").value = greenText(wh, facts.decimalSign)
      } catch {
        // It is said when the form is sent.
      }
    }
    to.addEventListener("change", takeAmount)
    takeAmount()
    enableScan((text) => {
      to.value = text
      takeAmount()
    })
  }

  onSubmit("ask", () => {
    try {
      complain(undefined)
      asked = read()
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      complain(error.message)
      return
    }
    summarise(asked)
    show("ask", false)
    show("sign")
    show("passphrase-part", signing.kind === "key")
    complain(undefined, "sign-trouble")
    element("summary").focus()
  })

  onClick("change", () => {
    asked = undefined
    show("sign", false)
    show("ask")
  })

  onSubmit("sign", async () => {
    if (!asked) return
    const { intent, claim } = asked
    complain(undefined, "sign-trouble")
    const button = element("sign").querySelector("button")!
    const label = button.textContent
    button.textContent = words.signing ?? ""
    try {
      const signature = await signTypedData(
        signing,
        typedDataOf(intent, contracts),
        input("passphrase").value,
        words,
      )
      const body = {
        intent: { ...intent, wh: intent.wh.toString() },
        signature,
        ...(claim !== undefined && { claim }),
      }
      const sent = await post("/wallet/intents", body, csrf)
      if (!sent) throw new Trouble(words.offline)
      if (!sent.ok) throw new Trouble(String(sent.answer.error))
      show("sign", false)
      show("handed-in")
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      complain(error.message, "sign-trouble")
    } finally {
      input("passphrase").value = ""
      button.textContent = label
    }
  })

  function sendToKeyPage(why: string | undefined): void {
    complain(why)
    const link = Object.assign(document.createElement("a"), {
      href: "/wallet/key",
      textContent: words.keyLink,
    })
    element("trouble").append(" ", link)
  }
}

function line(tag: "p", text: string, className = ""): HTMLElement {
  return Object.assign(document.createElement(tag), { textContent: text, className })
}

/** What is wrong with something that was typed, in the page's language. @throws Trouble */
function inWords<T>(trouble: string | undefined, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof PersonError ? new Trouble(trouble) : error
  }
}
