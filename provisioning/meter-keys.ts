import { hashTypedData } from "viem"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { PersonError } from "../protocol/error.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { meterIdOf, Scheme } from "../protocol/meter.ts"
import { type Deployment, scheduled } from "./deploy.ts"
import { ed25519PublicKey, signEd25519 } from "./keys.ts"
import { govern, type Operator, send } from "./operator.ts"

/** A meter's next key: its secret where the gateway holds it, otherwise what the meter itself signed with it. */
export interface NextKey {
  scheme: Scheme
  publicKey: Hex
  sign: (digest: Hex) => Hex
}

/** A key that the gateway holds. */
export function heldKey(secret: Hex): NextKey {
  return {
    scheme: Scheme.ed25519,
    publicKey: toHex(ed25519PublicKey(secret)),
    sign: (digest) => signEd25519(secret, digest),
  }
}

const keyIdOf = ({ scheme, publicKey }: Pick<NextKey, "scheme" | "publicKey">) =>
  meterIdOf(scheme, fromHex(publicKey))

function domainOf({ chainId, registry }: Pick<Deployment, "chainId" | "registry">) {
  return { name: "Commonwatt MeterRegistry", version: "1", chainId, verifyingContract: registry } as const
}

/** What the old key and the new one sign, so that the meter signs with the new one from `from` on, Unix seconds. */
export function rotationDigest(
  deployment: Pick<Deployment, "chainId" | "registry">,
  meterId: Hex,
  next: Pick<NextKey, "scheme" | "publicKey">,
  from: number,
): Hex {
  return hashTypedData({
    domain: domainOf(deployment),
    types: {
      Rotation: [
        { name: "meterId", type: "bytes32" },
        { name: "keyId", type: "bytes32" },
        { name: "from", type: "uint64" },
      ],
    },
    primaryType: "Rotation",
    message: { meterId, keyId: keyIdOf(next), from: BigInt(from) },
  })
}

/** What the new key signs, so that a lost one is recovered to it. */
export function recoveryDigest(
  deployment: Pick<Deployment, "chainId" | "registry">,
  meterId: Hex,
  next: Pick<NextKey, "scheme" | "publicKey">,
): Hex {
  return hashTypedData({
    domain: domainOf(deployment),
    types: {
      Recovery: [
        { name: "meterId", type: "bytes32" },
        { name: "keyId", type: "bytes32" },
      ],
    },
    primaryType: "Recovery",
    message: { meterId, keyId: keyIdOf(next) },
  })
}

const contract = (registry: Hex) => ({ address: registry, abi: meterRegistryAbi }) as const

/** Gives a meter another key from `from` on. @throws PersonError with the contract's reason, or while it waits for a delay. */
export async function rotateKey(
  operator: Operator,
  deployment: Deployment,
  meterId: Hex,
  { old, next, from }: { old: (digest: Hex) => Hex; next: NextKey; from: number },
): Promise<void> {
  const digest = rotationDigest(deployment, meterId, next, from)
  const outcome = await govern(operator, deployment.authority, {
    ...contract(deployment.registry),
    says: `meter ${meterId} signs with key ${next.publicKey} from ${new Date(from * 1000).toISOString()} on`,
    functionName: "rotate",
    args: [meterId, next.scheme, next.publicKey, BigInt(from), old(digest), next.sign(digest)],
  })
  if (!("done" in outcome)) throw scheduled(outcome.waitsUntil)
}

/**
 * Announces a key for a meter whose key is lost or stolen.
 * @returns when it can be finished, Unix seconds.
 */
export async function announceRecovery(
  operator: Operator,
  deployment: Deployment,
  meterId: Hex,
  next: NextKey,
): Promise<number> {
  const outcome = await govern(operator, deployment.authority, {
    ...contract(deployment.registry),
    says: `recovering meter ${meterId} to key ${next.publicKey}`,
    functionName: "announceRecovery",
    args: [meterId, next.scheme, next.publicKey, next.sign(recoveryDigest(deployment, meterId, next))],
  })
  if (!("done" in outcome)) throw scheduled(outcome.waitsUntil)
  const [, from] = await recoveryOf(operator, deployment, meterId)
  return Number(from)
}

async function recoveryOf(operator: Operator, { registry }: Deployment, meterId: Hex) {
  const announced = await operator.readContract({
    ...contract(registry),
    functionName: "recoveryOf",
    args: [meterId],
  })
  if (/^0x0+$/.test(announced[0])) throw new PersonError(`No recovery of meter ${meterId} is announced.`)
  return announced
}

/** Takes an announced recovery back: the guardian, or the meter's household. */
export async function cancelRecovery(
  operator: Operator,
  deployment: Deployment,
  meterId: Hex,
): Promise<void> {
  await recoveryOf(operator, deployment, meterId)
  // The household may without a role; the contract says who else.
  await send(operator, {
    ...contract(deployment.registry),
    says: `no recovery of meter ${meterId}`,
    functionName: "withdrawRecovery",
    args: [meterId],
  })
}

/** Executes a recovery once its delay is over; anyone may. @throws PersonError before that, with the time. */
export async function finishRecovery(
  operator: Operator,
  deployment: Deployment,
  meterId: Hex,
  next: Pick<NextKey, "scheme" | "publicKey">,
): Promise<void> {
  const [, from] = await recoveryOf(operator, deployment, meterId)
  const { timestamp } = await operator.getBlock()
  if (timestamp < from)
    throw new PersonError(
      `The recovery can be finished from ${new Date(Number(from) * 1000).toISOString()} on.`,
      {
        next: "Until then the household and the guardian can take it back.",
      },
    )
  await send(operator, {
    ...contract(deployment.registry),
    says: `meter ${meterId} is recovered to key ${next.publicKey}`,
    functionName: "recover",
    args: [meterId, next.scheme, next.publicKey],
  })
}
