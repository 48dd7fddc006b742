import t from "tap"
import { createResends } from "./resends.ts"

const [one, two, three] = ["0x01", "0x02", "0x03"] as const

t.test("what a sender repeats on a later connection, before anything new, is sent again", async (t) => {
  const resends = createResends()
  const [first, second, third] = [{}, {}, {}]
  for (const digest of [one, two]) t.notOk(resends.isResend(first, "roof", digest))
  t.ok(resends.isResend(second, "roof", one))
  t.ok(resends.isResend(second, "roof", two))
  t.notOk(resends.isResend(second, "roof", two), "but once on each connection")
  t.ok(resends.isResend(third, "roof", two))
  t.notOk(resends.isResend(third, "roof", three))
  t.notOk(resends.isResend(third, "roof", one), "it has gone on")
})

t.test("a copy from anyone else, or on the same connection, is not", async (t) => {
  const resends = createResends()
  const first = {}
  t.notOk(resends.isResend(first, "roof", one))
  t.notOk(resends.isResend(first, "roof", one))
  t.notOk(resends.isResend({}, "neighbour", one))
  t.notOk(resends.isResend({}, undefined, one))
  t.notOk(resends.isResend({}, undefined, one), "who cannot be told from others is nobody twice")
})

t.test("what was refused is not remembered", async (t) => {
  const resends = createResends()
  resends.isResend({}, "neighbour", one)
  resends.forget("neighbour", one)
  t.notOk(resends.isResend({}, "neighbour", one))
})

t.test("what was stored before the gateway started may be sent again by anyone", async (t) => {
  const resends = createResends([one])
  const connection = {}
  t.ok(resends.isResend(connection, undefined, one))
  t.notOk(resends.isResend(connection, undefined, two))
  t.notOk(resends.isResend(connection, undefined, one))
})

t.test("what it remembers is bounded, the latest longest", async (t) => {
  const resends = createResends()
  const first = {}
  const digest = (i: number) => `0x${i}` as const
  for (let i = 0; i < 100; i++) resends.isResend(first, "roof", digest(i))
  t.notOk(resends.isResend({}, "roof", digest(0)))
  t.ok(resends.isResend({}, "roof", digest(99)))
  for (let i = 0; i < 2000; i++) resends.isResend(first, `stranger ${i}`, one)
  t.notOk(resends.isResend({}, "roof", digest(98)))
})
