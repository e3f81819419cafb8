/** Asks the primary how far its write-ahead log is. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { toWritePosition } from '../database/write-position.ts'
import type { WritePosition } from '../database/write-position.ts'

/**
 * Reads the position that covers everything committed before.
 *
 * Where the next record goes: with `synchronous_commit = off` a commit is acknowledged before it is flushed.
 */
export async function readWritePosition<DB>(db: Kysely<DB>): Promise<WritePosition> {
  const { rows } = await position.execute(db)
  return toWritePosition(rows[0]?.lsn ?? '')
}

const position = sql<{ lsn: string }>`select pg_catalog.pg_current_wal_insert_lsn()::text as lsn`
