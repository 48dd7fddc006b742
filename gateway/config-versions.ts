import { type Document, isMap, isSeq, type YAMLMap } from "yaml"

/** Of a configuration's form. Files from before there were versions are of version 0. */
export const currentVersion = 1

/** What takes a file of one version to the next; comments and order stay. */
const steps: Record<number, (document: Document) => string[]> = {
  0(document) {
    const done: string[] = []
    // The page's own address serves evidence as well.
    if (document.delete("publicUrl")) done.push("publicUrl is not used: removed")
    done.push(...busesFromMeters(document))
    return done
  },
}

/** Meters had host and port of their own; they share lines now, so that requests on one line take turns. */
function busesFromMeters(document: Document): string[] {
  const meters = document.get("meters")
  if (!isSeq(meters)) return []
  const done: string[] = []
  for (const meter of meters.items) {
    const modbus = isMap(meter) ? meter.get("modbus") : undefined
    if (!isMap(modbus) || !modbus.has("host")) continue
    const host = String(modbus.get("host"))
    const port = modbus.has("port") ? Number(modbus.get("port")) : 502
    modbus.delete("host")
    modbus.delete("port")
    const name = `${host}:${port}`
    modbus.items.unshift(document.createPair("bus", name))
    if (addBus(document, name, host, port)) done.push(`${name} is a bus of its own`)
    done.push(`meter ${(meter as YAMLMap).get("name")} is on bus ${name}`)
  }
  return done
}

/** @returns false where it is there already. */
function addBus(document: Document, name: string, host: string, port: number): boolean {
  const buses = document.get("buses")
  const known = isSeq(buses) && buses.items.some((bus) => isMap(bus) && bus.get("name") === name)
  if (known) return false
  const bus = document.createNode({ name, tcp: { host, port } })
  if (isSeq(buses)) buses.add(bus)
  else document.set("buses", document.createNode([bus]))
  return true
}

/**
 * Brings a configuration to the current version, in place.
 * @returns what was done to it, for people; nothing where there was nothing to do.
 * @throws RangeError for a version that this program does not know.
 */
export function migrate(document: Document): string[] {
  const found = document.get("version") ?? 0
  if (typeof found !== "number" || !Number.isInteger(found) || found < 0 || found > currentVersion)
    throw new RangeError(`There is no version ${String(found)} of a configuration.`)
  const done: string[] = []
  for (let version = found; version < currentVersion; version++) done.push(...steps[version]!(document))
  if (found < currentVersion) {
    document.delete("version")
    const root = document.contents
    if (isMap(root)) root.items.unshift(document.createPair("version", currentVersion))
    done.push(`it is of version ${currentVersion}`)
  }
  return done
}
