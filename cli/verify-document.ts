import { type Credential, isCredential, judgeCredential } from "../protocol/credential.ts"
import { isEquivocation, judgeEquivocation } from "../protocol/equivocation.ts"
import { isDisclosure, verifyDisclosure } from "./disclosure.ts"
import { proofIn } from "./proof.ts"

/** Judges what is no record of a meter: a proof of fraud, a claim, a disclosure. @returns undefined when it is none of them. */
export async function verifyDocument(
  bytes: Uint8Array,
  file: string,
  rpc: string | undefined,
): Promise<number | undefined> {
  const text = Buffer.from(bytes.subarray(0, mostProofBytes)).toString("utf8")
  if (isEquivocation(text)) return verifyProof(text, file)
  if (isCredential(text)) return verifyCredential(text)
  const whole = Buffer.from(bytes).toString("utf8")
  return isDisclosure(whole) ? verifyDisclosure(whole, rpc) : undefined
}

/** Two records of the longest format, in hexadecimal. */
const mostProofBytes = 128 * 1024

/** A proof of fraud holds its own signatures: it is judged by them alone. */
async function verifyProof(text: string, file: string): Promise<number> {
  const proof = proofIn(text, file)
  const { proven, by, number, ...more } = await judgeEquivocation(proof)
  const shown = {
    proven,
    kind: proof.kind,
    by,
    ...more,
    ...(number !== undefined && { number: `${number}` }),
  }
  process.stdout.write(`${JSON.stringify(shown)}\n`)
  return proven ? 0 : 1
}

/** A claim that `commonwatt claim` made: its issuer's key is in its name. Whether to trust the issuer is yours to say. */
function verifyCredential(text: string): number {
  const { credential, reasons } = judgeCredential(text)
  const { issuer, validFrom, credentialSubject, evidence } = credential ?? ({} as Partial<Credential>)
  const shown = { valid: reasons.length === 0, reasons, issuer, validFrom, credentialSubject, evidence }
  process.stdout.write(`${JSON.stringify(shown)}\n`)
  return reasons.length === 0 ? 0 : 1
}
