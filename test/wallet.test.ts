import { execFileSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import pino from "pino"
import { type BrowserContext, chromium, type Page } from "playwright-core"
import t from "tap"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { connectRelayChain } from "../gateway/relay/chain.ts"
import { createRelay } from "../gateway/relay/relay.ts"
import { letHouseholdsIn } from "../gateway/web/households.ts"
import { invitationsFile, keepInvitation, newInvitation } from "../gateway/web/invitations.ts"
import { startWeb } from "../gateway/web/server.ts"
import { openSessions } from "../gateway/web/session/store.ts"
import { openVillage } from "../gateway/web/village.test.support.ts"
import { accountOf, wordsOf } from "../gateway/web/wallet/account.ts"
import { checksumAddress } from "../protocol/address.ts"
import type { Hex } from "../protocol/hex.ts"
import { startTokenChain } from "./token-chain.ts"

const executablePath = "/usr/bin/chromium"
const quiet = ["background-networking", "component-update", "sync"].map((what) => `--disable-${what}`)
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", ...quiet]
const skip = existsSync(executablePath) ? false : `there is no ${executablePath}`
const pictures = process.env.WALLET_PICTURES

/** A village whose first household has a key, GREEN on a real chain, and a gateway that carries what it signs. */
async function startGateway() {
  const chain = await startTokenChain()
  const village = openVillage()
  const { config, journal, balances } = village
  const [home, other] = [config.households[0]!, config.households[1]!]
  const entropy = new Uint8Array(16).fill(7)
  home.address = accountOf(entropy).address
  await chain.mint(home.address, 20_000n)
  const keyFile = join(config.dataDir, "relay.key")
  const key = generatePrivateKey()
  writeFileSync(keyFile, key)
  await chain.client.setBalance({ address: privateKeyToAccount(key).address, value: 10n ** 18n })
  const now = () => Math.floor(Date.now() / 1000)
  const log = pino({ level: "silent" })
  const relay = createRelay({
    journal,
    chain: connectRelayChain({ rpc: chain.rpc, ...chain.at }, keyFile),
    at: chain.at,
    settings: { perDay: 20, allPerDay: 50, confirmations: 0 },
    now,
    log,
  })
  const sessions = openSessions(config.dataDir, now)
  const advance = async () => {
    await relay.advance()
    // A node may take its time to mine, and the picture comes after it.
    while (
      journal.relays.sent().length > 0 ||
      journal.relays.unsettled().some(({ intent }) => intent.kind === "retire")
    )
      await relay.advance()
    for (const { address } of [home, other]) balances.set(address, await chain.balanceOf(address))
  }
  await advance()
  const wallet = { sessions, relay, now, monotonic: () => performance.now() / 1000, log }
  const { session, addRoutes } = letHouseholdsIn(village.context, wallet)
  const web = await startWeb(village.context, config.web, log, session, addRoutes)
  return {
    ...village,
    chain,
    home: home.address,
    other: other.address,
    words: wordsOf(entropy),
    sessions,
    advance,
    /** WebAuthn wants a name, and no address of numbers. */
    url: `http://localhost:${web.port}`,
    invite(household: Hex): string {
      const { token, entry } = newInvitation(household, now() + 3600)
      keepInvitation(invitationsFile(config.dataDir), entry)
      return token
    },
    async stop() {
      await web.close()
      sessions.close()
      village.close()
      await chain.stop()
    },
  }
}

t.test("a household's way in a real browser", { skip }, async (t) => {
  if (!existsSync("dist/gateway/web/wallet/wallet.js"))
    execFileSync(process.execPath, ["dist/gateway/web/wallet/bundle.js"])
  const gateway = await startGateway()
  t.teardown(() => gateway.stop())
  const { url } = gateway
  const browser = await chromium.launch({ executablePath, args })
  t.teardown(() => browser.close())
  const complaints: string[] = []
  const phone = async (javaScriptEnabled = true): Promise<{ context: BrowserContext; page: Page }> => {
    const context = await browser.newContext({ javaScriptEnabled, viewport: { width: 360, height: 740 } })
    const page = await context.newPage()
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(error.message))
    return { context, page }
  }
  let pictured = 0
  const look = async (page: Page, name: string) => {
    const widest = Number(await page.evaluate("document.documentElement.scrollWidth"))
    t.ok(widest <= 360, `${name}: nothing is wider than the screen (${widest})`)
    if (pictures) await page.screenshot({ path: join(pictures, `${++pictured}-${name}.png`), fullPage: true })
  }
  const { context, page } = await phone()

  t.test("a key is made before anybody is registered, and its words are checked", async (t) => {
    await page.goto(`${url}/wallet/key`)
    await page.getByRole("button", { name: "Make a new key" }).waitFor()
    await look(page, "no-key")
    await page.getByRole("button", { name: "Make a new key" }).click()
    const words = await page.locator("#words li").allTextContents()
    t.equal(words.length, 12)
    await look(page, "words")
    await page.getByRole("button", { name: "I wrote them down" }).click()
    const fields = await page.locator("#questions input").all()
    for (const field of fields) await field.fill("wrong")
    await page.fill("#new-passphrase", "sun on the roof")
    await page.fill("#new-again", "sun on the roof")
    await page.locator("#check-form button").click()
    await page.getByText(/Word number \d+ is another one/).waitFor()
    await look(page, "words-check")
    for (const field of fields) await field.fill(words[Number(await field.getAttribute("data-place"))]!)
    await page.locator("#check-form button").click()
    await page.getByText("locked by your passphrase").waitFor()
    t.match(await page.textContent("#address"), /^0x[0-9a-fA-F]{40}$/)
    t.match(await page.textContent("#code"), /^\d{3} \d{3}$/)
    t.notOk((await page.content()).includes(words.join(" ")))
    await look(page, "key-made")
    page.once("dialog", (dialog) => dialog.accept())
    await page.getByRole("button", { name: "Remove the key" }).click()
    await page.getByRole("button", { name: "Restore a key" }).waitFor()
  })

  t.test("an invitation lets a device in, once", async (t) => {
    const token = gateway.invite(gateway.home)
    await page.goto(`${url}/join#${token}`)
    t.equal(await page.inputValue("#invitation"), token)
    t.notOk(page.url().includes(token), "and it is gone from the address")
    await look(page, "join")
    await page.getByRole("button", { name: "Let this device in" }).click()
    await page.waitForURL(/\/home$/)
    const { page: second, context } = await phone()
    await second.goto(`${url}/join#${token}`)
    await second.getByRole("button", { name: "Let this device in" }).click()
    await second.getByText("does not let anybody in").waitFor()
    await look(second, "join-refused")
    await context.close()
  })

  t.test("a key is restored from its words on a new phone", async (t) => {
    await page.goto(`${url}/wallet`)
    t.match(await page.textContent("main"), /20\.000/)
    await look(page, "wallet-empty")
    await page.goto(`${url}/wallet/send`)
    await page.getByText("This device has no key").waitFor()
    await page.goto(`${url}/wallet/key`)
    await page.getByRole("button", { name: "Restore a key" }).click()
    await page.fill("#restore-words", "abandon ability sunn")
    await page.fill("#restore-passphrase", "sun on the roof")
    await page.fill("#restore-again", "sun on the roof")
    await page.locator("#restore-form button").click()
    await page.getByText("“sunn” is not in the list").waitFor()
    await page.fill("#restore-words", gateway.words.join("  ").toUpperCase())
    await page.locator("#restore-form button").click()
    await page.getByText("This is your household's account").waitFor()
    t.equal(await page.textContent("#address"), checksumAddress(gateway.home))
    await look(page, "key-restored")
  })

  t.test("a neighbour's request is paid", async (t) => {
    const { page: neighbour, context: theirs } = await phone(false)
    await neighbour.goto(`${url}/join`)
    await neighbour.fill("#invitation", `${url}/join#${gateway.invite(gateway.other)}`)
    await neighbour.getByRole("button", { name: "Let this device in" }).click()
    await neighbour.goto(`${url}/wallet/request?amount=3.214`)
    const link = (await neighbour.locator("#link").inputValue()).trim()
    t.match(link, /^ethereum:0x[0-9a-fA-F]{40}@31337\/transfer\?address=0x[0-9a-fA-F]{40}&uint256=3214$/)
    t.ok(await neighbour.getByRole("img", { name: /QR code/ }).isVisible(), "all of it without JavaScript")
    await look(neighbour, "request-without-javascript")

    await page.goto(`${url}/wallet/send?to=${encodeURIComponent(link)}`)
    t.equal(await page.inputValue("#amount"), "3.214")
    await look(page, "send")
    await page.getByRole("button", { name: "Go on" }).click()
    const summary = await page.textContent("#summary")
    t.ok(summary?.includes("You send 3.214 GREEN to"), summary ?? "")
    t.ok(summary?.includes(checksumAddress(gateway.other)))
    t.ok(summary?.includes("belongs to your community"))
    await look(page, "send-summary")
    await page.fill("#passphrase", "not the passphrase")
    await page.getByRole("button", { name: "Sign and send" }).click()
    await page.getByText("not the passphrase of this key").waitFor()
    await page.fill("#passphrase", "sun on the roof")
    await page.getByRole("button", { name: "Sign and send" }).click()
    await page.getByText("Handed in").waitFor()
    await page.goto(`${url}/wallet`)
    t.match(await page.textContent("#moves"), /3\.214 GREEN to 0x.*waiting/s)
    await look(page, "wallet-pending")
    await gateway.advance()
    await page.locator('[data-state="done"]').waitFor()
    t.equal(await gateway.chain.balanceOf(gateway.other), 3_214n)
    await neighbour.goto(`${url}/wallet`)
    t.match(await neighbour.textContent("main"), /Received from neighbours.*3\.214 GREEN from/s)
    await look(neighbour, "wallet-of-the-neighbour")
    await neighbour.goto(`${url}/wallet/send`)
    t.ok(await neighbour.getByText("Sending and retiring need JavaScript").isVisible())
    await theirs.close()
  })

  t.test("retiring leaves a certificate to show", async (t) => {
    await page.goto(`${url}/wallet/retire`)
    await page.fill("#beneficiary", "The school of Mill Lane")
    await page.fill("#reason", "Its summer festival")
    await page.fill("#amount", "99")
    await page.getByRole("button", { name: "Go on" }).click()
    await page.getByText("16.786 GREEN can be sent").first().waitFor()
    await page.fill("#amount", "1.5")
    await page.getByRole("button", { name: "Go on" }).click()
    t.match(await page.textContent("#summary"), /You retire 1\.500 GREEN for good.*The school of Mill Lane/s)
    await look(page, "retire-summary")
    await page.fill("#passphrase", "sun on the roof")
    await page.getByRole("button", { name: "Sign and retire" }).click()
    await page.getByText("Handed in").waitFor()
    await gateway.advance()
    await gateway.advance()
    await page.goto(`${url}/wallet`)
    await page.getByRole("link", { name: "Certificate 1" }).first().click()
    await page.getByText("Its summer festival").first().waitFor()
    await page.locator("img.certificate").evaluate("(image) => image.decode()")
    await look(page, "certificate")
    const link = await page.inputValue("#link")
    const { page: guest, context } = await phone(false)
    await guest.goto(link)
    t.ok(await guest.getByText("Its summer festival").first().isVisible(), "who has the link sees all of it")
    await guest.goto(link.replace(/\?.*/, ""))
    t.notOk((await guest.content()).includes("festival"), "who has not sees what the chain shows")
    t.match(await guest.textContent("main"), /1\.500 kWh/)
    await context.close()
  })

  t.test("a passkey lets the device in again after it was logged out", async (t) => {
    const cdp = await context.newCDPSession(page)
    await cdp.send("WebAuthn.enable")
    await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    await page.goto(`${url}/devices`)
    await page.getByRole("button", { name: "Add a passkey" }).click()
    await page.getByRole("button", { name: /^Remove/ }).waitFor()
    await look(page, "devices")
    await page.locator(".leave").getByRole("button", { name: "Log out" }).click()
    await page.getByRole("heading", { name: "This device is logged out" }).waitFor()
    await page.goto(`${url}/wallet`)
    await page.waitForURL(/\/log-in$/)
    await look(page, "login")
    await page.getByRole("button", { name: "Log in with a passkey" }).click()
    await page.waitForURL(/\/home$/)
    await page.goto(`${url}/wallet`)
    t.match(await page.textContent("main"), /15\.286/)
    await look(page, "wallet")
  })

  t.same(
    complaints.filter((text) => !/404|403/.test(text)),
    [],
    "and the browser has nothing to complain about",
  )
})
