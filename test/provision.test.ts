import { readdirSync, readFileSync } from "node:fs"
import t from "tap"
import { type Abi, zeroHash } from "viem"
import { differenceOf } from "../contracts/code.ts"
import { immutablesOf } from "../contracts/deploy.ts"
import { accessManagerAbi } from "../contracts/generated/accessManager.ts"
import { greenTokenBytecode, greenTokenRuntime } from "../contracts/generated/greenToken.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { accounts } from "../demo/plan.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { Assurance, meterIdOf, Scheme } from "../protocol/meter.ts"
import { checkDeployment } from "../provisioning/check.ts"
import { type Deployment, deploy, openPool, openSite, setLimits, stakeSite } from "../provisioning/deploy.ts"
import { functionRoles, selectorsOf } from "../provisioning/governance.ts"
import { ed25519PublicKey, signEd25519 } from "../provisioning/keys.ts"
import {
  type Change,
  changeMeter,
  type MeterRegistration,
  registerMeters,
  registrationDigest,
  status,
} from "../provisioning/meters.ts"
import { type Act, connectOperator, govern, lower } from "../provisioning/operator.ts"
import { type CommunityPlan, checkPlan, readPlan } from "../provisioning/plan.ts"
import { startTestChain } from "./chain.ts"
import { start, testPlan } from "./community.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())
const operator = await connectOperator(chain.rpc, accounts.operator.key)
const validators = accounts.validators.map(({ address }) => address)
const plan = testPlan({ validators, threshold: 2, rules: { siteStake: 5, validatorStake: 7, bond: 3 } })
const stranger = toHex(new Uint8Array(20).fill(0x5a))

/** What differs, in the check's own words. */
async function differences(deployment: Deployment, by: CommunityPlan = plan): Promise<string[]> {
  const found: string[] = []
  for await (const { says, differs } of checkDeployment(operator, deployment, by))
    if (differs !== undefined) found.push(`${says}: ${differs}`)
  return found
}

/** Does what the AccessManager governs, waiting for the delay where there is one. */
async function governed(authority: Hex, act: Act): Promise<void> {
  if ("done" in (await govern(operator, authority, act))) return
  await chain.pass(62)
  if (!("done" in (await govern(operator, authority, act))))
    throw new Error("the delay is over, and it waits")
}

t.test("a plan that cannot be is refused with all its mistakes", async (t) => {
  const good = {
    governor: stranger,
    guardian: stranger,
    operators: [stranger],
    delays: { governor: 86_401, community: 86_401 },
    validators,
    threshold: 3,
    rules: { bond: 0, siteStake: 0, validatorStake: 0 },
  }
  t.equal(checkPlan(good, "plan").community, stranger, "who governs decides, where nobody else is named")
  const bad = {
    ...good,
    delays: { governor: 86_400, community: 0 },
    validators: [validators[0], validators[0]],
    rules: { ...good.rules, commonsShare: 100 },
  }
  t.throws(() => checkPlan(bad, "plan"), {
    message: "plan has 5 mistake(s).",
    context: [
      /^validators: a validator is named twice/,
      /^threshold: there are only 2/,
      /^delays.governor: must be longer than the challenge window/,
      /^delays.community: must be longer/,
      /^commons: must say who/,
    ],
  })
  t.throws(() => readPlan("governor: 0x5a5a", "plan"), { message: /^plan has/ })
})

t.test("every function that the AccessManager governs has one role", async (t) => {
  const sources = readdirSync("contracts").filter((name) => name.endsWith(".sol"))
  const governs = sources.flatMap((name) =>
    [
      ...readFileSync(`contracts/${name}`, "utf8").matchAll(
        /function (\w+)\([^)]*\)[^{;]*\{?[^}]*?(?:\brestricted\b|_checkCanCall)/g,
      ),
    ].map(([text, first]) => [...text.matchAll(/function (\w+)/g)].at(-1)?.[1] ?? first),
  )
  const given = functionRoles.flatMap(({ functions }) => functions)
  t.same([...given].sort(), [...governs].sort())
})

