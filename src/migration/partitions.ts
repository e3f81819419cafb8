/** Hash partitions of a tenant table. */
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import type { TableName } from './names.ts'
import { parseTableName } from './names.ts'
import { revokeAll } from './tenant-isolation.ts'

/**
 * Creates the partitions `<table>_p00` … of a table that is partitioned by its tenant column.
 *
 * A partition that is read directly skips the policies of its parent, so nobody gets rights on one, and row-level
 * security without any policy hides its rows from whoever is given some later.
 */
export async function createHashPartitions(
  db: MigrationHandle,
  table: TableName,
  count: number,
): Promise<void> {
  for (let remainder = 0; remainder < count; remainder += 1) {
    const partition = parseTableName(`${table.schema}.${table.name}_p${String(remainder).padStart(2, '0')}`)
    await run(
      db,
      `create table ${partition.sql} partition of ${table.sql} for values with (modulus ${count}, remainder ${remainder})`,
    )
    await run(db, `alter table ${partition.sql} enable row level security`)
    await run(db, `alter table ${partition.sql} force row level security`)
    await revokeAll(db, partition)
  }
}
