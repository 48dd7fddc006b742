import {
  type Abi,
  type Address,
  encodeDeployData,
  getContractAddress,
  type Hex,
  toHex,
  zeroAddress,
  zeroHash,
} from "viem"
import { domainImmutables, type Immutables, type PlacedRuntime } from "./code.ts"
import { accessManagerAbi, accessManagerBytecode, accessManagerRuntime } from "./generated/accessManager.ts"
import { certificatesAbi, certificatesBytecode, certificatesRuntime } from "./generated/certificates.ts"
import { greenTokenAbi, greenTokenBytecode, greenTokenRuntime } from "./generated/greenToken.ts"
import { impactOracleAbi, impactOracleBytecode, impactOracleRuntime } from "./generated/impactOracle.ts"
import { issuanceAbi, issuanceBytecode, issuanceRuntime } from "./generated/issuance.ts"
import { meterPictureBytecode, meterPictureRuntime } from "./generated/meterPicture.ts"
import { meterRegistryAbi, meterRegistryBytecode, meterRegistryRuntime } from "./generated/meterRegistry.ts"
import {
  policyRegistryAbi,
  policyRegistryBytecode,
  policyRegistryRuntime,
} from "./generated/policyRegistry.ts"
import {
  readingVerifierAbi,
  readingVerifierBytecode,
  readingVerifierRuntime,
} from "./generated/readingVerifier.ts"
import { retirementsAbi, retirementsBytecode, retirementsRuntime } from "./generated/retirements.ts"
import { sharingPoolAbi, sharingPoolBytecode, sharingPoolRuntime } from "./generated/sharingPool.ts"
import { stakesBytecode, stakesRuntime } from "./generated/stakes.ts"

/** Where a community's contracts are. */
export interface Contracts {
  /** The AccessManager. */
  authority: Address
  /** The ReadingVerifier. */
  verifier: Address
  /** The PolicyRegistry. */
  policy: Address
  /** The MeterRegistry, and what draws its credentials. */
  registry: Address
  picture: Address
  /** GREEN. */
  token: Address
  certificates: Address
  retirements: Address
  issuance: Address
  /** The ImpactOracle and its Stakes. */
  oracle: Address
  stakes: Address
}

/** The rules of version 1. Fractions are in 1/10,000, times in seconds, amounts in gwei of the chain's coin. */
export interface Rules {
  challengeWindow: number
  answerTime: number
  headroom: number
  gatewayHeadroom: number
  meterFactor: number
  gatewayFactor: number
  commonsShare: number
  bond: number
  siteStake: number
  validatorStake: number
}

/** A day to challenge, half a day to answer, 10 % of headroom, every Wh minted in full, no commons, no stakes. */
export const plainRules: Rules = {
  challengeWindow: 86_400,
  answerTime: 43_200,
  headroom: 1000,
  gatewayHeadroom: 1000,
  meterFactor: 10_000,
  gatewayFactor: 10_000,
  commonsShare: 0,
  bond: 0,
  siteStake: 0,
  validatorStake: 0,
}

/** One contract of the family: what makes it, and what its code must be. */
export interface Creation {
  name: keyof Contracts
  contract: string
  /** What the transaction carries; undefined for one that another makes in its constructor. */
  data: Hex | undefined
  runtime: PlacedRuntime
}

/** The order in which an account deploys them: the nth has the nth nonce. */
const order = [
  "authority",
  "verifier",
  "policy",
  "registry",
  "token",
  "certificates",
  "retirements",
  "issuance",
  "oracle",
] as const satisfies (keyof Contracts)[]

/**
 * The addresses follow from the account and its nonce alone. They are known before, as the registry and the tokens are
 * told the issuance's, and the issuance the oracle's, before those exist. So a fresh account has the same on each chain.
 */
export function addressesOf(deployer: Address, firstNonce: number): Contracts {
  const made = (from: Address, nonce: number) => getContractAddress({ from, nonce: BigInt(nonce) })
  const at = Object.fromEntries(order.map((name, i) => [name, made(deployer, firstNonce + i)])) as Record<
    (typeof order)[number],
    Address
  >
  // The first that a contract makes has nonce 1 (EIP-161).
  return { ...at, picture: made(at.registry, 1), stakes: made(at.oracle, 1) }
}