t.test("a deployment that broke off goes on where it stopped, and then holds in everything", async (t) => {
  let begun: Deployment | undefined
  let steps = 0
  const breakOff = () => {
    if (++steps === 6) throw new Error("the line is gone")
  }
  const save = (deployment: Deployment) => {
    begun = deployment
  }
  await t.rejects(deploy(operator, plan, { save, say: breakOff }), { message: "the line is gone" })
  t.ok((await differences(begun!)).length > 10)
  const deployment = await deploy(operator, plan, { begun: begun! })
  t.same(deployment, begun)
  t.same(await differences(deployment), [])

  const nonce = await operator.getTransactionCount({ address: operator.account.address })
  await deploy(operator, plan, { begun: deployment })
  t.equal(await operator.getTransactionCount({ address: operator.account.address }), nonce, "nothing is sent")
})

t.test("a transaction in a contract's place ends a deployment", async (t) => {
  let begun: Deployment | undefined
  const save = (deployment: Deployment) => {
    begun = deployment
  }
  const say = () => {
    throw new Error("the line is gone")
  }
  await t.rejects(deploy(operator, plan, { save, say }))
  await operator.waitForTransactionReceipt({ hash: await operator.sendTransaction({ to: stranger }) })
  await t.rejects(deploy(operator, plan, { begun: begun! }), {
    message: "The ReadingVerifier cannot be deployed at its address any more.",
  })
})

t.test("who deploys for others governs nothing afterwards", async (t) => {
  const theirs = { ...plan, governor: stranger, community: stranger }
  const deployment = await deploy(operator, theirs)
  t.same(await differences(deployment, theirs), [])
  const { authority, issuance } = deployment
  await t.rejects(
    govern(operator, authority, {
      says: "commons",
      address: issuance,
      abi: issuanceAbi,
      functionName: "setCommons",
      args: [stranger],
    }),
    { message: /may not do this: commons/ },
  )
})

