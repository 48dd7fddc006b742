import { complain, element, forgetNoScript, post } from "./page.ts"

/** Browsers bind passkeys to names, and not to addresses of numbers. */
const canUsePasskeys =
  isSecureContext &&
  "credentials" in navigator &&
  "PublicKeyCredential" in window &&
  /[a-z]/i.test(location.hostname) &&
  !location.hostname.includes(":")

const toText = (buffer: ArrayBuffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "")
const fromText = (text: string) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0))

/** An invitation stands behind the # of its link, where no server's log sees it. */
function takeInvitation(): void {
  const field = document.getElementById("invitation") as HTMLInputElement | null
  if (!field || location.hash.length < 2) return
  field.value = location.hash.slice(1)
  history.replaceState(null, "", location.pathname)
  document.querySelector<HTMLButtonElement>("#join button")?.focus()
}

async function offerLogin(button: HTMLElement): Promise<void> {
  button.hidden = false
  button.addEventListener("click", async () => {
    complain(undefined)
    const asked = await post("/log-in/challenge", {}, "")
    if (!asked?.ok) return complain(String(asked?.answer.error ?? button.dataset.failed))
    const { challenge, rpId } = asked.answer as { challenge: string; rpId: string }
    const credential = (await navigator.credentials
      .get({ publicKey: { challenge: fromText(challenge), rpId, userVerification: "required" } })
      .catch(() => null)) as PublicKeyCredential | null
    if (!credential) return complain(button.dataset.failed)
    const { clientDataJSON, authenticatorData, signature } =
      credential.response as AuthenticatorAssertionResponse
    const sent = await post(
      "/log-in/passkey",
      {
        challenge,
        id: toText(credential.rawId),
        clientDataJSON: toText(clientDataJSON),
        authenticatorData: toText(authenticatorData),
        signature: toText(signature),
      },
      "",
    )
    if (!sent?.ok) return complain(String(sent?.answer.error ?? button.dataset.failed))
    location.assign(String(sent.answer.next))
  })
}

async function offerPasskey(button: HTMLElement): Promise<void> {
  const csrf = button.dataset.csrf ?? ""
  button.hidden = false
  button.addEventListener("click", async () => {
    complain(undefined)
    const asked = await post("/passkeys/challenge", {}, csrf)
    if (!asked?.ok) return complain(String(asked?.answer.error ?? button.dataset.failed))
    const { challenge, rp, user, algorithms, known } = asked.answer as {
      challenge: string
      rp: { id: string; name: string }
      user: { id: string; name: string }
      algorithms: number[]
      known: string[]
    }
    const credential = (await navigator.credentials
      .create({
        publicKey: {
          challenge: fromText(challenge),
          rp,
          user: { id: fromText(user.id), name: user.name, displayName: user.name },
          pubKeyCredParams: algorithms.map((alg) => ({ type: "public-key", alg })),
          excludeCredentials: known.map((id) => ({ type: "public-key", id: fromText(id) })),
          authenticatorSelection: { residentKey: "required", userVerification: "required" },
          attestation: "none",
        },
      })
      .catch(() => null)) as PublicKeyCredential | null
    if (!credential) return complain(button.dataset.failed)
    const { clientDataJSON, attestationObject } = credential.response as AuthenticatorAttestationResponse
    const sent = await post(
      "/passkeys",
      { challenge, clientDataJSON: toText(clientDataJSON), attestationObject: toText(attestationObject) },
      csrf,
    )
    if (!sent?.ok) return complain(String(sent?.answer.error ?? button.dataset.failed))
    location.reload()
  })
}

forgetNoScript()
takeInvitation()
const login = document.getElementById("passkey")
const add = document.getElementById("passkey-add")
if (!canUsePasskeys && (login ?? add)) element("passkey-not-here").hidden = false
else if (login) void offerLogin(login)
else if (add) void offerPasskey(add)
