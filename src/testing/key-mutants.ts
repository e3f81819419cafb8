/** The mutants of keys: the same key without the tenant. */
import { constraintObject, indexObject } from '../doctor/objects.ts'
import type { Mutant } from './mutant.ts'
import { tableOf } from './model.ts'
import type { TestForeignKey, TestKey, TestModel, TestTable } from './model.ts'
import { quoteName, quoteNames } from './sql-text.ts'

/** The mutants of a table's foreign keys, unique keys and exclusion constraints. */
export function keyMutants(model: TestModel, table: TestTable): readonly Mutant[] {
  return [
    ...table.foreignKeys.flatMap((key) => foreignKeyMutant(model, table, key)),
    ...table.keys
      .filter(({ hasTenant, columns }) => hasTenant && columns.length > 0)
      .map((key) => uniqueMutant(table, key)),
  ]
}

function foreignKeyMutant(model: TestModel, table: TestTable, key: TestForeignKey): readonly Mutant[] {
  const { constraint, pairs, target } = key
  const parent = tableOf(model, target)
  const carriesTenant = table.tenantColumn !== undefined && constraint.columns.includes(table.tenantColumn)
  if (parent === undefined || parent.kind === 'shared' || !carriesTenant || pairs.length === 0) return []
  const columns = pairs.map(({ column }) => column)
  const targetColumns = pairs.map(({ targetColumn }) => targetColumn)
  return [
    {
      name: `${constraintObject(table.relation, constraint)}: (${columns.join(', ')}) without the tenant`,
      kind: 'key',
      subject: table.relation.id,
      likely: ['foreign key'],
      triggersOf: table.relation.sql,
      apply: `create unique index ibex_mutant on ${parent.relation.sql} (${quoteNames(targetColumns)});
        alter table ${table.relation.sql} drop constraint ${constraint.sql},
        add constraint ${constraint.sql} foreign key (${quoteNames(columns)}) references ${parent.relation.sql} (${quoteNames(targetColumns)})`,
      equivalent: withoutWrites(table, columns),
    },
  ]
}

function uniqueMutant(table: TestTable, key: TestKey): Mutant {
  const { name, columns, definition } = key
  const tenant = table.tenantColumn ?? ''
  const isExclusion = definition.startsWith('EXCLUDE')
  const rest = withoutColumn(definition, tenant)
  return {
    name: `${indexObject({ sql: `${quoteNames([table.relation.schema])}.${quoteName(name)}` })}: without the tenant`.replaceAll(
      '"',
      '',
    ),
    kind: 'key',
    subject: table.relation.id,
    likely: ['unique key'],
    triggersOf: table.relation.sql,
    apply: isExclusion
      ? `alter table ${table.relation.sql} add constraint ibex_mutant ${rest}`
      : `create unique index ibex_mutant on ${table.relation.sql} using ${rest}`,
    equivalent: withoutWrites(table, columns),
  }
}

/** `btree (org_id, slug) WHERE …` without `org_id, `; of an exclusion constraint without `org_id WITH =, `. */
function withoutColumn(definition: string, column: string): string {
  const names = [column, quoteName(column)].map((name) =>
    name.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`),
  )
  const part = `(?:${names.join('|')})(?: WITH =)?`
  return definition
    .replace(new RegExp(String.raw`\(${part}, `, 'u'), '(')
    .replace(new RegExp(`, ${part}(?=[,)])`, 'u'), '')
}

function withoutWrites({ columns }: TestTable, names: readonly string[]): string | undefined {
  const isWritten =
    columns.some(({ mayInsert }) => mayInsert) ||
    columns.some(({ name, mayUpdate }) => mayUpdate && names.includes(name))
  return isWritten ? undefined : 'the role writes none of its columns'
}
