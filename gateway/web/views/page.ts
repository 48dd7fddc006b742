import type { Part } from "../screen.ts"
import { type Html, html, raw } from "./html.ts"

export interface PageOptions {
  name: string
  /** The markup of each part, as rendered. */
  parts: ReadonlyMap<Part, string>
  /** Where style and script are, with their versions. */
  styleUrl: string
  scriptUrl: string
  /** Where the operator made the page listen. */
  host: string
}

/** How often a page without JavaScript loads itself anew, seconds. */
const refreshSeconds = 30

/** The whole page around its parts. */
export function pageView({ name, parts, styleUrl, scriptUrl, host }: PageOptions): Html {
  const part = (id: Part) => raw(parts.get(id) ?? "")
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name} · Commonwatt</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${styleUrl}">
<script src="${scriptUrl}" defer></script>
<noscript><meta http-equiv="refresh" content="${refreshSeconds}"></noscript>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header>
<div class="title"><img src="/icon.svg" alt="" width="40" height="40"><h1>${name}</h1></div>
<div data-part="heading">${part("heading")}</div>
<p class="updates" id="updates" hidden><button type="button" id="pause">Pause updates</button> <span id="updates-state" role="status"></span></p>
</header>
<main id="main" tabindex="-1">
<section aria-labelledby="now-title" data-part="now">${part("now")}</section>
<section aria-labelledby="today-title" data-part="today">${part("today")}</section>
<section aria-labelledby="batches-title" data-part="batches">${part("batches")}</section>
<section aria-labelledby="quarantine-title" data-part="quarantine">${part("quarantine")}</section>
</main>
<footer>
<p>On chain and for everyone: what each meter generated, the batches' roots and who signed them. In the evidence: generation in the open, what a home uses sealed to the community's auditors and to the home itself.</p>
<p>This page shows every home's energy. It is meant for the operator's own network and listens at ${addressOf(host)}; who reaches that can read it.</p>
<ul><li><a href="/api/status">Status for scripts</a></li><li><a href="/metrics">Metrics for Prometheus</a></li></ul>
</footer>
</body>
</html>
`
}

function addressOf(host: string): Html | string {
  return host === "0.0.0.0" || host === "::" ? "every address of this machine" : html`<code>${host}</code>`
}
