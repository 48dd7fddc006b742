import { randomBytes } from "node:crypto"
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pino } from "pino"
import t, { type Test } from "tap"
import { privateKeyToAccount } from "viem/accounts"
import { backupName } from "../../protocol/backup-file.ts"
import { backupChunkBytes } from "../../protocol/backup-request.ts"
import type { Hex } from "../../protocol/hex.ts"
import { createDeliveries, deliverNewest } from "../deliveries.ts"
import { KeeperProblem, keeperAt } from "./client.ts"
import { backupsAt, fetchBackup } from "./fetch.ts"
import { keeperRoutes } from "./routes.ts"
import { openShelf } from "./shelf.ts"

const log = pino({ level: "silent" })
const key: Hex = `0x${"11".repeat(32)}`
const strangersKey: Hex = `0x${"22".repeat(32)}`
const accountOf = (secret: Hex) => privateKeyToAccount(secret).address.toLowerCase() as Hex
const monday = 1_780_272_000
const day = 86_400

/** A gateway that keeps back-ups, and what another one sends to it. */
function aKeeper(t: Test, { keep = 2, eachMB = 2, freeBytes = 10e9 } = {}) {
  const directory = t.testdir({ kept: {}, own: {}, fetched: {} })
  const settings = { directory: join(directory, "kept"), for: [accountOf(key)], keep, eachMB }
  let seconds = 0
  let app = keeperRoutes(
    settings,
    () => seconds,
    log,
    openShelf(settings, () => freeBytes),
  )
  const requests: Request[] = []
  const fetcher = async (...args: Parameters<typeof fetch>) => {
    const request = new Request(...args)
    requests.push(request.clone())
    return app.fetch(request)
  }
  return {
    fetcher,
    requests,
    folder: join(settings.directory, accountOf(key)),
    client: (secret = key, over: typeof fetch = fetcher) =>
      keeperAt("http://keeper.example/", secret, { fetcher: over }),
    /** Writes a back-up of the site's own. @param made days after the first. */
    backup(made = 0, bytes = 2 * backupChunkBytes + 1000): string {
      const file = join(directory, "own", backupName(1, monday + made * day))
      writeFileSync(file, randomBytes(bytes))
      return file
    },
    fetched: join(directory, "fetched"),
    pass(more: number) {
      seconds += more
    },
    restart() {
      app = keeperRoutes(
        settings,
        () => seconds,
        log,
        openShelf(settings, () => freeBytes),
      )
    },
    request: (path: string, init?: RequestInit) => app.request(`http://keeper.example${path}`, init),
  }
}

const refusedWith = (pattern: RegExp) => ({ name: "KeeperProblem", message: pattern })
const never = async () => {
  throw new Error("it waits")
}

t.test("a back-up that was cut on its way goes on where it was, and comes back whole", async (t) => {
  const keeper = aKeeper(t)
  const file = keeper.backup()
  let pieces = 0
  const cut: typeof fetch = async (...args) => {
    if (new Request(...args).method === "PUT" && ++pieces > 2) throw new TypeError("fetch failed")
    return keeper.fetcher(...args)
  }
  await t.rejects(keeper.client(key, cut).deliver(file), refusedWith(/does not answer/))
  const client = keeper.client()
  t.match(await client.list(), { kept: [], part: { at: 2 * backupChunkBytes } })
  keeper.restart()
  keeper.requests.length = 0
  t.equal(await deliverNewest(client, [file]), true)
  t.equal(keeper.requests.filter(({ method }) => method === "PUT").length, 1, "only what lacked was sent")
  t.equal(await deliverNewest(client, [file]), false, "what is there is not sent again")

  let gets = 0
  const cutBack: typeof fetch = async (...args) => {
    if (String(args[0]).includes("length=") && ++gets === 2) throw new TypeError("fetch failed")
    return keeper.fetcher(...args)
  }
  const back = keeper.client(key, cutBack)
  const [there] = await backupsAt(back)
  await t.rejects(fetchBackup(back, there!, keeper.fetched, never), /it waits/)
  const whole = await fetchBackup(keeper.client(), there!, keeper.fetched, never)
  t.ok(readFileSync(whole).equals(readFileSync(file)))
})

