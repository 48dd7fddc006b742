import fc from "fast-check"
import t from "tap"
import { getAddress } from "viem"
import { accountCode, checksumAddress, readAddress } from "./address.ts"
import { PersonError } from "./error.ts"
import { toHex } from "./hex.ts"

const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toHex)

t.test("an address has the capitals that another library gives it", async () => {
  fc.assert(fc.property(address, (any) => checksumAddress(any) === getAddress(any)))
})

t.test("what is written is read again, in lower case, and in one case without a checksum", async () => {
  fc.assert(
    fc.property(address, (any) => {
      if (/^0x0+$/.test(any)) return true
      const upper = `0x${any.slice(2).toUpperCase()}`
      return [checksumAddress(any), any, upper, ` ${any}\n`].every((text) => readAddress(text) === any)
    }),
  )
})

t.test("one wrong letter of an address with a checksum is found", async (t) => {
  const good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
  t.equal(readAddress(good), good.toLowerCase())
  for (let i = 2; i < good.length; i++) {
    const wrong = `${good.slice(0, i)}${good[i] === "1" ? "2" : "1"}${good.slice(i + 1)}`
    t.throws(() => readAddress(wrong), PersonError, wrong)
  }
})

t.test("nothing else is an address", async (t) => {
  for (const text of [
    "",
    "0x",
    "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    `0x${"0".repeat(40)}`,
    `0x${"1".repeat(41)}`,
    "vitalik.eth",
  ])
    t.throws(() => readAddress(text), PersonError, text)
})

t.test("a code of six digits tells two accounts apart, and is the same for one", async (t) => {
  t.match(accountCode("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), /^\d{3} \d{3}$/)
  t.not(accountCode(`0x${"1".repeat(40)}`), accountCode(`0x${"2".repeat(40)}`))
})
