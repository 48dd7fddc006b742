import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compactVerify, importJWK } from "jose"
import t from "tap"
import { encodeFunctionData, keccak256 } from "viem"
import { type AuditReport, audit } from "../audit/audit.ts"
import { certificateId } from "../audit/books.ts"
import { checkClaim, periodOf } from "../audit/check-claim.ts"
import type { CheckName } from "../audit/checks.ts"
import { createClaimant } from "../audit/claim.ts"
import { fetchTables } from "../audit/emission-factors.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createExplainer, type Question } from "../audit/explain.ts"
import { explanationAsText } from "../audit/explain-text.ts"
import { connect } from "../audit/history.ts"
import { reportAsText } from "../audit/report.ts"
import { certificatesAbi } from "../contracts/generated/certificates.ts"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { retirementsAbi } from "../contracts/generated/retirements.ts"
import { accounts } from "../demo/plan.ts"
import type { StoredReading } from "../gateway/journal/readings.ts"
import { issuerOf, signCredential } from "../protocol/credential.ts"
import { namedFactors } from "../protocol/factors-in-evidence.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { leafOf } from "../protocol/statement.ts"
import { buildTree, proofOf, rootFromProof } from "../protocol/tree.ts"
import { connectOperator, mined } from "../provisioning/operator.ts"
import { startTestChain } from "./chain.ts"
import { type Community, hour, start, startCommunity } from "./community.ts"
import { serveYesSayer } from "./yes-sayer.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

const auditOf = (
  community: Community,
  { evidence = community.evidenceUrl as string | undefined, key = true } = {},
) =>
  audit({
    client: connect(chain.rpc),
    oracle: community.deployment.oracle,
    evidence: evidence === undefined ? undefined : evidenceFrom(evidence),
    identities: key ? [community.auditor.identity] : [],
    progress: () => {},
  })

/** Which checks found something. */
const failed = (report: AuditReport): CheckName[] =>
  report.checks.filter(({ findings }) => findings.length > 0).map(({ name }) => name)
const findingsOf = (report: AuditReport, name: CheckName): string =>
  report.checks
    .find((check) => check.name === name)!
    .findings.map(({ where, what }) => `${where}: ${what}`)
    .join("\n")

/** A table of emission factors. */
const tableOf = (version: number, rows: string) =>
  `# grid: DE\n# source: made up\n# version: ${version}\nhour,grams_per_kwh\n${rows}`

