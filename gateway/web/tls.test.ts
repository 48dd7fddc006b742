import { readFileSync } from "node:fs"
import { request } from "node:https"
import { pino } from "pino"
import t from "tap"
import { issuer, lacking } from "../sources/mqtt/certificates.test.support.ts"
import { letHouseholdsIn } from "./households.ts"
import { invitationsFile, keepInvitation, newInvitation } from "./invitations.ts"
import { startWeb } from "./server.ts"
import { openSessions } from "./session/store.ts"
import { openVillage } from "./village.test.support.ts"

const log = pino({ level: "silent" })

t.test("over TLS the cookie is bound to this host and to HTTPS", { skip: lacking("openssl") }, async (t) => {
  const village = openVillage()
  const { config, context } = village
  const now = () => 1_800_000_000
  const sessions = openSessions(config.dataDir, now)
  const authority = issuer(config.dataDir, "house")
  const pair = authority.issue("localhost", { server: true })
  const { session, addRoutes } = letHouseholdsIn(context, {
    sessions,
    relay: undefined,
    now,
    monotonic: now,
    log,
  })
  const web = await startWeb(context, { ...config.web, tls: { port: 0, ...pair } }, log, session, addRoutes)
  t.teardown(async () => {
    await web.close()
    sessions.close()
    village.close()
  })
  const { token, entry } = newInvitation(config.households[0]!.address, now() + 60)
  keepInvitation(invitationsFile(config.dataDir), entry)
  const ca = readFileSync(authority.certFile)

  const ask = (method: string, path: string, headers: Record<string, string> = {}, body = "") =>
    new Promise<{ status: number | undefined; cookie: string; text: string }>((resolve, reject) => {
      const options = { host: "localhost", port: web.tlsPort, method, path, headers, ca, agent: false }
      const asked = request(options, (answer) => {
        let text = ""
        answer.on("data", (part) => {
          text += part
        })
        answer.on("end", () =>
          resolve({ status: answer.statusCode, cookie: String(answer.headers["set-cookie"] ?? ""), text }),
        )
      })
      asked.on("error", reject)
      asked.end(body)
    })

  const origin = `https://localhost:${web.tlsPort}`
  const form = { "content-type": "application/x-www-form-urlencoded" }
  const plain = { ...form, origin: origin.replace("https", "http") }
  t.equal(
    (await ask("POST", "/join", plain, `invitation=${token}`)).status,
    403,
    "not from a page without TLS",
  )
  const joined = await ask("POST", "/join", { ...form, origin }, `invitation=${token}`)
  t.equal(joined.status, 303)
  t.match(joined.cookie, /^__Host-session=[\w-]{43}; .*Path=\/; HttpOnly; Secure; SameSite=Strict$/)
  const cookie = joined.cookie.split(";")[0]!
  t.match((await ask("GET", "/devices", { cookie })).text, /Logged in as Mill Lane 1/)
  const elsewhere = await fetch(`http://127.0.0.1:${web.port}/devices`, {
    headers: { cookie },
    redirect: "manual",
  })
  t.equal(elsewhere.status, 302, "and it counts for nothing on the listener without TLS")
})

t.test("a certificate that is not there is named, and nothing is left listening", async (t) => {
  const village = openVillage()
  t.teardown(() => village.close())
  const tls = { port: 0, certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" }
  await t.rejects(startWeb(village.context, { ...village.config.web, tls }, log), {
    name: "PersonError",
    context: [/nowhere\/cert\.pem/],
  })
})