t.test("whatever was tampered with is named", async (t) => {
  const deployment = await deploy(operator, plan)
  const { authority, token, registry, stakes, oracle, issuance } = deployment
  const manager = { address: authority, abi: accessManagerAbi as Abi, says: "tampering" }
  const code = async (address: Hex) => (await operator.getCode({ address }))!
  const [register] = selectorsOf("registry", ["register"])
  const setCode = (address: Hex, bytecode: Hex) => chain.client.setCode({ address, bytecode })

  const cases: [string, () => Promise<unknown>, RegExp][] = [
    [
      "a byte of code",
      async () => setCode(stakes, (await code(stakes)).replace(/..$/, "5b") as Hex),
      /^Stakes: code at .*: it is not the code/,
    ],
    ["no code", () => setCode(oracle, "0x"), /^ImpactOracle: code at .*: there is no code/],
    [
      "an immutable",
      async () => setCode(token, (await code(token)).replaceAll(issuance.slice(2), stranger.slice(2)) as Hex),
      /^GreenToken: code at .*: its immutable issuance is 0x0+5a5a/,
    ],
    [
      "another governor",
      () => governed(authority, { ...manager, functionName: "grantRole", args: [0n, stranger, 0] }),
      /^role governor: nobody else has it: 0x5a5a/,
    ],
    [
      "a role of one's own",
      () => governed(authority, { ...manager, functionName: "grantRole", args: [77n, stranger, 0] }),
      /^roles: there are no others: role 77 was granted/,
    ],
    [
      "a delay",
      () =>
        governed(authority, {
          ...manager,
          functionName: "grantRole",
          args: [4n, operator.account.address, 0],
        }),
      /^role community: .*: its delay (is|will be) 0 s/,
    ],
    [
      "a guardian who lost the role",
      () =>
        governed(authority, {
          ...manager,
          functionName: "revokeRole",
          args: [2n, operator.account.address],
        }),
      /^role guardian: .*: it does not have the role/,
    ],
    [
      "a function for everyone",
      () =>
        governed(authority, {
          ...manager,
          functionName: "setTargetFunctionRole",
          args: [registry, [register], 2n ** 64n - 1n],
        }),
      /^operator: may call .*: register is for role 18446744073709551615/,
    ],
    [
      "a role that others give",
      () => governed(authority, { ...manager, functionName: "setRoleAdmin", args: [3n, 2n] }),
      /^role operator: given by the governor: given by role 2/,
    ],
    [
      "a closed contract",
      () => governed(authority, { ...manager, functionName: "setTargetClosed", args: [registry, true] }),
      /^registry: governed by the AccessManager, and open: it is closed/,
    ],
    [
      "another authority",
      () => governed(authority, { ...manager, functionName: "updateAuthority", args: [issuance, registry] }),
      /^issuance: governed by the AccessManager, and open: its authority is/,
    ],
    [
      "a successor",
      () =>
        governed(authority, {
          says: "tampering",
          address: issuance,
          abi: issuanceAbi,
          functionName: "announceSuccessor",
          args: [registry],
        }),
      /^issuance: no successor is announced: 0x.* is announced/,
    ],
    [
      "commons",
      () =>
        governed(authority, {
          says: "tampering",
          address: issuance,
          abi: issuanceAbi,
          functionName: "setCommons",
          args: [stranger],
        }),
      /^commons: nobody: it is 0x5a5a/,
    ],
  ]
  for (const [name, tamper, named] of cases) {
    const id = await chain.client.snapshot()
    await tamper()
    const found = await differences(deployment)
    t.ok(
      found.some((line) => named.test(line)),
      name,
      { found },
    )
    await chain.client.revert({ id })
  }
  t.same(await differences(deployment), [], "and nothing of it stayed")

  const other = {
    ...plan,
    threshold: 3,
    rules: { ...plan.rules, bond: 4 },
    sharingKey: zeroHash.replace(/0$/, "1") as Hex,
  }
  t.match(await differences(deployment, other), [
    /^rule bond: 4: it is 3/,
    /^sharing key .*: it is/,
    /^validators: 3 of 3 must sign: there are 2 of/,
  ])
  t.match(await differences({ ...deployment, chainId: 1 }), [/^chain 1: the node is on chain 31337/])
  t.match(await differences({ ...deployment, fromBlock: Number(await operator.getBlockNumber()) }), [
    /^roles: seen from the first/,
  ])
})

t.test("an immutable is compared wherever it stands", async (t) => {
  const runtime = { bytecode: greenTokenBytecode, ...greenTokenRuntime }
  const deployment = await deploy(operator, plan)
  const values = immutablesOf(deployment, "token", { chainId: 31_337, self: deployment.token })
  const code = (await operator.getCode({ address: deployment.token }))!
  t.equal(differenceOf(runtime, values, code), undefined)
  const once = code.replace(deployment.issuance.slice(2), stranger.slice(2)) as Hex
  t.match(differenceOf(runtime, values, once), /not the code/)
})

t.test("a site has its pool, whose limits the operators set", async (t) => {
  const deployment = await deploy(operator, plan)
  const site = await openSite(operator, deployment, accounts.gateway.address)
  t.equal(await stakeSite(operator, deployment, site), 0n, "it has its stake from the beginning")
  const save = (pool: Hex) => {
    deployment.pools[site] = pool
  }
  const quiet = () => {}
  await t.rejects(openPool(operator, deployment, site + 1, quiet, save), { message: /no site 2; 1 were/ })
  t.ok(
    (await openPool(operator, deployment, site, quiet, save)).waits,
    "the governor's delay is the pool's too",
  )
  await t.rejects(setLimits(operator, deployment, site, [stranger], 5000n), { message: /may not|scheduled/ })
  t.match(await differences(deployment), [/^operator: may call setLimits of the pool/])
  await chain.pass(62)
  t.notOk((await openPool(operator, deployment, site, quiet, save)).waits)
  await setLimits(operator, deployment, site, [stranger], 5000n)
  t.same(await differences(deployment), [])
})

