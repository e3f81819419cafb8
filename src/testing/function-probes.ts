/** The probes of functions: called with what belongs to the other tenant. */
import type { FilledDatabase } from './stored-row.ts'
import { tenantTablesOf } from './model.ts'
import type { TestTable } from './model.ts'
import type { ProbeContext, Probe } from './probe.ts'
import { digestOf } from './probe.ts'
import type { CallableFunction, ColumnFacts, FunctionArgument } from './read-columns.ts'
import { quoteValue } from './sql-text.ts'
import { valueCandidates, words } from './value-candidates.ts'

/** How often a function is called at most, in each world. */
const mostCalls = 24

/** Calls a function with their tenant id, their ids and their words; none when an argument has no type of its own. */
export function functionProbes(callable: CallableFunction, context: ProbeContext): readonly Probe[] {
  if (callable.arguments.some(({ isPseudo }) => isPseudo)) return []
  const choices = callable.arguments.map((argument) => argumentChoices(argument, callable, context))
  const calls = Math.min(mostCalls, Math.max(1, ...choices.map(({ length }) => length)))
  const statements = Array.from({ length: calls }, (_, call) =>
    callOf(
      callable,
      choices.map((values) => values[call % values.length] ?? 'null'),
    ),
  )
  return [...new Set(statements)].map((statement) => ({
    subject: callable.id,
    object: `function ${callable.sql}`,
    kind: 'function',
    setup: '',
    statement,
    isWrite: true,
    mayVary: true,
  }))
}

function callOf(
  { call, isProcedure, isVariadic, arguments: types }: CallableFunction,
  values: readonly string[],
): string {
  const list = values.map((value, index) => {
    const variadic = isVariadic && index === values.length - 1 ? 'variadic ' : ''
    return `${variadic}${value}::${types[index]?.type ?? 'text'}`
  })
  const text = `${call}(${list.join(', ')})`
  return isProcedure ? `call ${text}` : digestOf(`select * from ${text}`)
}

/** SQL literals for one argument, the likeliest first: the tenant where it is meant, ids of tables that it is called after. */
function argumentChoices(
  argument: FunctionArgument,
  { source }: CallableFunction,
  context: ProbeContext,
): readonly string[] {
  const isArray = argument.element !== null
  const base = argument.element ?? argument.base
  const named = tenantTablesOf(context.model).filter(({ relation }) => source.includes(relation.name))
  const ids = idsOfTheirs(base, argument.name, { context, named })
  const plain = plainValues(argument, base, context)
  const isText = base === 'text' || base === 'varchar'
  const texts = isText ? textsOfTheirs(context, named) : []
  const values = isText
    ? [...new Set([...plain.slice(0, 3), ...texts, ...ids])]
    : ids.length > 0
      ? ids
      : plain
  const literals = values.map((value) => (isArray ? `array[${quoteValue(value)}]` : quoteValue(value)))
  // what is left out often means everything
  return ids.length > 0 && !isText ? literals : [literals[0] ?? 'null', 'null', ...literals.slice(1)]
}

function plainValues(
  { base: own, labels }: FunctionArgument,
  base: string,
  { model }: ProbeContext,
): readonly string[] {
  if (labels.length > 0) return labels
  const isVector = own === 'vector' || own === 'halfvec'
  const stored = isVector
    ? model.tables.flatMap(({ columns }) => columns).find((column) => column.base === own)
    : undefined
  const column: ColumnFacts = {
    relation: '',
    name: '',
    type: base,
    base,
    baseKind: 'base',
    modifier: stored?.modifier ?? -1,
    element: null,
    elementModifier: -1,
    labels: [],
    fields: 0,
    isNullable: true,
    default: null,
    identity: '',
    generated: null,
    domainChecks: [],
    domains: [],
    maySelect: false,
    mayInsert: false,
    mayUpdate: false,
  }
  const values = valueCandidates(column, {
    owner: 'theirs',
    number: 1,
    seed: model.options.seed,
    table: '',
    checks: [],
  })
  if (base === 'text' || base === 'varchar') return [words.theirs, `${words.theirs} 1`, ...values.slice(1, 2)]
  // a limit of some size, rather than one row
  return base.startsWith('int') ? ['10', '1', '1000000'] : values.slice(0, 2)
}

interface Sources {
  readonly context: ProbeContext
  /** The tables that the function names. */
  readonly named: readonly TestTable[]
}

function idsOfTheirs(base: string, argument: string, { context, named }: Sources): readonly string[] {
  if (!/^(?:uuid|int4|int8|text|varchar)$/u.test(base)) return []
  const { model, filled } = context
  const found: { readonly value: string; readonly rank: number }[] = []
  for (const table of tenantTablesOf(model)) {
    const distance = named.includes(table) ? 0 : 4
    for (const column of table.columns.filter((each) => each.base === base)) {
      const values = theirValues(filled, table, column.name)
      if (column.name === table.tenantColumn) {
        const isMeant = isTenantName(argument, column, model.options.doctor.tenantColumn)
        found.push({ value: filled.theirs, rank: isMeant ? -1 : 3 })
      } else if (table.primaryKey.includes(column.name) || column.name === argument)
        found.push(
          ...values.map((value) => ({
            value,
            rank: rankOf(argument, table.relation.name, column.name) + distance,
          })),
        )
    }
  }
  return [...new Set(found.toSorted((one, other) => one.rank - other.rank).map(({ value }) => value))]
}

/** What their rows say, whole: the texts that a search would find them by. */
function textsOfTheirs({ filled, model }: ProbeContext, named: readonly TestTable[]): readonly string[] {
  return [...named, ...tenantTablesOf(model)].flatMap((table) =>
    table.columns
      .filter(({ base }) => base === 'text' || base === 'varchar')
      .flatMap(({ name }) => theirValues(filled, table, name)),
  )
}

function theirValues({ rows }: FilledDatabase, table: TestTable, column: string): readonly string[] {
  return (rows.get(table.relation.id)?.theirs ?? []).slice(0, 1).flatMap((row) => row[column] ?? [])
}

function isTenantName(argument: string, column: ColumnFacts, conventional: string): boolean {
  const plain = argument.replaceAll('_', '').toLowerCase()
  return (
    plain.includes('tenant') ||
    plain.includes('org') ||
    plain.includes(conventional.replace(/_id$/u, '')) ||
    argument === column.name
  )
}

function rankOf(argument: string, table: string, column: string): number {
  const word = argument
    .replace(/_ids?$/u, '')
    .replace(/^p_|^_/u, '')
    .replace(/s$/u, '')
  if (argument === column && column !== 'id') return 1
  return word !== '' && table.includes(word) ? 1 : 2
}