t.test("a stranger is refused: nothing is taken from him, told to him or given out", async (t) => {
  const keeper = aKeeper(t)
  const file = keeper.backup()
  await keeper.client().deliver(file)
  const before = readdirSync(keeper.folder)
  const stranger = keeper.client(strangersKey)
  await t.rejects(stranger.list(), refusedWith(/answers 403: This gateway keeps no back-ups of yours/))
  await t.rejects(stranger.deliver(file), refusedWith(/403/))
  await t.rejects(stranger.piece(before[0]!, 0), refusedWith(/403/))

  const path = `/backups/${accountOf(key)}`
  const signed = keeper.requests.find(({ url, method }) => method === "GET" && url.endsWith(path))!
  const authorization = signed.headers.get("authorization")!
  const get = async (to: string, header?: string) =>
    (await keeper.request(to, header === undefined ? {} : { headers: { authorization: header } })).status
  t.equal(await get(path, authorization), 200, "what he heard on the line he may ask again, for some minutes")
  t.equal(await get(path), 401)
  t.equal(await get(path, "Basic b3BlcmF0b3I6eA=="), 401)
  t.equal(await get(`${path}/${before[0]}?from=0&length=9`, authorization), 403, "and for nothing else")
  t.equal(await get(`/backups/${accountOf(strangersKey)}`, authorization), 403)
  keeper.pass(601)
  t.equal(await get(path, authorization), 401)

  const put = keeper.requests.find(({ method }) => method === "PUT")!
  await keeper.client().list()
  const fresh = keeper.requests.at(-1)!.headers.get("authorization")!
  const forged = await keeper.request(new URL(put.url).pathname + new URL(put.url).search, {
    method: "PUT",
    headers: { authorization: fresh },
    body: "rubbish",
  })
  t.equal(forged.status, 403)
  for (const name of ["..%2F..%2Fsecret", "secret", "%2Fetc%2Fpasswd"])
    t.not(await get(`${path}/${name}?from=0&length=9`, fresh), 200, name)
  t.same(readdirSync(keeper.folder), before)
})

t.test("a name that leads elsewhere is none, also from who is known here", async (t) => {
  const keeper = aKeeper(t)
  for (const name of ["../../outside", "/etc/passwd", `${backupName(1, monday)}/../../../outside`])
    await t.rejects(keeper.client().piece(encodeURIComponent(name), 0), refusedWith(/answers 404/), name)
})

t.test("the newest are kept, and no more than was agreed", async (t) => {
  const keeper = aKeeper(t)
  const client = keeper.client()
  const files = [0, 1, 2].map((made) => keeper.backup(made, 1000))
  for (const file of files) await client.deliver(file)
  t.same(
    (await client.list()).kept.map(({ name }) => name),
    [2, 1].map((made) => backupName(1, monday + made * day)),
  )
  await t.rejects(
    client.deliver(keeper.backup(3, 2_000_001)),
    refusedWith(/answers 413: No back-up of more than 2 MB is kept here/),
  )
  t.equal((await client.list()).part, undefined, "not a byte of it")
  const full = aKeeper(t, { freeBytes: 400e6 })
  await t.rejects(full.client().deliver(full.backup()), refusedWith(/answers 507: There is no room left/))
})