t.test("a meter's life, from possession to its successor", async (t) => {
  const deployment = await deploy(operator, plan)
  const registry = { address: deployment.registry, abi: meterRegistryAbi } as const
  const [site, otherSite] = [
    await openSite(operator, deployment, accounts.gateway.address),
    await openSite(operator, deployment, accounts.gateway.address),
  ]
  const registration = (byte: number, over: Partial<MeterRegistration> = {}): MeterRegistration => {
    const secret = toHex(new Uint8Array(32).fill(byte))
    const statement = {
      household: stranger,
      site,
      scheme: Scheme.ed25519,
      assurance: Assurance.gateway,
      ratedW: 5000,
      startTime: start,
      startWh: 1000n,
      publicKey: toHex(ed25519PublicKey(secret)),
      ...over,
    }
    return { ...statement, possession: signEd25519(secret, registrationDigest(deployment, statement)) }
  }
  const roof = registration(1)
  const { possession, startTime, ...rest } = roof
  const argument = { ...rest, source: 1, startTime: BigInt(startTime), proof: possession }
  t.equal(
    registrationDigest(deployment, roof),
    await operator.readContract({ ...registry, functionName: "registrationDigest", args: [argument] }),
  )
  await t.rejects(registerMeters(operator, deployment, [{ ...roof, ratedW: 6000 }]), {
    message: "The registry refuses to register these meters.",
    context: [/^NotSigned\(/],
  })
  const bsm = {
    ...roof,
    scheme: Scheme.bsm,
    assurance: Assurance.meter,
    publicKey: toHex(new Uint8Array(64).fill(9)),
  }
  await registerMeters(operator, deployment, [roof, { ...bsm, possession: "0x" }])

  const id = meterIdOf(Scheme.ed25519, ed25519PublicKey(toHex(new Uint8Array(32).fill(1))))
  const change = (what: Change) => changeMeter(operator, deployment, id, what)
  const known = () => operator.readContract({ ...registry, functionName: "meter", args: [id] })
  await change({ action: "suspend" })
  t.equal((await known()).status, status.suspended)
  await change({ action: "reactivate" })
  t.equal((await known()).status, status.active)
  await change({ action: "restart", finalWh: 5000n, firstWh: 0n, time: start + 60 })
  t.equal(
    await operator.readContract({ ...registry, functionName: "offsetAt", args: [id, BigInt(start + 60)] }),
    5000n,
  )
  await change({ action: "power", ratedW: 4000, time: start + 120 })
  t.equal((await known()).ratedW, 4000)
  await t.rejects(change({ action: "power", ratedW: 9000, time: start + 120 }), {
    message: /^The contract refuses this: power of meter 0x.*: 9000 W since 2026-06-01T00:02:00Z/,
    context: [/^NotPaidUntil\(/],
  })
  const handOver = { action: "hand-over", household: validators[0]!, time: start } as const
  await t.rejects(change(handOver), { message: /^It is scheduled for / })
  await t.rejects(change(handOver), { message: /^It is scheduled for / }, "and not sooner by asking twice")
  await chain.pass(62)
  await change(handOver)
  t.equal(lower((await known()).household), validators[0])
  await change({ action: "move", site: otherSite })
  t.equal((await known()).site, otherSite)
  const by = registration(2, { household: validators[0]!, site: otherSite, startTime: start + 200 })
  await change({ action: "replace", finalWh: 300n, time: start + 200, by })
  t.equal((await known()).status, status.ended)
  await change({ action: "suspend" })
  await change({ action: "reactivate" })
  t.equal((await known()).status, status.ended, "an ended meter comes back as ended")
  await change({ action: "revoke" })
  t.equal((await known()).status, status.revoked)
  await t.rejects(changeMeter(operator, deployment, zeroHash, { action: "revoke" }), {
    message: /is not registered/,
  })
})
