/** The proof that something was erased. */
import type { JsonArray } from '../../types/database.d.ts'

/** Why something is erased, and how far. */
export interface ErasureOptions {
  /** 1 to 1,000 characters, kept with the receipt: say nothing of the person. */
  readonly reason: string
  /** Memories that were superseded by an erased one, or merged into it, are erased too (default: true). */
  readonly includeDerived?: boolean | undefined
  /** The contents may be added again (default: false; they are refused then). */
  readonly allowRelearning?: boolean | undefined
}

/** What became of the rows of one table. */
export interface ErasureReceiptTable {
  /** With its schema: `ibex_core.memories`. */
  readonly table: string
  /** Rows that are gone. */
  readonly deleted: number
  /** Rows that stayed and no longer name the subject: the reference is empty, the id another. */
  readonly cleared: number
}

/** What an erasure did; kept in `erasure_receipts`, of an organization in `organization_erasures`. */
export interface ErasureResult {
  readonly id: string
  readonly subject: 'memory' | 'user' | 'organization'
  /** SHA-256 of the id in lower case, in 64 hexadecimal digits: the receipt itself does not say whose it is. */
  readonly subjectHash: string
  readonly reason: string
  /** The tables with a change, by name. */
  readonly tables: readonly ErasureReceiptTable[]
  /** Rows over all tables. */
  readonly deleted: number
  readonly cleared: number
  /** Contents that are refused from now on, and were not before. */
  readonly tombstones: number
  readonly erasedAt: Date
}

/** A receipt as it is stored. */
export interface StoredReceipt {
  readonly id: string
  readonly subject_type?: 'memory' | 'user'
  readonly subject_hash: string
  readonly reason: string
  readonly tables: JsonArray
  readonly deleted: string
  readonly cleared: string
  readonly tombstones?: number
  readonly created_at: Date
}

/** Turns a stored receipt into what callers get; one without a type is an organization's. */
export function toResult(receipt: StoredReceipt): ErasureResult {
  return {
    id: receipt.id,
    subject: receipt.subject_type ?? 'organization',
    subjectHash: receipt.subject_hash,
    reason: receipt.reason,
    // only the functions of erasure write it, and they write just this
    tables: receipt.tables as unknown as readonly ErasureReceiptTable[],
    deleted: Number(receipt.deleted),
    cleared: Number(receipt.cleared),
    tombstones: receipt.tombstones ?? 0,
    erasedAt: receipt.created_at,
  }
}
