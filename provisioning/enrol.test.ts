import { join } from "node:path"
import t from "tap"
import { parseDocument } from "yaml"
import { meterIdOf, Scheme } from "../protocol/meter.ts"
import { checkEntries, describeEntry, putHousehold, putMeter, readEntries } from "./enrol.ts"
import { ed25519PublicKey } from "./keys.ts"
import { labelLink, labelSheet, labelSvg } from "./labels.ts"

const anna = `0x${"a1".repeat(20)}` as const
const secret = `0x${"5e".repeat(32)}` as const
const publicKey = ed25519PublicKey(secret)
const head = "name,household,address,ratedW,startTime,startWh,keyFile,bus,unit,profile,measures"

t.test("a table of meters becomes what is registered and read", async (t) => {
  const folder = t.testdir({ "roof.key": `${secret}\n` })
  const table = `${head}\nAnna roof,Anna,${anna.toUpperCase().replace("0X", "0x")},5000,1795258800,112358,roof.key,cupboard,1,sdm630,generation\n`
  const [entry] = readEntries(table, join(folder, "meters.csv"))
  t.match(entry, {
    address: anna,
    assurance: "gateway",
    startWh: 112_358n,
    unit: 1,
    meterId: meterIdOf(Scheme.ed25519, publicKey),
  })
  const told = describeEntry(entry!, 7)
  for (const said of [
    "Anna roof",
    anna,
    "site 7",
    "5000 W",
    "112.358 kWh on 2026-11-21T",
    "cupboard unit 1",
    "the gateway signs",
  ])
    t.ok(told.includes(said), said)
  t.notOk(told.includes("5e5e"))

  const document = parseDocument("site: 7 # ours\nhouseholds: []\nmeters: []\n")
  t.same(putHousehold(document, "Anna", anna), ["household Anna is in the configuration"])
  t.same(putMeter(document, entry!, "roof.key"), ["meter Anna roof is in the configuration"])
  t.same([putHousehold(document, "Anna", anna), putMeter(document, entry!, "roof.key")], [[], []], "once")
  const text = document.toString()
  t.match(text, /# ours/)
  t.same(parseDocument(text).toJS(), {
    site: 7,
    households: [{ name: "Anna", address: anna }],
    meters: [
      {
        name: "Anna roof",
        household: anna,
        scheme: "ed25519",
        publicKey: entry!.publicKey,
        ratedW: 5000,
        startTime: 1_795_258_800,
        startWh: "112358",
        modbus: {
          bus: "cupboard",
          unit: 1,
          profile: "sdm630",
          measures: "generation",
          everySeconds: 60,
          keyFile: "roof.key",
        },
      },
    ],
  })
  t.throws(() => putHousehold(document, "Bert", anna), { message: /has the address .* as Anna, not Bert/ })
  t.throws(() => putMeter(document, { ...entry!, name: "roof" }, undefined), {
    message: /as Anna roof, not roof/,
  })
})

t.test("every mistake of a table is named with its line, and nothing is taken of it", async (t) => {
  const folder = t.testdir({ "roof.key": `${secret}\n` })
  const good = `roof,Anna,${anna},5000,1795258800,0,roof.key,cupboard,1,sdm630,generation`
  const table = [
    head,
    good,
    good.replace("roof,", "again,"),
    good.replace("5000", "5 kW"),
    good.replace(anna, "0x12"),
    good.replace("roof.key", "none.key"),
    good.replace("cupboard", ""),
    good.replace("roof.key", ""),
  ].join("\n")
  try {
    readEntries(table, join(folder, "meters.csv"))
    t.fail("it was taken")
  } catch (error) {
    t.match(error, {
      name: "PersonError",
      context: [
        /^line 3: line 2 has the same key/,
        /^line 4: ratedW: must be a whole number/,
        /^line 5: address: must be the household's address/,
        /^line 6: The key of roof cannot be read\..*none\.key/,
        /^line 7: bus: bus, unit, profile and measures go together/,
        /^line 8: publicKey: is missing, and keyFile as well/,
      ],
    })
  }
  t.throws(() => readEntries(`${head},colour\n${good},red\n`, join(folder, "m.csv")), {
    name: "PersonError",
    context: [/colour/],
  })
  t.throws(() => checkEntries([{ place: "this meter", fields: {} }], "x"), { name: "PersonError" })
})

t.test("a label says which meter, and nothing that stands on it can be anything else", async (t) => {
  const label = {
    name: 'Roof <b>"1"</b>',
    household: "Anna & Bert",
    meterId: meterIdOf(Scheme.ed25519, publicKey),
    page: "https://lane.example/",
  }
  t.equal(labelLink(label), `https://lane.example/#meter=${label.meterId}`)
  for (const printed of [labelSvg(label), labelSheet([label])]) {
    t.notMatch(printed, /<b>/)
    t.match(printed, "Anna &amp; Bert")
    t.match(printed, /<path d="M/)
  }
})
