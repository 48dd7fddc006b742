import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import t from "tap"

/** Who may import whom. The order tells the story of the data: from formats and rules outwards. */
const allowed: Record<string, readonly string[]> = {
  protocol: [],
  energy: ["protocol"],
  contracts: [],
  /** Evidence on disk and at others: whoever keeps some, gateway or validator, keeps it alike. Nobody judges by it. */
  evidence: ["protocol", "contracts"],
  /** The two ends of a wire use one cure for a fault of the library below. */
  serial: [],
  "device-sim": ["protocol", "energy", "serial"],
  /** Validator and auditor share formats and rules with the gateway and nothing else; the ABI is the chain's own. */
  audit: ["protocol", "energy", "contracts/generated"],
  /** What it scans for and sets up is what a gateway reads. */
  provisioning: ["protocol", "energy", "contracts", "gateway"],
  gateway: ["protocol", "energy", "contracts", "evidence", "serial"],
  demo: ["protocol", "energy", "contracts", "evidence", "device-sim", "audit", "provisioning", "gateway"],
  cli: [
    "protocol",
    "energy",
    "contracts",
    "evidence",
    "device-sim",
    "audit",
    "provisioning",
    "gateway",
    "demo",
  ],
  /** It must work beside any version of the rest. */
  systemd: [],
  /** It measures anything. */
  bench: ["protocol", "energy", "contracts", "evidence", "device-sim", "audit", "provisioning", "gateway"],
}

/** Inside the gateway: sources → verify → journal → settlement, relay; the web reads. `main.ts` alone knows them all. */
const allowedInGateway: Record<string, readonly string[]> = {
  verify: [],
  journal: ["verify"],
  sources: [],
  settlement: ["journal"],
  recovery: ["journal", "verify"],
  relay: ["journal", "settlement"],
  web: ["journal", "verify", "settlement", "relay", "supervise"],
  supervise: ["journal", "verify", "settlement"],
}

const files = Object.keys(allowed).flatMap((room) =>
  readdirSync(room, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes(".test."))
    .map((file) => join(room, file)),
)

/** Relative imports of a file, as paths from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8")
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, path]) =>
    normalize(join(dirname(file), path!)),
  )
}

t.test("each room imports only those that it may", async (t) => {
  t.ok(files.length > 50)
  for (const file of files) {
    const room = file.split("/")[0]!
    for (const target of importsOf(file)) {
      const isIn = (place: string) => target.startsWith(`${place}/`)
      if (!isIn(room) && !allowed[room]?.some(isIn)) t.fail(`${file} imports ${target}`)
    }
  }
})

t.test("inside the gateway data runs one way", async (t) => {
  for (const file of files.filter((name) => name.startsWith("gateway/"))) {
    const [, room = "", ...rest] = file.split("/")
    if (rest.length === 0) continue
    for (const target of importsOf(file)) {
      const [house, other = "", ...deeper] = target.split("/")
      if (house !== "gateway" || deeper.length === 0 || other === room) continue
      if (!allowedInGateway[room]?.includes(other)) t.fail(`${file} imports ${target}`)
    }
  }
})

t.test("there is no circle of files", async (t) => {
  const graph = new Map(files.map((file) => [file, importsOf(file)]))
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void t.fail([...path.slice(path.indexOf(file)), file].join(" → "))
    if (done.has(file)) return
    for (const target of graph.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  t.pass(`${done.size} files, from ${relative(".", files[0]!)} on`)
})