t.test("an honest history is accounted for to the Wh", async (t) => {
  const community = await startCommunity(chain, { factors: tableOf(1, "2026-06-01T00:00Z,400\n") })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  await community.settle()
  const measured = new TextEncoder().encode(tableOf(2, "2026-06-01T00:00Z,999\n2026-06-01T01:00Z,100\n"))
  community.config.emissionFactors = namedFactors(measured)
  await community.report(start + hour + 900, start + 3 * hour)
  await community.settle()
  const report = await auditOf(community)
  t.same(failed(report), [])
  t.equal(report.ok, true)
  t.equal(report.mintedWh, 6000n)
  t.equal(report.auditedWh, 6000n)
  t.match(reportAsText(report), /Every minted Wh is accounted for\.\n$/)

  t.test("why a home got what it got is told down to the bytes that its meter signed", async (t) => {
    const explained = async (question: Question, identities = [community.auditor.identity]) => {
      const explainer = createExplainer(question)
      const report = await audit({
        client: connect(chain.rpc),
        oracle: community.deployment.oracle,
        evidence: evidenceFrom(community.evidenceUrl),
        identities,
        progress: () => {},
        reader: explainer.reader,
      })
      return explainer.explain(report)
    }
    const household = community.households[0]!
    const day = await explained({ about: "household", household, from: start, to: start + 86_400 })
    t.equal(day.auditOk, true)
    t.same(
      day.payments.map(({ payment }) => [payment.number, payment.fromWh, payment.toWh]),
      [
        [1n, 0n, 1000n],
        [2n, 1000n, 3000n],
      ],
    )
    for (const { payment, statement, leaf, reading, batch, proposed } of day.payments) {
      t.same(payment.mints, [
        { account: household, wh: payment.toWh - payment.fromWh, certificates: undefined },
      ])
      t.equal(keccak256(reading!.bytes), statement!.reading)
      t.equal(reading!.generatedWh, statement!.generatedWh)
      t.equal(leaf!.hash, toHex(leafOf(statement!)))
      t.equal(
        toHex(
          rootFromProof(
            fromHex(leaf!.hash),
            leaf!.proof.map((node) => fromHex(node)),
          ),
        ),
        batch!.root,
      )
      t.equal(proposed!.signers.length, 2)
    }
    t.equal(
      day.intervals.reduce((sum, { generatedWh }) => sum + generatedWh!, 0n),
      3000n,
      "intervals and mints agree",
    )
    t.equal(day.shares.length, 12)
    t.match(explanationAsText(day), /Minted: 3\.000 kWh to it by 2 settlement\(s\)\./)

    const sealed = await explained(day.question, [])
    t.same(sealed.shares, [])
    t.match(sealed.notShown, [/sealed/])
    const mint = await explained({ about: "mint", transaction: day.payments[1]!.payment.transaction })
    t.same(
      mint.payments.map(({ payment }) => payment.number),
      [2n, 2n],
    )
    const batch = await explained({ about: "batch", site: community.site, number: 1n })
    t.equal(batch.payments.length, 2)
    const stranger = await explained({
      about: "household",
      household: `0x${"99".repeat(20)}`,
      from: start,
      to: start + 86_400,
    })
    t.match(explanationAsText(stranger), /Minted: 0\.000 kWh.*Not shown: nothing was settled for it/s)
  })

  t.test(
    "what it meant is claimed only for what the audit holds, and a standard library verifies it",
    async (t) => {
      const household = community.households[0]!
      const claimed = async (over: { identities?: string[]; household?: Hex; from?: number } = {}) => {
        const period = { household, from: start, to: start + 3 * hour, ...over }
        const claimant = createClaimant(period)
        const report = await audit({
          client: connect(chain.rpc),
          oracle: community.deployment.oracle,
          evidence: evidenceFrom(community.evidenceUrl),
          identities: over.identities ?? [community.auditor.identity],
          progress: () => {},
          reader: claimant.reader,
        })
        return { claimant, report }
      }
      const secret = community.meters[0]!.secret
      const { claimant, report } = await claimed()
      const tables = await fetchTables(report.emissionFactors, evidenceFrom(community.evidenceUrl))
      t.match(report.emissionFactors, [
        { number: 1n, from: start, version: "1" },
        { number: 2n, from: start + hour, version: "2", grid: "DE", source: "made up" },
      ])
      t.match(reportAsText(report), /CO2 is counted at site 1 from batch 2 on by the table "DE", version "2"/)
      const credential = claimant.claim(report, tables, issuerOf(secret), start)
      t.match(
        credential.credentialSubject,
        {
          id: `did:pkh:eip155:31337:${household}`,
          generatedWh: "3000",
          avoidedGrams: "500",
          intervals: "12",
          withoutFactor: "4",
          emissionFactors: [{ version: "1" }, { version: "2", sha256: namedFactors(measured).sha256 }],
        },
        "what the first table says of an hour, no later one changes",
      )
      const last = community.journal.batches.newest(1)[0]!
      t.match(credential.evidence, {
        oracle: community.deployment.oracle,
        sites: [
          {
            batches: 2,
            lastBatch: { number: "2", root: last.root, evidenceRoot: `ipfs://${last.evidence}` },
          },
        ],
      })
      const jwk = JSON.parse(Buffer.from(issuerOf(secret).slice("did:jwk:".length), "base64url").toString())
      const { payload } = await compactVerify(
        signCredential(credential, secret),
        await importJWK(jwk, "EdDSA"),
      )
      t.same(JSON.parse(Buffer.from(payload).toString()), credential)

      t.throws(() => claimant.claim({ ...report, ok: false }, tables, issuerOf(secret), start), {
        message: /The audit does not hold, so nothing is claimed/,
      })
      const blind = await claimed({ identities: [] })
      t.throws(() => blind.claimant.claim(blind.report, tables, issuerOf(secret), start), {
        message: /sealed in 2/,
      })
      const nobody = await claimed({ household: `0x${"99".repeat(20)}` })
      t.throws(() => nobody.claimant.claim(nobody.report, tables, issuerOf(secret), start), {
        message: /no records/,
      })
      const given = claimant.claim(report, tables, issuerOf(secret), start)
      const checked = (of: object, by = claimant) =>
        checkClaim({ ...given, credentialSubject: { ...given.credentialSubject, ...of } }, report, by, tables)
      t.match(checkClaim(given, report, claimant, tables), { holds: true, findings: [], skipped: [] })
      const early = { ...report, emissionFactors: report.emissionFactors.slice(0, 1) }
      const before = claimant.claim(early, tables, issuerOf(secret), start)
      t.match(before.credentialSubject, { avoidedGrams: "400", withoutFactor: "8" })
      t.equal(
        checkClaim(before, report, claimant, tables).holds,
        true,
        "made before the second table was named",
      )
      t.match(checked({ avoidedGrams: "501" }).findings, [/are not what the household's records give/])
      const [, second] = given.credentialSubject.emissionFactors as { version: string }[]
      t.match(checked({ emissionFactors: [{ ...second, version: "3" }] }).findings, [
        /no evidence names its table "DE", version "3"/,
      ])
      t.match(
        checked({ emissionFactors: [second], avoidedGrams: "1099" }).findings,
        [/are not what/],
        "a table that an earlier one goes before",
      )
      t.match(checked({}, blind.claimant), { holds: false, findings: [], skipped: [/sealed in 2/] })
      t.same(periodOf(given), { household, from: start, to: start + 3 * hour })

      const nameless = { ...report, emissionFactors: [] }
      t.throws(() => claimant.claim(nameless, tables, issuerOf(secret), start), {
        message: /names no table of emission factors/,
      })
    },
  )

  t.test("without a key the households stay sealed, and the audit says that it skipped them", async (t) => {
    const report = await auditOf(community, { key: false })
    t.equal(report.ok, true)
    t.match(report.checks.find(({ name }) => name === "households")?.skipped, [/2 household\(s\) sealed/])
  })

  t.test("without evidence nothing is accounted for", async (t) => {
    const report = await audit({
      client: connect(chain.rpc),
      oracle: community.deployment.oracle,
      evidence: undefined,
      identities: [],
      progress: () => {},
    })
    t.equal(report.ok, false)
    t.same(failed(report), [])
    t.match(reportAsText(report), /part of it could not be checked/)
  })

  t.test("one changed byte of evidence is named by its block", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "commonwatt-evidence-"))
    for (const batch of community.journal.batches.newest(9)) {
      const car = await fetch(`${community.evidenceUrl}/ipfs/${batch.evidence}?format=car`)
      writeFileSync(join(directory, `${batch.evidence}.car`), Buffer.from(await car.arrayBuffer()))
    }
    t.equal(
      (await auditOf(community, { evidence: directory })).ok,
      true,
      "a directory of CAR files serves as well",
    )
    const last = join(directory, `${community.journal.batches.newest(1)[0]!.evidence}.car`)
    const bytes = readFileSync(last)
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    writeFileSync(last, bytes)
    const report = await auditOf(community, { evidence: directory })
    t.equal(report.ok, false)
    t.match(findingsOf(report, "evidence"), /batch 2: Evidence block bafy?\w+ was changed/)
    t.match(findingsOf(report, "settlements"), /from Wh 1000 on nothing is accounted for/)
    t.equal(report.auditedWh, 2000n, "the first batch still stands")
  })
})

