import { execFileSync, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"

/** Why a test that needs these programs cannot run here, or false. */
export function lacking(...programs: string[]): string | false {
  const absent = programs.filter((program) => spawnSync(program, ["--help"]).error)
  return absent.length > 0 ? `${absent.join(", ")}: not installed` : false
}

export interface Pair {
  certFile: string
  keyFile: string
}

export interface Issuer extends Pair {
  issue(commonName: string, over?: { days?: number; server?: boolean; file?: string }): Pair
}

/** Certificates as docs/operators.md makes them. */
export function issuer(directory: string, name: string): Issuer {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" })
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  const at = (file: string) => join(directory, file)
  const own = { certFile: at(`${name}.pem`), keyFile: at(`${name}.key`) }
  const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
  openssl(
    "req",
    "-x509",
    ...curve,
    "-days",
    "3650",
    "-subj",
    `/CN=${name}`,
    ...usage,
    "-keyout",
    own.keyFile,
    "-out",
    own.certFile,
  )
  return {
    ...own,
    issue(commonName, { days = 30, server = false, file = `${name}-${commonName.slice(0, 16)}` } = {}) {
      const pair = { certFile: at(`${file}.pem`), keyFile: at(`${file}.key`) }
      const extensions = at(`${file}.ext`)
      writeFileSync(
        extensions,
        server
          ? "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
          : "extendedKeyUsage=clientAuth\n",
      )
      openssl(
        "req",
        ...curve,
        "-subj",
        `/CN=${commonName}`,
        "-keyout",
        pair.keyFile,
        "-out",
        at(`${file}.csr`),
      )
      openssl(
        "x509",
        "-req",
        "-in",
        at(`${file}.csr`),
        "-CA",
        own.certFile,
        "-CAkey",
        own.keyFile,
        "-CAcreateserial",
        "-days",
        String(days),
        "-extfile",
        extensions,
        "-out",
        pair.certFile,
      )
      return pair
    },
  }
}
