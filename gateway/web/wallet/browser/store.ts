import type { Hex } from "../../../../protocol/hex.ts"
import type { SealedKey } from "../keystore.ts"

/** What signs on this device: a key of its own, or a wallet of this browser. */
export type Signing = { kind: "key"; key: SealedKey } | { kind: "wallet"; address: Hex }

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("commonwatt-wallet", 1)
    request.onupgradeneeded = () => void request.result.createObjectStore("signing")
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

async function inStore<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const db = await open()
  try {
    return await new Promise((resolve, reject) => {
      const transaction = db.transaction("signing", mode, { durability: "strict" })
      const request = work(transaction.objectStore("signing"))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error)
    })
  } finally {
    db.close()
  }
}

export const readSigning = () => inStore<Signing | undefined>("readonly", (store) => store.get("account"))

/** Keeps it, unless there is one: `add` refuses to write over another key. */
export async function keepSigning(signing: Signing): Promise<boolean> {
  try {
    await inStore("readwrite", (store) => store.add(signing, "account"))
  } catch {
    return false
  }
  // Asks the browser not to throw it away when the disk is short.
  await navigator.storage?.persist?.()
  return true
}

export const forgetSigning = () => inStore("readwrite", (store) => store.delete("account"))
