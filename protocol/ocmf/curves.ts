/** A curve that OCMF signs over, with what is needed to check keys and signatures before OpenSSL sees them. */
export interface Curve {
  readonly name: CurveName
  /** Bytes of a coordinate, and of r and s. */
  readonly size: number
  /** The order of the base point: r and s are from 1 to order - 1 (FIPS 186-5, 6.4.2). */
  readonly order: bigint
  /** DER of the SubjectPublicKeyInfo up to the 0x04 of an uncompressed point (RFC 5480, 2). */
  readonly spkiPrefix: Uint8Array
}

export type CurveName =
  | "secp192k1"
  | "secp256k1"
  | "secp192r1"
  | "secp256r1"
  | "secp384r1"
  | "brainpoolP256r1"
  | "brainpoolP384r1"

/** DER of 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480, 2.1.1). */
const ecPublicKey = "06072a8648ce3d0201"

/** Orders and object identifiers: SEC 2, 2.2 to 2.5, and appendix A; brainpool: RFC 5639, 3.4, 3.6 and 4.1. */
export const curves: Readonly<Record<CurveName, Curve>> = Object.freeze({
  secp192k1: curve("secp192k1", "06052b8104001f", "fffffffffffffffffffffffe26f2fc170f69466a74defd8d"),
  secp256k1: curve(
    "secp256k1",
    "06052b8104000a",
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
  ),
  secp192r1: curve("secp192r1", "06082a8648ce3d030101", "ffffffffffffffffffffffff99def836146bc9b1b4d22831"),
  secp256r1: curve(
    "secp256r1",
    "06082a8648ce3d030107",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
  ),
  secp384r1: curve(
    "secp384r1",
    "06052b81040022",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
  ),
  brainpoolP256r1: curve(
    "brainpoolP256r1",
    "06092b2403030208010107",
    "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
  ),
  brainpoolP384r1: curve(
    "brainpoolP384r1",
    "06092b240303020801010b",
    "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
  ),
})

/** The algorithm of a record without SA (OCMF 1.2, table 22). */
export const defaultAlgorithm = "ECDSA-secp256r1-SHA256"

/**
 * The signature algorithms of OCMF 1.2, table 22. The table writes the brainpool curves without the P of their own
 * standard; meters write them with it; both mean the same.
 */
const algorithms: ReadonlyMap<string, Curve> = new Map([
  ["ECDSA-secp192k1-SHA256", curves.secp192k1],
  ["ECDSA-secp256k1-SHA256", curves.secp256k1],
  ["ECDSA-secp192r1-SHA256", curves.secp192r1],
  ["ECDSA-secp256r1-SHA256", curves.secp256r1],
  ["ECDSA-secp384r1-SHA256", curves.secp384r1],
  ["ECDSA-brainpool256r1-SHA256", curves.brainpoolP256r1],
  ["ECDSA-brainpoolP256r1-SHA256", curves.brainpoolP256r1],
  ["ECDSA-brainpool384r1-SHA256", curves.brainpoolP384r1],
  ["ECDSA-brainpoolP384r1-SHA256", curves.brainpoolP384r1],
])
const algorithmsInLowerCase = new Map([...algorithms].map(([name, curve]) => [name.toLowerCase(), curve]))

/** The curve that SA names, in whatever case: the transparency software reads any. */
export function curveOfAlgorithm(name: string): Curve | undefined {
  return algorithmsInLowerCase.get(name.toLowerCase())
}

function curve(name: CurveName, oid: string, order: string): Curve {
  const size = order.length / 2
  const point = 1 + 2 * size
  const algorithm = der("30", ecPublicKey + oid)
  // The bit string's contents: no unused bits, then the point.
  const head = `${algorithm}03${hexByte(1 + point)}0004`
  const prefix = `30${hexByte(head.length / 2 - 1 + point)}${head}`
  return Object.freeze({
    name,
    size,
    order: BigInt(`0x${order}`),
    spkiPrefix: Uint8Array.from(Buffer.from(prefix, "hex")),
  })
}

/** All lengths here are below 128, so that one byte holds them (X.690, 8.1.3.4). */
function der(tag: string, contents: string): string {
  return `${tag}${hexByte(contents.length / 2)}${contents}`
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0")
}