t.test("one Wh minted beside the settlements is named", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  await community.settle()
  const { issuance, token } = community.deployment
  await chain.client.impersonateAccount({ address: issuance })
  await chain.client.setBalance({ address: issuance, value: 10n ** 18n })
  const data = encodeFunctionData({
    abi: greenTokenAbi,
    functionName: "mint",
    args: [[(1n << 160n) | BigInt(community.households[0]!)]],
  })
  await chain.client.sendTransaction({ account: issuance, chain: null, to: token, data })
  await chain.client.mine({ blocks: 1 })
  const report = await auditOf(community)
  t.equal(report.ok, false)
  t.same(failed(report), ["mints", "supply"])
  t.match(
    findingsOf(report, "mints"),
    /1 Wh were minted, 0 Wh are due by the settlements: Wh 1 of it has no origin/,
  )
  t.match(findingsOf(report, "supply"), /supply is 1001 Wh, due by the settlements less retired is 1000 Wh/)

  const code = (await chain.client.getCode({ address: token }))!
  await chain.client.setCode({ address: token, bytecode: code.replace(/..$/, "5b") as Hex })
  t.match(
    findingsOf(await auditOf(community), "contracts"),
    new RegExp(`GreenToken ${token.toLowerCase()}: runs another code than this program knows of it`),
  )
})

