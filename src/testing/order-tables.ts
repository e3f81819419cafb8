/** The order in which tables are filled. */
import type { TestTable } from './model.ts'

/** Puts parents before children; of a cycle the optional foreign keys are left empty at first. */
export function orderTables(tables: readonly TestTable[]): readonly TestTable[] {
  const byId = new Map(tables.map((table) => [table.relation.id, table]))
  const ordered = new Set<TestTable>()
  const visit = (table: TestTable, path: readonly TestTable[]): void => {
    if (ordered.has(table) || path.includes(table)) return
    const inner = [...path, table]
    for (const parent of parentsOf(table, byId, false)) visit(parent, inner)
    for (const parent of parentsOf(table, byId, true)) {
      const needed = neededBy(parent, byId)
      if (!inner.some((waiting) => needed.has(waiting))) visit(parent, inner)
    }
    ordered.add(table)
  }
  for (const table of tables) visit(table, [])
  return [...ordered]
}

function parentsOf(
  { foreignKeys }: TestTable,
  byId: ReadonlyMap<string, TestTable>,
  isOptional: boolean,
): readonly TestTable[] {
  return foreignKeys
    .filter((key) => key.isOptional === isOptional)
    .flatMap(({ target }) => byId.get(target) ?? [])
}

function neededBy(table: TestTable, byId: ReadonlyMap<string, TestTable>): ReadonlySet<TestTable> {
  const needed = new Set([table])
  // a Set that grows while it is walked is walked to its new end
  for (const each of needed) for (const parent of parentsOf(each, byId, false)) needed.add(parent)
  return needed
}
