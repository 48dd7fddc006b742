import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pino from "pino"
import tap from "tap"
import { privateKeyToAccount } from "viem/accounts"
import { signProposal, signRefusal } from "../../protocol/attestation.ts"
import type { AttestationRequest } from "../../protocol/attestation-messages.ts"
import { evidenceCid } from "../../protocol/block.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import { openJournal } from "../journal/journal.ts"
import { askValidator } from "./attest.ts"
import { createGathering } from "./gather.ts"

const at = { chainId: 1, oracle: `0x${"22".repeat(20)}` as Hex }
const keys = ["01", "02", "03"].map((byte): Hex => `0x${byte.repeat(32)}`)
const addresses = keys.map((key) => privateKeyToAccount(key).address.toLowerCase() as Hex)
const set = { version: 1, addresses, threshold: 2 }
const urls = ["http://a", "http://b", "http://c"]
const bytes32 = (byte: string): Hex => `0x${byte.repeat(32)}`
const proposal: Proposal = {
  site: 1,
  number: 1n,
  root: bytes32("aa"),
  evidence: bytes32("ee"),
  time: 1_800_000_000n,
  leafCount: 1,
  validatorSet: 1,
}

type Way =
  | "signs"
  | "refuses"
  | "refuses by a stranger"
  | "refuses something else"
  | "is away"
  | "never answers"
  | "signs by a stranger"
  | "signs something else"

const reasons = ["entry 0: claimed 1001, the readings give 1000"]

/** Three validators, each with a way of its own. */
function validators(t: Pick<typeof tap, "teardown">, ways: Way[], { validatorSet = set, graceMs = 1 } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-gather-"))
  const journal = openJournal(directory, [])
  t.teardown(() => {
    journal.close()
    rmSync(directory, { recursive: true })
  })
  const add = (number: bigint, root: Hex) =>
    journal.batches.add({
      number,
      time: 1_800_000_000,
      root,
      evidence: evidenceCid(proposal.evidence),
      statements: [],
      blocks: [],
      lastReadings: [],
    })
  add(1n, proposal.root)
  const asked: string[] = []
  const gathering = createGathering({
    config: { validators: urls, site: 1 },
    at,
    journal,
    clock: { now: () => 1_800_000_100, delayUntil: () => 0 },
    graceMs,
    log: pino({ level: "silent" }),
    async ask(url: string, request: AttestationRequest) {
      asked.push(url)
      const i = urls.indexOf(url)
      const signed = async (what: Proposal, key: Hex) => ({ signature: await signProposal(at, what, key) })
      const refused = async (what: Proposal, key: Hex) => ({
        refused: reasons,
        signature: await signRefusal(at, what, reasons, key),
      })
      const way = ways[i]!
      if (way === "refuses") return refused(request.proposal, keys[i]!)
      if (way === "refuses by a stranger") return refused(request.proposal, bytes32("77"))
      if (way === "refuses something else")
        return refused({ ...request.proposal, root: bytes32("bb") }, keys[i]!)
      if (way === "is away") throw new Error("connection refused")
      if (way === "never answers") return new Promise<never>(() => {})
      if (way === "signs by a stranger") return signed(request.proposal, bytes32("77"))
      if (way === "signs something else") return signed({ ...request.proposal, leafCount: 99 }, keys[i]!)
      return signed(request.proposal, keys[i]!)
    },
  })
  return {
    journal,
    asked,
    ways,
    gather: (p = proposal) => gathering.gather(p.number, p, validatorSet),
    gathering,
    add,
  }
}

tap.test("two of three that agree are enough, whatever the third does", async (t) => {
  for (const way of [
    "signs",
    "refuses",
    "refuses by a stranger",
    "refuses something else",
    "is away",
    "never answers",
    "signs by a stranger",
    "signs something else",
  ] as const)
    for (const place of [0, 1, 2]) {
      const ways: Way[] = ["signs", "signs", "signs"]
      ways[place] = way
      const { signatures } = await validators(t, ways).gather()
      t.ok(signatures, `validator ${place} ${way}`)
    }
})

