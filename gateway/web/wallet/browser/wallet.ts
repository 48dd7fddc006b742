import { startKeyPage } from "./key-page.ts"
import { element, enableCopy, forgetNoScript, readFacts } from "./page.ts"
import { startSignPage } from "./sign-page.ts"
import { readSigning } from "./store.ts"

/** While something is under way the list is asked for so often, ms. */
const lookEveryMs = 3000

async function start(): Promise<void> {
  forgetNoScript()
  enableCopy()
  const print = document.getElementById("print")
  if (print) {
    print.hidden = false
    print.addEventListener("click", () => window.print())
  }
  if (!document.getElementById("facts")) return
  const facts = readFacts()
  if (facts.page === "wallet") return followMoves()
  if (facts.page === "request") return
  const signing = isSecureContext ? await readSigning().catch(() => undefined) : undefined
  if (facts.page === "key") startKeyPage(facts, signing)
  else startSignPage(facts, signing)
}

function followMoves(): void {
  const moves = element("moves")
  const isOpen = () => moves.querySelector('[data-state="queued"], [data-state="sent"]') !== null
  if (!isOpen()) return
  const timer = setInterval(async () => {
    const response = await fetch("/wallet/list").catch(() => undefined)
    if (!response?.ok) return
    moves.innerHTML = await response.text()
    if (isOpen()) return
    clearInterval(timer)
    // The balance and the certificates changed with it.
    location.reload()
  }, lookEveryMs)
}

void start()
