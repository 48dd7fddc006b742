import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { encode } from "cborg"
import { pino } from "pino"
import type { Hex } from "../../../protocol/hex.ts"
import type { Journal } from "../../journal/journal.ts"
import type { Relay } from "../../relay/relay.ts"
import { letHouseholdsIn } from "../households.ts"
import { invitationsFile, keepInvitation, newInvitation } from "../invitations.ts"
import { createWeb } from "../server.ts"
import { openVillage } from "../village.test.support.ts"
import { openSessions } from "./store.ts"

export const origin = "http://localhost"

/** A gateway's pages whose time is the test's, and devices that remember their cookie. */
export function openDoor({
  addresses = [],
  relay,
}: {
  addresses?: Hex[]
  relay?: (journal: Journal) => Relay
} = {}) {
  const village = openVillage()
  addresses.forEach((address, i) => {
    village.config.households[i]!.address = address
  })
  let time = 1_800_000_000
  const now = () => time
  const log = pino({ level: "silent" })
  const sessions = openSessions(village.config.dataDir, now)
  const wallet = { sessions, relay: relay?.(village.journal), now, monotonic: now, log }
  const households = letHouseholdsIn(village.context, wallet)
  const app = createWeb(village.context, log, households.session)
  households.addRoutes(app)
  const [first, second] = village.config.households

  const door = {
    ...village,
    app,
    sessions,
    first: first!.address,
    second: second!.address,
    pass(seconds: number) {
      time += seconds
    },
    invite(household: Hex, seconds = 3600): string {
      const { token, entry } = newInvitation(household, time + seconds)
      keepInvitation(invitationsFile(village.config.dataDir), entry)
      return token
    },
    device() {
      let cookie = ""
      const ask = async (path: string, init: RequestInit = {}) => {
        const headers = { ...(cookie && { cookie }), ...(init.headers as Record<string, string>) }
        const response = await app.request(`${origin}${path}`, { ...init, headers })
        const set = response.headers.get("set-cookie")
        if (set) cookie = set.split(";")[0]!
        return response
      }
      const csrf = async () =>
        /name="csrf" value="([^"]+)"/.exec(await (await ask("/devices")).text())?.[1] ?? "none"
      return {
        ask,
        csrf,
        get cookie() {
          return cookie
        },
        form: (path: string, fields: Record<string, string>, headers: Record<string, string> = { origin }) =>
          ask(path, { method: "POST", body: new URLSearchParams(fields), headers }),
        json: (path: string, body: unknown, headers: Record<string, string> = {}) =>
          ask(path, {
            method: "POST",
            body: JSON.stringify(body),
            headers: { origin, "content-type": "application/json", ...headers },
          }),
      }
    },
    async loggedIn(household: Hex) {
      const device = door.device()
      await device.form("/join", { invitation: door.invite(household) })
      return device
    },
    end() {
      sessions.close()
      village.close()
    },
  }
  return door
}

export type Door = ReturnType<typeof openDoor>

/** An authenticator in software, which may be told to do things wrong. */
export function createAuthenticator(kind: "ES256" | "EdDSA" = "ES256") {
  const { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject } =
    kind === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519")
  const { x, y } = publicKey.export({ format: "jwk" })
  const bytes = (text: string | undefined) => Buffer.from(text ?? "", "base64url")
  const cose: [number, unknown][] =
    kind === "ES256"
      ? [
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, bytes(x)],
          [-3, bytes(y)],
        ]
      : [
          [1, 1],
          [3, -8],
          [-1, 6],
          [-2, bytes(x)],
        ]
  const id = createHash("sha256").update(bytes(x)).digest()
  let counter = 0
  const clientData = (type: string, over: object) =>
    Buffer.from(JSON.stringify({ type, origin, crossOrigin: false, ...over })).toString("base64url")
  const authData = (flags: number, rp: string, count: number, credential: Buffer = Buffer.alloc(0)) => {
    const head = Buffer.alloc(5)
    head[0] = flags
    head.writeUInt32BE(count, 1)
    return Buffer.concat([createHash("sha256").update(rp).digest(), head, credential])
  }
  return {
    id: id.toString("base64url"),
    create(challenge: string, { rp = "localhost", flags = 0x45, ...over }: Lies = {}) {
      const key = encode(new Map(cose))
      const credential = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, key])
      const attestation = { fmt: "none", attStmt: {}, authData: authData(flags, rp, counter, credential) }
      return {
        challenge,
        clientDataJSON: clientData("webauthn.create", { challenge, ...over }),
        attestationObject: Buffer.from(encode(attestation)).toString("base64url"),
      }
    },
    get(challenge: string, { rp = "localhost", flags = 0x05, count = ++counter, ...over }: Lies = {}) {
      const clientDataJSON = clientData("webauthn.get", { challenge, ...over })
      const data = authData(flags, rp, count)
      const signed = Buffer.concat([
        data,
        createHash("sha256").update(Buffer.from(clientDataJSON, "base64url")).digest(),
      ])
      return {
        challenge,
        id: id.toString("base64url"),
        clientDataJSON,
        authenticatorData: data.toString("base64url"),
        signature: sign(kind === "ES256" ? "sha256" : null, signed, privateKey).toString("base64url"),
      }
    },
  }
}

/** What an answer says in place of the truth. */
interface Lies {
  rp?: string
  flags?: number
  count?: number
  type?: string
  origin?: string
  challenge?: string
  crossOrigin?: boolean
}