tap.test("what is no signature of a validator is not counted, said, and asked for again", async (t) => {
  const some = validators(t, ["signs", "signs by a stranger", "signs something else"])
  const { signatures, problems } = await some.gather()
  t.equal(signatures, undefined)
  t.match(problems.join(), /http:\/\/b answers with a signature that is no validator's \(0x/)
  t.match(problems.join(), /http:\/\/c answers with a signature that is no validator's/)
  some.ways[1] = "signs"
  t.ok((await some.gather()).signatures, "b has come to its senses")
  t.equal(some.asked.filter((url) => url === "http://a").length, 1, "who has signed is not asked again")
})

tap.test("one signature that two addresses pass on counts once", async (t) => {
  const some = validators(t, ["signs", "signs", "is away"], {
    validatorSet: { ...set, addresses: [addresses[0]!, addresses[2]!], threshold: 2 },
  })
  t.equal((await some.gather()).signatures, undefined)
})

tap.test("a batch that too many refuse is hopeless only where enough are free to sign another", async (t) => {
  t.equal((await validators(t, ["refuses", "refuses", "signs"]).gather()).hopeless, true)
  t.equal((await validators(t, ["refuses", "is away", "signs"]).gather()).hopeless, false)
  const allMustSign = { validatorSet: { ...set, threshold: 3 } }
  t.equal(
    (await validators(t, ["refuses", "signs", "signs"], allMustSign).gather()).hopeless,
    false,
    "two are bound to it: another could never be signed by three",
  )
})

tap.test("a refusal counts by who signed it: once for each validator, and for nobody else", async (t) => {
  const strangers = validators(t, ["refuses by a stranger", "refuses something else", "signs"])
  const { hopeless, problems } = await strangers.gather()
  t.equal(hopeless, false)
  t.match(problems.join(), /http:\/\/a answers with a refusal that is no validator's \(0x/)
  t.equal(strangers.journal.batches.attestations(1n).length, 1, "nor is it kept")

  const kept = validators(t, ["is away", "is away", "signs"])
  const refusal = { validatorSet: 1, signature: undefined, refusal: "no" }
  for (const validator of urls.slice(0, 2))
    kept.journal.batches.putAttestation(1n, { ...refusal, validator, signer: addresses[0] })
  t.equal((await kept.gather()).hopeless, false, "two addresses with one validator behind them")
  for (const [i, validator] of urls.slice(0, 2).entries())
    kept.journal.batches.putAttestation(1n, { ...refusal, validator, signer: i ? undefined : addresses[0] })
  t.equal((await kept.gather()).hopeless, false, "one was kept before refusals were signed")
})

tap.test(
  "a validator that signs two batches with one number convicts itself, also when the first was given up",
  async (t) => {
    const some = validators(t, ["signs", "refuses", "refuses"])
    t.equal((await some.gather()).hopeless, true)
    some.journal.batches.remove(1n)
    t.same(some.journal.batches.doubleSignatures(1), [])
    const other = { ...proposal, root: bytes32("bb") }
    some.add(1n, other.root)
    await some.gather(other)
    const [proof, ...more] = some.journal.batches.doubleSignatures(1)
    t.same(more, [])
    t.match(proof, { number: 1n, signer: addresses[0] })
    t.same(proof?.signed.map((s) => s.proposal.root).sort(), [proposal.root, other.root])
  },
)

tap.test("the same batch signed anew for another validator set convicts nobody", async (t) => {
  const some = validators(t, ["signs", "signs", "signs"])
  await some.gather()
  await some.gather({ ...proposal, validatorSet: 2 })
  t.same(some.journal.batches.doubleSignatures(1), [])
})

tap.test("signatures under what another gateway carried to the chain are held against ours", async (t) => {
  const some = validators(t, ["signs", "signs", "signs"])
  await some.gather()
  const other = { ...proposal, root: bytes32("bb") }
  await some.gathering.keepCarried(other, [await signProposal(at, other, keys[1]!), `0x${"00".repeat(64)}`])
  t.match(some.journal.batches.doubleSignatures(1), [{ signer: addresses[1] }])
})

tap.test("a validator that answers without end is cut off", async (t) => {
  const server = createServer((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(16_384)));
      if (!response.destroyed) response.once("drain", more)
    }
    more()
  })
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await t.rejects(askValidator(url, { ...at, proposal }), /longer than 65536 bytes/)
})
