import { isDamage, isFull } from "./health.ts"
import type { Journal } from "./journal.ts"

/** Whether readings can be stored, for people. */
export interface StorageStatus {
  /** Why not; undefined when they can. */
  problem: string | undefined
}

/** A journal whose commits are watched: what keeps readings from being stored is said, until one is stored again. */
export function watched(
  journal: Journal,
  onDamage: (why: string) => void,
): { journal: Journal; storage: StorageStatus } {
  const storage: StorageStatus = { problem: undefined }
  const commit: Journal["commit"] = (work) => {
    try {
      const done = journal.commit(work)
      storage.problem = undefined
      return done
    } catch (error) {
      const { message } = error as Error
      if (isFull(error))
        storage.problem = "the disk is full: readings are not acknowledged until there is room again"
      else if (isDamage(error)) {
        storage.problem = `the journal is damaged: ${message}`
        onDamage(storage.problem)
      } else storage.problem = `readings cannot be stored: ${message}`
      throw error
    }
  }
  return { journal: { ...journal, commit }, storage }
}

/** The words in which SQLite and the journal say that a file is not what was written. */
export function saysDamage(text: string | undefined): boolean {
  return /malformed|not a database|is not what was written/.test(text ?? "")
}
