import { type Html, html } from "../../views/html.ts"
import type { Tongue } from "../words.ts"

/** The key on this device: everything here happens in the browser; the gateway learns the address alone. */
export function keyView({ words }: Tongue): Html {
  const passphrases = (prefix: string) => html`<p class="note">${words.passphraseLead}</p>
<label>${words.passphraseNew}<input id="${prefix}-passphrase" type="password" autocomplete="new-password" minlength="10"></label>
<label>${words.passphraseAgain}<input id="${prefix}-again" type="password" autocomplete="new-password"></label>`
  return html`<p class="error" data-no-script>${words.noScriptKey}</p>
<p>${words.keyLead}</p>
<p class="error" id="not-secure" role="alert" hidden>${words.keyNotSecure}</p>
<p class="error" id="trouble" role="alert" hidden></p>
<p class="good" id="good" role="status" tabindex="-1" hidden></p>

<section id="have" hidden>
<h2 id="have-title" data-external="${words.keyExternal}">${words.keyHere}</h2>
<p class="address" id="address"></p>
<p id="matches" class="good" hidden>${words.keyMatches}</p>
<div id="differs" class="stack" hidden><p id="differs-text"></p>
<button class="main" type="button" id="wish">${words.keyWish}</button></div>
<p id="unregistered" hidden>${words.keyNotLoggedIn}</p>
<div><h3>${words.keyCode}</h3><p class="code" id="code"></p><p class="note">${words.keyCodeLead}</p></div>
<form id="show" autocomplete="off"><label>${words.passphrase}<input id="show-passphrase" type="password" autocomplete="current-password"></label><button type="submit">${words.keyShow}</button></form>
<div id="shown" hidden><ol class="words" id="shown-words"></ol></div>
<button type="button" id="forget" data-sure="${words.keyForgetSure}">${words.keyForget}</button>
</section>

<section id="none" hidden>
<h2>${words.keyNone}</h2>
<div class="stack"><button class="main" type="button" id="make">${words.keyMake}</button>
<button type="button" id="restore">${words.keyRestore}</button>
<button type="button" id="external" hidden>${words.keyWallet}</button></div>
</section>

<section id="write" hidden>
<h2>${words.wordsTitle}</h2><p>${words.wordsLead}</p>
<ol class="words" id="words"></ol>
<button class="main" type="button" id="written">${words.wordsWritten}</button>
</section>

<section id="check" hidden>
<form id="check-form" autocomplete="off"><div class="stack" id="questions"></div>
${passphrases("new")}
<button class="main" type="submit">${words.keyMake}</button></form>
</section>

<section id="restoring" hidden>
<form id="restore-form" autocomplete="off"><label>${words.wordsField}<textarea id="restore-words" rows="3" autocapitalize="none" spellcheck="false"></textarea></label>
${passphrases("restore")}
<button class="main" type="submit">${words.keyRestore}</button></form>
</section>`
}
