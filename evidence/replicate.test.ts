import { readFileSync, writeFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { serve } from "@hono/node-server"
import t, { type Test } from "tap"
import type { BlockSource, CID } from "../protocol/block.ts"
import { at, counting, history, noise, sourceOf } from "./batches.test.support.ts"
import { largestBlock } from "./car-file.ts"
import { blocksAt } from "./peer.ts"
import { createReplication, type ReplicationOptions } from "./replicate.ts"
import { evidenceRoutes } from "./serve.ts"
import { openEvidenceStore } from "./store.ts"

const batches = history(1, 5)
const newest = batches.at(-1)!.root

/** Somebody who keeps evidence, with a clock of the test's. */
function keeper(t: Test, name: string, over: Partial<ReplicationOptions> = {}) {
  const store = openEvidenceStore(join(t.testdirName, name))
  t.teardown(() => store.close())
  let now = 1_800_000_000
  const logged: string[] = []
  const replication = createReplication({
    store,
    oracle: at.oracle,
    factor: 2,
    peers: [],
    sites: [1],
    heads: async () => [newest],
    now: () => now,
    random: (below) => Math.floor(below / 2),
    log: (what) => logged.push(what),
    ...over,
  })
  return {
    store,
    logged,
    ...replication,
    pass(seconds: number) {
      now += seconds
    },
  }
}

const peer = (url: string, source: BlockSource) => ({ url, source })

async function listening(t: Test, handler: RequestListener): Promise<string> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test("from one root that the chain names the whole history comes, over HTTP", async (t) => {
  t.testdir()
  const giver = keeper(t, "giver")
  for (const { root } of batches) await giver.store.take(root, sourceOf(batches))
  const app = evidenceRoutes(giver.store)
  const url = await new Promise<string>((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}`),
    )
    t.teardown(() => server.close())
  })
  const taker = keeper(t, "taker", { peers: [peer(url, blocksAt(url))] })
  await taker.round()
  t.equal(taker.store.batches().length, 5)
  t.match(taker.status, { kept: 5, missing: 0, underReplicated: 0, problem: undefined })
  t.ok(batches.every(({ root }) => taker.isReplicated(root)))

  const car = await fetch(`${url}/ipfs/${newest}?format=car`)
  t.equal(car.status, 200)
  t.ok(Buffer.from(await car.arrayBuffer()).includes(Buffer.from(batches[4]!.blocks[0]!.bytes)))
})

t.test(
  "a copy counts once it was shown, no longer than it is looked at, and no further than its keeper is there",
  async (t) => {
    t.testdir()
    let there = true
    const everything = counting(async (cid) => {
      if (!there) throw new Error("no answer")
      return sourceOf(batches.slice(0, 4))(cid)
    })
    const node = keeper(t, "node", { factor: 2, peers: [peer("http://peer", everything.source)] })
    for (const { root } of batches) await node.store.take(root, sourceOf(batches))
    t.notOk(node.isReplicated(batches[0]!.root), "nobody was asked yet")
    await node.round()
    t.equal(node.status.underReplicated, 1, "the newest is not there yet")
    t.ok(node.isReplicated(batches[0]!.root))
    const asked = everything.asked.length
    await node.round()
    t.equal(everything.asked.length, asked + 1, "what was shown is not asked for again so soon")

    there = false
    node.pass(2 * 86_400)
    await node.round()
    t.equal(node.status.underReplicated, 5, "who is silent for days keeps nothing that could be counted on")
    t.match(node.status.peers[0]!.problem, /no answer/)
    there = true
    await node.round()
    t.equal(node.status.underReplicated, 1)
  },
)

t.test("what rotted is set aside and fetched again", async (t) => {
  t.testdir()
  const node = keeper(t, "node", { peers: [peer("http://peer", sourceOf(batches))] })
  await node.round()
  const { root, blocks } = batches[2]!
  const file = join(node.store.directory, `${root}.car`)
  const bytes = readFileSync(file)
  bytes[bytes.indexOf(blocks[0]!.bytes)]! ^= 1
  writeFileSync(file, bytes)
  for (let i = 0; i < 5; i++) {
    node.pass(600)
    await node.round()
  }
  t.equal(node.status.damaged, 1)
  t.same(node.store.folder.faults(root), [])
  t.equal(node.status.missing, 0)
})

t.test("a batch that one peer has half of and another the rest is put together", async (t) => {
  t.testdir()
  const half =
    (odd: number): BlockSource =>
    async (cid) => {
      const [batch] = batches
      const i = batch!.blocks.findIndex((block) => block.cid.equals(cid))
      return i >= batch!.blocks.length - 2 || i % 2 === odd ? batch!.blocks[i]?.bytes : undefined
    }
  const [first, second] = [counting(half(0)), counting(half(1))]
  const node = keeper(t, "node", {
    heads: async () => [batches[0]!.root],
    peers: [peer("http://a", first.source), peer("http://b", second.source)],
  })
  await node.round()
  t.ok(node.store.has(batches[0]!.root))
  const stored = batches[0]!.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const looks = 2 * batches[0]!.blocks.reduce((most, { bytes }) => Math.max(most, bytes.length), 0)
  t.ok(first.bytes() + second.bytes() <= stored + looks, "no block came twice, but for a look")
})

t.test("a hostile peer costs its turn and nothing more", async (t) => {
  t.testdir()
  let served = 0
  const hostile: Record<string, RequestListener> = {
    "other bytes": (_request, response) => response.end(noise("other", 5000)),
    "no end of bytes": (_request, response) => {
      const more = () => {
        while (response.writable && served < 64 * largestBlock) {
          served += 65_536
          if (!response.write(Buffer.alloc(65_536))) return void response.once("drain", more)
        }
      }
      more()
    },
    "an error": (_request, response) => {
      response.statusCode = 500
      response.end()
    },
    "another place": (_request, response) => {
      response.statusCode = 302
      response.setHeader("location", "http://127.0.0.1:1/")
      response.end()
    },
    "an end too soon": (_request, response) => {
      response.setHeader("content-length", 5000)
      response.write(noise("x", 100))
      response.destroy()
    },
  }
  for (const [what, handler] of Object.entries(hostile)) {
    const url = await listening(t, handler)
    const node = keeper(t, what, {
      heads: async () => [batches[1]!.root],
      peers: [peer(url, blocksAt(url)), peer("http://honest", sourceOf(batches))],
    })
    await node.round()
    t.equal(node.store.batches().length, 2, what)
    t.type(node.status.peers[0]!.problem, "string", `${node.status.peers[0]!.problem}`)
    t.equal(node.status.underReplicated, 0, "its word counts for nothing, the other's does")
  }
  t.ok(served < 16 * largestBlock, `${served} bytes were taken at most`)
})

t.test("nobody can make a keeper keep what no chain names", async (t) => {
  t.testdir()
  const foreign = history(7, 3)
  const node = keeper(t, "node", { peers: [peer("http://peer", sourceOf([...foreign, ...batches]))] })
  await node.round()
  t.same(new Set(node.store.batches().map(({ site }) => site)), new Set([1]))
})

t.test(
  "without the chain what is here is still kept whole; what the chain names and nobody has is counted",
  async (t) => {
    t.testdir()
    const peers = [peer("http://peer", sourceOf(batches.slice(0, 3)))]
    const node = keeper(t, "node", {
      peers,
      heads: async (): Promise<CID[]> => {
        throw new Error("no answer")
      },
    })
    await node.store.take(batches[2]!.root, sourceOf(batches))
    await node.round()
    t.equal(node.store.batches().length, 3, "what it links to came")
    t.match(node.status.problem, /the chain does not say what there is: no answer/)
    const lacking = keeper(t, "lacking", { peers })
    await lacking.round()
    t.match(lacking.status, { missing: 1, underReplicated: 1, problem: undefined })
  },
)
