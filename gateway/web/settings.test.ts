import t from "tap"
import { relayShape } from "../relay/settings.ts"
import { webShape } from "./settings.ts"

const listener = { host: "127.0.0.1", port: 8080 }

t.test("an origin is what a browser's address bar shows, and no more", async (t) => {
  for (const origin of ["https://house.example", "https://house.example:8443", "http://localhost:8080"])
    t.equal(webShape.parse({ ...listener, origin }).origin, origin)
  for (const origin of [
    "house.example",
    "https://house.example/",
    "https://house.example/page",
    "ftp://house.example",
    "https://HOUSE.example",
  ])
    t.throws(() => webShape.parse({ ...listener, origin }), origin)
})

t.test("TLS wants a port, a certificate and its key", async (t) => {
  const tls = { port: 8443, certFile: "page.pem", keyFile: "page-key.pem" }
  t.same(webShape.parse({ ...listener, tls }).tls, tls)
  for (const name of ["port", "certFile", "keyFile"])
    t.throws(() => webShape.parse({ ...listener, tls: { ...tls, [name]: undefined } }), name)
})

t.test("households have limits also where the operator names none", async (t) => {
  t.same(relayShape.parse({ keyFile: "relay.key" }), {
    keyFile: "relay.key",
    perDay: 20,
    allPerDay: 200,
    confirmations: 12,
  })
  for (const over of [{ perDay: 0 }, { allPerDay: -1 }, { maxFeeGwei: 0 }, { perDay: 1.5 }, { more: 1 }])
    t.throws(() => relayShape.parse({ keyFile: "relay.key", ...over }), JSON.stringify(over))
})