t.test("what a gateway and all validators make up together, the audit finds", async (t) => {
  const cases: {
    name: string
    lie: (readings: StoredReading[]) => StoredReading[]
    check: CheckName
    says: RegExp
  }[] = [
    {
      name: "a leaf one Wh higher than its reading",
      lie: (readings) =>
        readings.map((reading) => ({
          ...reading,
          registers: reading.registers.generatedWh
            ? { generatedWh: reading.registers.generatedWh + 1n }
            : reading.registers,
        })),
      check: "statements",
      says: /claimed \["0x\w+","1001",.* the readings give \["0x\w+","1000"/,
    },
    {
      name: "a reading that its meter did not sign",
      lie: (readings) =>
        readings.map((reading, i) => {
          const bytes = Uint8Array.from(reading.bytes)
          if (i === 2) bytes[bytes.length - 1]! ^= 1
          return { ...reading, bytes }
        }),
      check: "readings",
      says: /reading 2 \(sequence 2\) is not signed by the meter/,
    },
    {
      name: "a doubtful reading that counts all the same",
      lie: (readings) => readings.map((reading) => ({ ...reading, received: reading.time - 3600 })),
      check: "statements",
      says: /the readings give nothing/,
    },
  ]
  for (const { name, lie, check, says } of cases)
    t.test(name, async (t) => {
      const community = await startCommunity(chain, { homes: 1 })
      t.teardown(() => community.stop())
      await community.report(start, start + hour)
      const liars = await Promise.all(accounts.validators.map(({ key }) => serveYesSayer(key)))
      t.teardown(() => Promise.all(liars.map((liar) => liar.close())))
      const { journal, config } = community
      const after = (meterId: Hex, id: bigint) => lie(journal.readings.after(meterId, id))
      await community.settle(
        community.settlement({
          journal: { ...journal, readings: { ...journal.readings, after } },
          config: { ...config, validators: liars.map(({ url }) => url) },
        }),
      )
      t.ok(await community.chain.totalSupply(), "the contract cannot know")
      const report = await auditOf(community)
      t.equal(report.ok, false)
      t.match(findingsOf(report, check), says)
      t.equal(report.auditedWh, 0n)
    })
})

t.test("a reading that is left out shows as a gap in the sequence", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  community.meters[0]!.sequence += 3
  await community.report(start + hour + 900, start + 2 * hour)
  await community.settle()
  const report = await auditOf(community)
  t.equal(report.ok, true, "energy is in the register, whoever lost the reading")
  t.match(report.missing, [{ meterId: community.meters[0]!.key.meterId, after: 4, until: 8 }])
  t.match(reportAsText(report), /3 missing in the sequences/)
})

t.test("an audit follows factors, commons, certificates, retirements and doubts to the Wh", async (t) => {
  const commons: Hex = `0x${"cc".repeat(20)}`
  const community = await startCommunity(chain, {
    rules: { meterFactor: 9000, commonsShare: 1000, answerTime: 120 },
    commons,
  })
  t.teardown(() => community.stop())
  const { deployment, site } = community
  const [spender, certified] = community.households as [Hex, Hex]
  /** Sends a transaction in the name of an account that has no key here. */
  const act = async (account: Hex, to: Hex, data: Hex) => {
    await chain.client.impersonateAccount({ address: account })
    await chain.client.setBalance({ address: account, value: 10n ** 18n })
    const hash = await chain.client.sendTransaction({ account, chain: null, to, data })
    const { status } = await chain.client.waitForTransactionReceipt({ hash })
    if (status !== "success") throw new Error(`${hash} was reverted`)
  }
  const { meterId } = community.meters.find(
    ({ home, measures }) => home === 1 && measures === "generation",
  )!.key
  const want = encodeFunctionData({
    abi: meterRegistryAbi,
    functionName: "wantCertificates",
    args: [meterId, true],
  })
  await act(certified, deployment.registry, want)

  await community.report(start, start + hour)
  await community.settlement().advance()
  const statements = community.journal.batches.statements(1n)
  const proof = proofOf(buildTree(statements.map(leafOf)), 0).map(toHex)
  const statement = { ...statements[0]!, time: BigInt(statements[0]!.time) }
  const challenge = { abi: impactOracleAbi, functionName: "challenge" } as const
  await act(
    commons,
    deployment.oracle,
    encodeFunctionData({ ...challenge, args: [site, 1n, statement, proof] }),
  )
  await community.settle()

  const retirements = await chain.client.readContract({
    address: deployment.token,
    abi: greenTokenAbi,
    functionName: "retirements",
  })
  const id = certificateId(site, start + hour, 1, 1)
  const burn = { abi: retirementsAbi } as const
  const claim = `0x${"77".repeat(32)}` as const
  const green = encodeFunctionData({ ...burn, functionName: "retire", args: [100n, commons, claim] })
  await act(spender, retirements, green)
  const args = [id, 50n, commons, claim] as const
  await act(certified, retirements, encodeFunctionData({ ...burn, functionName: "retireCertificates", args }))

  const report = await auditOf(community)
  t.same(failed(report), [])
  t.equal(report.ok, true)
  t.equal(report.mintedWh, 1800n, "nine tenths of two times 1000 Wh")
  t.equal(report.certificatesWh, 900n)
  t.equal(report.auditedWh, 1800n)
  t.equal(report.retiredWh, 150n)
  t.same(report.challenges, { made: 1, answered: 1, unanswered: 0 })
  t.match(reportAsText(report), /1 statements were doubted on chain: 1 answered, 0 not\./)
  t.match(reportAsText(report), /Minted 1800 Wh \(900 Wh of it as certificates\).* Retired 150 Wh\./)

  t.test("and names a certificate that nobody generated", async (t) => {
    const forged = encodeFunctionData({
      abi: certificatesAbi,
      functionName: "mint",
      args: [certified, id, 1n],
    })
    await act(deployment.issuance, deployment.certificates, forged)
    const report = await auditOf(community)
    t.equal(report.ok, false)
    t.same(failed(report), ["certificates", "supply"])
    t.match(findingsOf(report, "certificates"), /1 Wh were minted, 0 Wh are due by the settlements/)
  })
})

t.test("a false batch that was stopped is told, and nothing of it counts", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  await community.settlement().advance()
  const cancel = { abi: impactOracleAbi, functionName: "cancel", args: [community.site, 1n] } as const
  const guardian = await connectOperator(chain.rpc, accounts.operator.key)
  await mined(guardian, await guardian.writeContract({ ...cancel, address: community.deployment.oracle }))
  await community.report(start + hour + 900, start + 2 * hour)
  await community.settle()
  const report = await auditOf(community)
  t.equal(report.ok, true)
  t.equal(report.auditedWh, 2000n)
  t.same(report.cancelled, [{ where: `site ${community.site} proposal 1`, why: "the guardian stopped it" }])
})
