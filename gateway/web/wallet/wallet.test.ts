import pino from "pino"
import t, { type Test } from "tap"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { accountWish } from "../../../protocol/account-wish.ts"
import { claimHash, claimText } from "../../../protocol/claim.ts"
import type { Hex } from "../../../protocol/hex.ts"
import { type Intent, typedDataDigest, typedDataOf } from "../../../protocol/intent.ts"
import type { RelayChain } from "../../relay/chain.ts"
import { createRelay } from "../../relay/relay.ts"
import { openDoor } from "../session/door.test.support.ts"
import { languageCodes } from "../words/languages.ts"

const at = { chainId: 31_337, oracle: `0x${"0".repeat(40)}` as Hex }
const contracts = {
  chainId: 31_337,
  token: `0x${"c1".repeat(20)}` as Hex,
  retirements: `0x${"c2".repeat(20)}` as Hex,
}
const now = 1_800_000_000

/** A chain that cannot be reached: all that is decided without it is decided by these pages. */
const away = new Proxy({} as RelayChain, { get: () => () => Promise.reject(new Error("the line is down")) })

/** Two households with keys of their own, logged in; the chain was seen once and is away. */
async function open(t: Test, limits: { perDay?: number; allPerDay?: number } = {}) {
  const keys = [privateKeyToAccount(generatePrivateKey()), privateKeyToAccount(generatePrivateKey())] as const
  const [first, second] = keys.map(({ address }) => address.toLowerCase() as Hex) as [Hex, Hex]
  const settings = { perDay: 20, allPerDay: 100, confirmations: 0, ...limits }
  const log = pino({ level: "silent" })
  const door = openDoor({
    addresses: [first, second],
    relay: (journal) => createRelay({ journal, chain: away, at, settings, now: () => now, log }),
  })
  const { journal } = door
  journal.relays.putContracts(at.chainId, at.oracle, contracts)
  t.teardown(() => door.end())
  door.balances.set(first, 5_000n)
  door.balances.set(second, 5_000n)
  const [mine, theirs] = [await door.loggedIn(first), await door.loggedIn(second)]
  const csrf = await mine.csrf()

  const signed = async (
    over: Partial<Intent> = {},
    key = keys[0],
    signedFor: Partial<typeof contracts> = {},
  ) => {
    const nonce = `${generatePrivateKey().slice(0, 50)}${"0".repeat(16)}` as Hex
    const intent = {
      kind: "send",
      from: first,
      to: second,
      wh: 1_000n,
      until: now + 86_400,
      nonce,
      ...over,
    } as Intent
    const hash = typedDataDigest(typedDataOf(intent, { ...contracts, ...signedFor }))
    return { intent: { ...intent, wh: intent.wh.toString() }, signature: await key.sign({ hash }) }
  }
  const handIn = async (body: unknown) => {
    const answer = await mine.json("/wallet/intents", body, { "x-csrf-token": csrf })
    return { status: answer.status, said: JSON.stringify(await answer.json()) }
  }
  return { door, journal, first, second, keys, mine, theirs, csrf, signed, handIn }
}

t.test(
  "what a household signs is taken, waits while the chain is away, and is shown as waiting",
  async (t) => {
    const { mine, signed, handIn } = await open(t)
    const body = await signed()
    t.equal((await handIn(body)).status, 202)
    t.equal((await handIn(body)).status, 202, "the same again is the same")
    const page = await (await mine.ask("/wallet/list")).text()
    t.equal(page.match(/data-state="queued"/g)?.length, 1)
    t.match(page, /1\.000 GREEN to 0x/)
    t.match(await (await mine.ask("/wallet")).text(), /1\.000 of it are on their way/)
  },
)

