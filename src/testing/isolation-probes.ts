/** Every probe of a filled database, and what is left out. */
import { functionProbes } from './function-probes.ts'
import { keyProbes } from './key-probes.ts'
import { provenTablesOf } from './model.ts'
import type { TestTable } from './model.ts'
import { partitionProbes, roleProbes, sequenceProbes, sharedTableProbes, viewProbes } from './other-probes.ts'
import type { Probe, ProbeContext } from './probe.ts'
import { tableProbes } from './table-probes.ts'

/** What is not proven, and why. */
export interface SkippedObject {
  readonly object: string
  readonly reason: string
}

/** The probes, and the objects that have none. */
export interface ProbePlan {
  readonly probes: readonly Probe[]
  readonly skipped: readonly SkippedObject[]
}

/** Plans the probes of everything in the catalog. */
export function planProbes(context: ProbeContext): ProbePlan {
  const { model } = context
  const probes = [
    ...roleProbes(context),
    ...provenTablesOf(model).flatMap((table) => probesOfTable(table, context)),
    ...model.partitions.flatMap((partition) => partitionProbes(partition, context)),
    ...sharedTableProbes(context),
    ...model.views.flatMap((view) => viewProbes(view, context)),
    ...model.sequences.flatMap((sequence) => sequenceProbes(sequence, context)),
    ...model.functions.flatMap((callable) => functionProbes(callable, context)),
  ]
  const exempt = exemptSubjects(context)
  return { probes: probes.filter(({ subject }) => !exempt.has(subject)), skipped: skippedObjects(context) }
}

function probesOfTable(table: TestTable, context: ProbeContext): readonly Probe[] {
  const rows = context.filled.rows.get(table.relation.id)
  const [[mine], [theirs]] = [rows?.mine ?? [], rows?.theirs ?? []]
  if (mine === undefined || theirs === undefined) return []
  const probed = { table, mine, theirs, context }
  return [...tableProbes(probed), ...keyProbes(probed)]
}

/** The ids of what the options exempt. */
export function exemptSubjects({ model }: Pick<ProbeContext, 'model'>): ReadonlySet<string> {
  const { exempt } = model.options
  const relations = model.schema.catalog.relations.filter(({ schema, name }) => `${schema}.${name}` in exempt)
  const functions = model.functions.filter(({ name, sql }) => name in exempt || sql in exempt)
  return new Set([...relations, ...functions].map(({ id }) => id))
}

function skippedObjects({ model, isEmbedded }: ProbeContext): readonly SkippedObject[] {
  const exempt = Object.entries(model.options.exempt).map(([object, reason]) => ({ object, reason }))
  const foreign = model.schema.catalog.relations.filter(({ kind }) => kind === 'foreign table')
  const odd = model.functions.filter((callable) => callable.arguments.some(({ isPseudo }) => isPseudo))
  return [
    ...exempt,
    ...foreign.map(({ sql }) => ({
      object: `foreign table ${sql}`,
      reason: 'its rows are in another database',
    })),
    ...odd.map(({ sql }) => ({ object: `function ${sql}`, reason: 'an argument has no type of its own' })),
    ...(isEmbedded
      ? [{ object: 'COPY FROM', reason: 'the embedded engine cannot refuse it at the client' }]
      : []),
  ]
}