/** @param admin Who governs the AccessManager at first. */
export function creationsOf(
  at: Contracts,
  {
    admin,
    rules,
    sharingKey = zeroHash,
    methodology = zeroHash,
  }: { admin: Address; rules: Rules; sharingKey?: Hex; methodology?: Hex },
): Creation[] {
  const data = (abi: Abi, bytecode: Hex, args: readonly unknown[] = []) =>
    encodeDeployData({ abi, bytecode, args })
  return [
    {
      name: "authority",
      contract: "AccessManager",
      data: data(accessManagerAbi, accessManagerBytecode, [admin]),
      runtime: { bytecode: accessManagerBytecode, ...accessManagerRuntime },
    },
    {
      name: "verifier",
      contract: "ReadingVerifier",
      data: data(readingVerifierAbi, readingVerifierBytecode),
      runtime: { bytecode: readingVerifierBytecode, ...readingVerifierRuntime },
    },
    {
      name: "policy",
      contract: "PolicyRegistry",
      data: data(policyRegistryAbi, policyRegistryBytecode, [
        at.authority,
        { rules, sharingKey, methodology },
      ]),
      runtime: { bytecode: policyRegistryBytecode, ...policyRegistryRuntime },
    },
    {
      name: "registry",
      contract: "MeterRegistry",
      data: data(meterRegistryAbi, meterRegistryBytecode, [at.authority, at.verifier, at.issuance]),
      runtime: { bytecode: meterRegistryBytecode, ...meterRegistryRuntime },
    },
    {
      name: "token",
      contract: "GreenToken",
      data: data(greenTokenAbi, greenTokenBytecode, [at.issuance, at.retirements]),
      runtime: { bytecode: greenTokenBytecode, ...greenTokenRuntime },
    },
    {
      name: "certificates",
      contract: "Certificates",
      data: data(certificatesAbi, certificatesBytecode, [at.issuance, at.retirements]),
      runtime: { bytecode: certificatesBytecode, ...certificatesRuntime },
    },
    {
      name: "retirements",
      contract: "Retirements",
      data: data(retirementsAbi, retirementsBytecode, [at.token, at.certificates]),
      runtime: { bytecode: retirementsBytecode, ...retirementsRuntime },
    },
    {
      name: "issuance",
      contract: "Issuance",
      data: data(issuanceAbi, issuanceBytecode, [
        at.authority,
        at.registry,
        at.token,
        at.certificates,
        at.oracle,
      ]),
      runtime: { bytecode: issuanceBytecode, ...issuanceRuntime },
    },
    {
      name: "oracle",
      contract: "ImpactOracle",
      data: data(impactOracleAbi, impactOracleBytecode, [
        at.authority,
        at.issuance,
        at.policy,
        at.verifier,
        zeroAddress,
      ]),
      runtime: { bytecode: impactOracleBytecode, ...impactOracleRuntime },
    },
    {
      name: "picture",
      contract: "MeterPicture",
      data: undefined,
      runtime: { bytecode: meterPictureBytecode, ...meterPictureRuntime },
    },
    {
      name: "stakes",
      contract: "Stakes",
      data: undefined,
      runtime: { bytecode: stakesBytecode, ...stakesRuntime },
    },
  ]
}

/** The pool in which a site's households settle what they shared. */
export function poolCreation(at: Pick<Contracts, "authority" | "issuance">, site: number) {
  return {
    data: encodeDeployData({
      abi: sharingPoolAbi,
      bytecode: sharingPoolBytecode,
      args: [at.authority, at.issuance, site],
    }),
    runtime: { bytecode: sharingPoolBytecode, ...sharingPoolRuntime } as PlacedRuntime,
  }
}

/** What each contract's immutables must hold, whichever of them it has. */
export function immutablesOf(
  at: Contracts,
  of: keyof Contracts | "pool",
  { chainId, self, site = 0 }: { chainId: number; self: Address; site?: number },
): Immutables {
  const domain = signingDomains[of]
  return {
    ...at,
    predecessor: zeroAddress,
    site: toHex(site),
    ...(domain !== undefined && domainImmutables(domain, "1", chainId, self)),
  }
}

const signingDomains: Partial<Record<keyof Contracts | "pool", string>> = {
  token: "Green",
  registry: "Commonwatt MeterRegistry",
  oracle: "Commonwatt ImpactOracle",
  retirements: "Commonwatt Retirements",
  pool: "Commonwatt SharingPool",
}