t.test(
  "nothing is carried but what the household itself signed, for this chain and these contracts",
  async (t) => {
    const { first, second, keys, signed, handIn, journal } = await open(t)
    const good = await signed()
    const wrong: [string, unknown, RegExp][] = [
      [
        "a neighbour's GREEN, signed by him",
        await signed({ from: second, to: first }, keys[1]),
        /another account than your/,
      ],
      ["its own, signed by a neighbour", await signed({}, keys[1]), /not by your household/],
      ["another chain", await signed({}, keys[0], { chainId: 1 }), /not by your household/],
      ["another token", await signed({}, keys[0], { token: second }), /not by your household/],
      [
        "another amount than was signed",
        { ...good, intent: { ...good.intent, wh: "1001" } },
        /not by your household/,
      ],
      [
        "another receiver than was signed",
        { ...good, intent: { ...good.intent, to: `0x${"9".repeat(40)}` } },
        /not by your household/,
      ],
      ["more than there is", await signed({ wh: 5_001n }), /less GREEN/],
      ["to itself", await signed({ to: first }), /to yourself/],
      ["to the token's own contract", await signed({ to: contracts.token }), /address of a contract/],
      ["to nobody", await signed({ to: `0x${"0".repeat(40)}` }), /nobody/],
      ["one that is void", await signed({ until: now - 1 }), /void/],
      ["one that is void in a moment", await signed({ until: now + 60 }), /void/],
      ["one that is valid for a year", await signed({ until: now + 365 * 86_400 }), /31 days/],
      ["a nonce in a sequence", await signed({ nonce: `0x${"1".repeat(64)}` }), /nonce/],
      [
        "a retirement without its text",
        await signed({ kind: "retire", statement: `0x${"1".repeat(64)}` } as Partial<Intent>),
        /text of the claim/,
      ],
    ]
    for (const [what, body, why] of wrong) {
      const { status, said } = await handIn(body)
      t.equal(status, 422, what)
      t.match(said, why, what)
    }
    const shapeless = [
      null,
      [],
      {},
      { ...good, more: 1 },
      { ...good, intent: { ...good.intent, wh: 5 } },
      { ...good, intent: { ...good.intent, wh: "-5" } },
      { ...good, intent: { ...good.intent, wh: "0x5" } },
      { ...good, intent: { ...good.intent, kind: "mint" } },
      { ...good, signature: "0x" },
    ]
    for (const body of shapeless) t.equal((await handIn(body)).status, 400, JSON.stringify(body))
    t.same(journal.relays.of(first, 99), [], "and nothing of it was kept")
  },
)

t.test("what is on its way is not spent twice", async (t) => {
  const { signed, handIn } = await open(t)
  t.equal((await handIn(await signed({ wh: 3_000n }))).status, 202)
  t.match(await handIn(await signed({ wh: 2_001n })), { status: 422, said: /2\.000 are there/ })
  t.equal((await handIn(await signed({ wh: 2_000n }))).status, 202)
})

t.test(
  "why something is not taken is said in the household's language, whichever of the eight it is",
  async (t) => {
    const { mine, signed, csrf, first } = await open(t)
    const mistakes = [await signed({ to: first }), await signed({ wh: 5_001n }), await signed({ until: now })]
    for (const body of mistakes) {
      const said = new Set<string>()
      for (const language of languageCodes) {
        const headers = { "x-csrf-token": csrf, "accept-language": language }
        const { error } = (await (await mine.json("/wallet/intents", body, headers)).json()) as {
          error: string
        }
        t.notMatch(error, /[{}]|undefined/)
        said.add(error)
      }
      t.equal(said.size, languageCodes.length)
    }
  },
)

t.test("a nonce serves once", async (t) => {
  const { signed, handIn } = await open(t)
  const nonce = `0x${"7".repeat(48)}${"0".repeat(16)}` as Hex
  t.equal((await handIn(await signed({ nonce }))).status, 202)
  t.equal((await handIn(await signed({ nonce, wh: 2n }))).status, 409)
})

t.test("a household cannot use up the gas of all", async (t) => {
  const { signed, handIn } = await open(t, { perDay: 2 })
  for (const status of [202, 202, 422]) t.equal((await handIn(await signed({ wh: 1n }))).status, status)
  const all = await open(t, { allPerDay: 1 })
  for (const status of [202, 422]) t.equal((await all.handIn(await all.signed({ wh: 1n }))).status, status)
})

