import t from "tap"
import { readEnvelope } from "./envelope.ts"
import { MalformedOcmf } from "./malformed.ts"
import { utf8 } from "./sign.test.support.ts"

const record = 'OCMF|{"TT":"5 < 6 & 7 > ü"}|{"SD":"00"}'
const escaped = record.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
const file = (...values: string[]) =>
  `<?xml version="1.0" encoding="UTF-8"?><values>${values.join("\n")}</values>`
const data = (text: string, attributes = "") => `<value><signedData${attributes}>${text}</signedData></value>`

const recordsIn = (text: string | Uint8Array) =>
  readEnvelope(typeof text === "string" ? utf8(text) : text).map(({ record }) =>
    record instanceof MalformedOcmf ? record.message : Buffer.from(record).toString("utf8"),
  )

t.test("a record comes out as it was signed, however the file writes it", async (t) => {
  const hex = Buffer.from(record).toString("hex")
  for (const text of [
    data(escaped),
    data(`\n\t${escaped}\r\n  `, ' format="OCMF" encoding="plain"'),
    data(`<![CDATA[${record}]]>`, " format='ocmf'"),
    data(record.replaceAll("&", "&#38;").replaceAll("<", "&#x3C;").replaceAll("ü", "&#252;")),
    data(hex.toUpperCase().replace(/.{40}/g, "$&\n"), ' encoding="hex"'),
    data(Buffer.from(record).toString("base64"), ' transactionId="1" encoding="base64"'),
    `<value transactionId="1" context="Transaction.End"><encodedData format="OCMF">${escaped}</encodedData ></value >`,
    `<!-- <value><signedData>another</signedData></value> -->${data(escaped)}`,
  ])
    t.same(recordsIn(file(text)), [record], text)
})

t.test("a file in Latin-1 gives the UTF-8 that was signed", async (t) => {
  const latin = file(data(escaped)).replace("UTF-8", "ISO-8859-1")
  t.same(recordsIn(Buffer.from(latin, "latin1")), [record])
})

t.test("each value has its own record and key", async (t) => {
  const text = file(
    `<value><signedData>OCMF|1</signedData><publicKey encoding="hex"> 30 46\n30 </publicKey></value>`,
    data("OCMF|2"),
    "<value></value>",
    data("AP;0", ' format="ALFEN"'),
    data("zz", ' encoding="hex"'),
    data("00", ' encoding="base58"'),
  )
  t.match(recordsIn(text), [
    "OCMF|1",
    "OCMF|2",
    "A value of the file has no signed data.",
    "The file says that this record is ALFEN, which is not read.",
    "The record cannot be read as hex.",
    "The record cannot be read as base58.",
  ])
  t.same(
    readEnvelope(utf8(text)).map(({ publicKey }) => publicKey),
    ["30 46\n30", undefined, undefined, undefined, undefined, undefined],
  )
  t.same(recordsIn("<values></values>"), [])
})
