import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { PersonError } from "../../../protocol/error.ts"
import { walletStyle } from "./style.ts"

/** A file that pages name with its version, so that browsers may keep it for ever. */
export interface Asset {
  body: string
  url: string
  type: string
}

function asset(path: string, body: string, type: string): Asset {
  const version = createHash("sha256").update(body).digest("hex").slice(0, 12)
  return { body, url: `${path}?v=${version}`, type: `${type}; charset=utf-8` }
}

/** What browsers run is bundled at build time, beside this file: `npm run build`. */
function script(name: string): Asset {
  const file = new URL(`./${name}.js`, import.meta.url)
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (cause) {
    throw new PersonError("What the wallet's pages run in a browser was not built.", {
      context: [file.pathname],
      next: "In a checkout: npm run build",
      cause,
    })
  }
  return asset(`/${name}.js`, text, "text/javascript")
}

/** @throws PersonError when the scripts were not built. */
export function walletAssets() {
  return {
    style: asset("/wallet.css", walletStyle, "text/css"),
    wallet: script("wallet"),
    login: script("login"),
  }
}

export type WalletAssets = ReturnType<typeof walletAssets>