t.test("a household sees its own, and of a neighbour's nothing", async (t) => {
  const { door, mine, theirs, signed, handIn, journal, first } = await open(t)
  const claim = claimText({ beneficiary: "Aunt Mabel", reason: "her birthday", salt: "ab".repeat(16) })
  await handIn({
    ...(await signed({ kind: "retire", wh: 2n, statement: claimHash(claim) } as Partial<Intent>)),
    claim,
  })
  await handIn(await signed({ wh: 777n, to: `0x${"9".repeat(40)}` }))
  const [, retirement] = journal.relays.of(first, 9)
  journal.relays.setDone(retirement!.id, `0x${"1".repeat(64)}`, 1n, 41n)
  journal.relays.setPicture(retirement!.id, "<svg xmlns='http://www.w3.org/2000/svg'/>")
  const paths = [
    "/wallet",
    "/wallet/list",
    "/wallet/key",
    "/wallet/send",
    "/wallet/retire",
    "/wallet/request",
    "/devices",
    "/certificate/41",
    "/certificate/41?key=",
    `/certificate/41?key=${"0".repeat(32)}`,
  ]
  for (const path of paths) {
    const text = await (await theirs.ask(path)).text()
    t.notMatch(text, /Mabel|birthday|0\.777/, path)
  }
  t.match(await (await mine.ask("/certificate/41")).text(), /Aunt Mabel.*her birthday/s)
  t.match(
    await (await door.device().ask(`/certificate/41?key=${"ab".repeat(16)}`)).text(),
    /Aunt Mabel/,
    "who has the link reads it",
  )
  const picture = await theirs.ask("/certificate/41.svg")
  t.equal(picture.headers.get("content-type"), "image/svg+xml")
  t.match(picture.headers.get("content-security-policy"), /script-src 'self'/, "a picture runs no script")
  for (const path of ["/certificate/42", "/certificate/42.svg", "/certificate/999999999999999999999"])
    t.equal((await mine.ask(path)).status, 404, path)
})

t.test("who is not logged in sees no wallet and hands in nothing", async (t) => {
  const { door, signed, first } = await open(t)
  const stranger = door.device()
  for (const path of ["/wallet", "/wallet/send", "/wallet/retire", "/wallet/request", "/devices"])
    t.equal((await stranger.ask(path)).headers.get("location"), "/log-in", path)
  t.equal((await stranger.ask("/wallet/list")).status, 401)
  t.equal((await stranger.json("/wallet/intents", await signed())).status, 401)
  t.equal((await stranger.json("/wallet/wish", {})).status, 401)
  t.notOk((await (await stranger.ask("/wallet/key")).text()).includes(first), "nor who is of the community")
})

t.test("another account is wished for by who has its key, and nobody's account is taken", async (t) => {
  const { door, mine, csrf, first, second, keys } = await open(t)
  const key = privateKeyToAccount(generatePrivateKey())
  const account = key.address.toLowerCase() as Hex
  const wish = async (account: Hex, signer = key, household = first) => {
    const signature = await signer.signMessage({ message: accountWish(door.config.site, household, account) })
    return (await mine.json("/wallet/wish", { account, signature }, { "x-csrf-token": csrf })).status
  }
  t.equal(await wish(account, keys[1]), 422)
  t.equal(await wish(account, key, second), 422, "a wish that was signed for another household")
  t.equal(await wish(second, keys[1]), 409, "a neighbour's account")
  t.same(door.sessions.wishes(), [])
  t.equal(await wish(account), 202)
  t.match(door.sessions.wishes(), [{ household: first, account }])
})

t.test("no page is kept by a cache, and none lets a script in that is not a file of ours", async (t) => {
  const { mine } = await open(t)
  for (const path of [
    "/wallet",
    "/wallet/key",
    "/wallet/send",
    "/wallet/retire",
    "/wallet/request?amount=1",
    "/devices",
    "/join",
    "/log-in",
  ]) {
    const answer = await mine.ask(path)
    if (answer.status === 302) continue
    t.equal(answer.headers.get("cache-control"), "no-store", path)
    t.match(answer.headers.get("content-security-policy"), /script-src 'self';/, path)
    const text = await answer.text()
    t.notMatch(text, /<script(?![^>]* src=)/, path)
    t.notMatch(text, /\son\w+=|style="/, path)
  }
})

t.test("what a page is filled with is text and never markup", async (t) => {
  const { mine } = await open(t)
  const hostile = `"><script>alert(1)</script>`
  for (const path of [
    `/wallet/send?to=${encodeURIComponent(hostile)}&amount=${encodeURIComponent(hostile)}`,
    `/wallet/request?amount=${encodeURIComponent(hostile)}`,
  ])
    t.notMatch(await (await mine.ask(path)).text(), /<script>alert/)
})
