import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import t from "tap"
import { stringify } from "yaml"
import { settings as settingsOf } from "../config-doc.ts"
import { leftOut, packConfig } from "./configured-files.ts"

/** Settings that hold a path, by their names. */
const isPath = (place: string) => /(^|\.)(file|path|directory|[a-z][A-Za-z]*(Files?|Dir))$/.test(place)

const places = settingsOf()
  .map(({ place }) => place.replaceAll("[]", ""))
  .filter(isPath)

/** A configuration in which every such setting names a file: a list has one entry. */
function everySetting(pathOf: (place: string) => string): object {
  const root: Record<string, unknown> = {}
  const lists = new Set(settingsOf().flatMap(({ place }) => (place.endsWith("[]") ? [place] : [])))
  for (const place of settingsOf().flatMap(({ place }) =>
    isPath(place.replaceAll("[]", "")) ? [place] : [],
  )) {
    let part = root
    const names = place.split(".")
    for (const [i, name] of names.slice(0, -1).entries()) {
      const bare = name.replace("[]", "")
      const isList = lists.has(names.slice(0, i + 1).join("."))
      if (!(bare in part)) part[bare] = isList ? [{}] : {}
      part = (isList ? (part[bare] as object[])[0] : part[bare]) as Record<string, unknown>
    }
    const path = pathOf(place.replaceAll("[]", ""))
    part[names.at(-1)!.replace("[]", "")] = place.endsWith("[]") ? [path] : path
  }
  return root
}

t.test("every file that a configuration can name is in a back-up, or is named as left out", async (t) => {
  const directory = t.testdir()
  t.ok(places.includes("validatorBroker.caFile") && places.includes("relay.keyFile"))
  const config = everySetting((place) => `./named/${place}`)
  for (const place of places) {
    const file = join(directory, "named", place)
    mkdirSync(place.endsWith("Dir") ? file : dirname(file), { recursive: true })
    writeFileSync(place.endsWith("Dir") ? join(file, "one.yaml") : file, place)
  }
  writeFileSync(join(directory, "gateway.yaml"), stringify(config))
  const { files, absent } = packConfig(join(directory, "gateway.yaml"))
  t.same(absent, [])
  const packed = [...files.values()].map((file) => file.slice(join(directory, "named/").length))
  for (const place of places)
    if (leftOut.includes(place)) t.notOk(packed.includes(place), `${place} is left out`)
    else t.ok(packed.includes(place) || packed.includes(`${place}/one.yaml`), `${place} is in it`)
  t.equal(files.size, places.length - leftOut.length)
  for (const place of leftOut) t.ok(places.includes(place), `${place} is a setting`)
})

t.test(
  "keys that systemd shows to a service, and files elsewhere, get a place beside the configuration",
  async (t) => {
    const directory = t.testdir({
      shown: { site: "the site's", roof: "the roof's" },
      etc: { "gateway.yaml": "" },
    })
    process.env.CREDENTIALS_DIRECTORY = join(directory, "shown")
    t.teardown(() => delete process.env.CREDENTIALS_DIRECTORY)
    const file = join(directory, "etc", "gateway.yaml")
    const settings = {
      chain: { keyFile: "$CREDENTIALS_DIRECTORY/site" },
      relay: { keyFile: "$CREDENTIALS_DIRECTORY/gone" },
      meters: [{ modbus: { keyFile: "$CREDENTIALS_DIRECTORY/roof" } }],
      web: { tls: { certFile: join(directory, "shown/site"), keyFile: "../shown/roof" } },
    }
    writeFileSync(file, stringify(settings))
    const { text, files, absent } = packConfig(file)
    t.same([...files.keys()], ["files/1-site", "files/2-roof"], "each once")
    t.same(
      [...files.values()].map((path) => path.slice(directory.length)),
      ["/shown/site", "/shown/roof"],
    )
    t.match(text, /keyFile: files\/1-site[\s\S]*keyFile: files\/2-roof/)
    t.same(absent, ["$CREDENTIALS_DIRECTORY/gone"])
    t.same(readdirSync(join(directory, "etc")), ["gateway.yaml"])
  },
)