t.test("a keeper that alters or loses a byte is found out", async (t) => {
  const keeper = aKeeper(t)
  const file = keeper.backup()
  await deliverNewest(keeper.client(), [file])
  const kept = join(keeper.folder, readdirSync(keeper.folder)[0]!)
  const bytes = readFileSync(kept)
  bytes[777]! ^= 1
  writeFileSync(kept, bytes)
  await t.rejects(deliverNewest(keeper.client(), [file]), refusedWith(/is not what it was sent/))
  appendFileSync(kept, "x")
  await t.rejects(deliverNewest(keeper.client(), [file]), refusedWith(/is not what it was sent/))

  const other = aKeeper(t)
  const second = other.backup(0, backupChunkBytes + 5)
  let piece = 0
  const altering: typeof fetch = async (...args) => {
    const request = new Request(...args)
    if (request.method !== "PUT" || ++piece !== 2) return other.fetcher(request)
    return other.fetcher(new Request(request.url, { method: "PUT", headers: request.headers, body: "other" }))
  }
  await t.rejects(
    other.client(key, altering).deliver(second),
    refusedWith(/What came is not what was signed/),
  )
  const part = join(other.folder, readdirSync(other.folder)[0]!)
  writeFileSync(part, randomBytes(backupChunkBytes))
  await t.rejects(other.client().deliver(second), refusedWith(/answers 422/), "a piece that rotted meanwhile")
  await other.client().deliver(second)
  t.equal(await other.client().has(second), true)
})

t.test("a keeper that answers nonsense, or without end, is no keeper", async (t) => {
  const file = aKeeper(t).backup()
  const challenge = "a-challenge-that-is-long-enough"
  const nonsense = [
    "{}",
    "[1,2,",
    new Uint8Array(2 * backupChunkBytes + 1),
    '{"kept":[],"at":0}',
    '{"kept":[],"at":999999999}',
  ]
  for (const answer of nonsense) {
    const liar: typeof fetch = async (url) =>
      new Response(String(url).endsWith("/challenge") ? challenge : answer)
    await t.rejects(keeperAt("http://liar.example", key, { fetcher: liar }).deliver(file), KeeperProblem)
  }
  const signed: string[] = []
  const forging: typeof fetch = async (url) => {
    signed.push(String(url))
    return new Response(`${challenge}\nPUT /backups/of-another\n${challenge}`)
  }
  await t.rejects(
    keeperAt("http://liar.example", key, { fetcher: forging }).list(),
    refusedWith(/is not a keeper's/),
    "nothing is signed but one word of the keeper's",
  )
  t.same(signed, ["http://liar.example/backups/challenge"])
  const none: typeof fetch = async () => new Response("not here", { status: 404 })
  const noKeeper = keeperAt("http://other.example", key, { fetcher: none })
  await t.rejects(backupsAt(noKeeper), { name: "PersonError", context: [/it keeps no back-ups of others/] })
})

t.test(
  "what was begun is brought to its end before the newest, so that a slow line brings one whole",
  async (t) => {
    const keeper = aKeeper(t)
    const [first, second] = [keeper.backup(0), keeper.backup(1)]
    let pieces = 0
    const cut: typeof fetch = async (...args) => {
      if (new Request(...args).method === "PUT" && ++pieces > 1) throw new TypeError("fetch failed")
      return keeper.fetcher(...args)
    }
    await t.rejects(deliverNewest(keeper.client(key, cut), [first]), KeeperProblem)
    await deliverNewest(keeper.client(), [second, first])
    t.same(
      (await keeper.client().list()).kept.map(({ name }) => name),
      [backupName(1, monday + day), backupName(1, monday)],
    )
  },
)

t.test(
  "a gateway that cannot bring its back-up says so, asks again, and says when it is there",
  async (t) => {
    const directory = t.testdir({ own: {} })
    writeFileSync(join(directory, "own", backupName(1, monday)), "a back-up")
    const backup = {
      directory: join(directory, "own"),
      recipients: [],
      to: ["http://127.0.0.1:1"],
      everyHours: 24,
      keep: 7,
    }
    let now = monday
    const told: unknown[] = []
    const stopping = new AbortController()
    const deliveries = createDeliveries({
      config: { backup, site: 1 },
      siteKey: key,
      now: () => now,
      stopping: stopping.signal,
      log: { info: () => {}, error: (what: unknown) => void told.push(what) },
    })
    t.match(deliveries.status, [{ newest: undefined, problem: undefined }])
    for (let n = 0; n < 3; n++) {
      await deliveries.look()
      now += 60
    }
    t.match(deliveries.status, [{ newest: 0, problem: /does not answer/, refused: false }])
    t.equal(told.length, 1)
    t.notOk(existsSync(join(directory, "kept")))
  },
)
