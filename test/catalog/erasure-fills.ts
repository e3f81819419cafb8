/** The rows of the large fixture in the tables of erasure. */

/** Holds that stand for nobody, so that nothing is held, and receipts. */
export const erasureFills: readonly {
  readonly table: string
  readonly values: Readonly<Record<string, string>>
}[] = [
  {
    table: 'legal_holds',
    values: {
      id: "md5(org || 'legal_holds' || i)::uuid",
      subject_type: "'user'",
      subject_id: "md5(org || 'held' || i)::uuid",
      reason: "'A quarrel.'",
    },
  },
  {
    table: 'erasure_receipts',
    values: {
      id: "md5(org || 'erasure_receipts' || i)::uuid",
      subject_type: "'memory'",
      subject_hash: "encode(sha256(i::text::bytea), 'hex')",
      reason: "'Asked for.'",
      tables: "'[]'",
    },
  },
]
