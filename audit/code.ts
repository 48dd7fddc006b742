import { keccak256, type PublicClient } from "viem"
import { isCodeOf, type PlacedRuntime } from "../contracts/code.ts"
import { certificatesBytecode, certificatesRuntime } from "../contracts/generated/certificates.ts"
import { greenTokenBytecode, greenTokenRuntime } from "../contracts/generated/greenToken.ts"
import { impactOracleBytecode, impactOracleRuntime } from "../contracts/generated/impactOracle.ts"
import { issuanceBytecode, issuanceRuntime } from "../contracts/generated/issuance.ts"
import { meterRegistryBytecode, meterRegistryRuntime } from "../contracts/generated/meterRegistry.ts"
import { policyRegistryBytecode, policyRegistryRuntime } from "../contracts/generated/policyRegistry.ts"
import { retirementsBytecode, retirementsRuntime } from "../contracts/generated/retirements.ts"
import { sharingPoolBytecode, sharingPoolRuntime } from "../contracts/generated/sharingPool.ts"
import type { Hex } from "../protocol/hex.ts"
import type { CheckResult } from "./checks.ts"
import type { History } from "./record.ts"

const runtimes = {
  ImpactOracle: { bytecode: impactOracleBytecode, ...impactOracleRuntime },
  Issuance: { bytecode: issuanceBytecode, ...issuanceRuntime },
  MeterRegistry: { bytecode: meterRegistryBytecode, ...meterRegistryRuntime },
  PolicyRegistry: { bytecode: policyRegistryBytecode, ...policyRegistryRuntime },
  GreenToken: { bytecode: greenTokenBytecode, ...greenTokenRuntime },
  Certificates: { bytecode: certificatesBytecode, ...certificatesRuntime },
  Retirements: { bytecode: retirementsBytecode, ...retirementsRuntime },
  SharingPool: { bytecode: sharingPoolBytecode, ...sharingPoolRuntime },
} satisfies Record<string, PlacedRuntime>

/**
 * Each contract whose word the audit takes runs the code that this program was made with: another one could say one
 * thing and do another. An oracle of another kind is told of elsewhere: nothing that it settles is taken.
 */
export async function checkCode(
  client: PublicClient,
  history: History,
  pools: readonly Hex[],
  check: CheckResult,
): Promise<void> {
  const named: [name: keyof typeof runtimes, address: Hex][] = [
    ...[...history.policyOf.keys()].map((oracle) => ["ImpactOracle", oracle] as ["ImpactOracle", Hex]),
    ...[...new Set(history.policyOf.values())].map(
      (policy) => ["PolicyRegistry", policy] as ["PolicyRegistry", Hex],
    ),
    ["Issuance", history.issuance],
    ["MeterRegistry", history.registry],
    ["GreenToken", history.token],
    ["Certificates", history.certificates],
    ["Retirements", history.retirements],
    ...pools.map((pool) => ["SharingPool", pool] as ["SharingPool", Hex]),
  ]
  for (const [name, address] of named) {
    const code = await client.getCode({ address, blockNumber: history.toBlock })
    // Nothing was ever said by what is not there yet.
    if (code === undefined || isCodeOf(runtimes[name], code)) continue
    check.findings.push({
      check: check.name,
      where: `${name} ${address}`,
      what: `runs another code than this program knows of it (keccak256 ${keccak256(code)}): what it says proves nothing`,
    })
  }
}
