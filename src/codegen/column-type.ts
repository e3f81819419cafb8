/** The TypeScript type of one column: what a row holds, what an insert takes, what an update takes. */
import {
  ArrayExpressionNode,
  ColumnTypeNode,
  GenericExpressionNode,
  IdentifierNode,
  LiteralNode,
  UnionExpressionNode,
} from 'kysely-codegen'
import type { ExpressionNode } from 'kysely-codegen'
import type { ColumnDescription, TableDescription } from './describe-schema.ts'
import { isJson } from './json-types.ts'
import { arrayTypes, scalarTypes } from './scalar-types.ts'
import type { ScalarType } from './scalar-types.ts'

type Alternatives = readonly ExpressionNode[]

interface ReadAndWrite {
  readonly select: Alternatives
  readonly write: Alternatives
}

/**
 * The type of a column, as `T`, `Generated<T>` (may be left out of an insert) or `ColumnType<select, insert, update>`.
 *
 * Generated columns and views take no values. The columns of the primary key and the tenant column cannot be updated:
 * a row that moves takes another identity, and `org_id` is not granted for update.
 *
 * @param valueListName the alias of the column's value list, when it has one.
 */
export function columnType(
  table: TableDescription,
  column: ColumnDescription,
  valueListName: string | undefined,
): ExpressionNode {
  const { select, write } = readAndWrite(column, valueListName)
  const isWritable = !table.isView && !column.isGenerated
  const isFixed = table.primaryKey.includes(column.name) || table.tenantColumn === column.name
  const whenNull = column.isNullable ? ['null'] : []

  const selected = union([...select, ...names(whenNull)])
  if (!isWritable) return new ColumnTypeNode(selected, never, never)
  const written = union([...write, ...names(whenNull)])
  const isPlain = select === write && !isFixed
  if (isPlain) return column.hasDefault ? new GenericExpressionNode('Generated', [selected]) : selected
  const inserted = column.hasDefault ? union([...write, ...names([...whenNull, 'undefined'])]) : written
  return new ColumnTypeNode(selected, inserted, isFixed ? never : written)
}

const never: ExpressionNode = new IdentifierNode('never')

function readAndWrite(column: ColumnDescription, valueListName: string | undefined): ReadAndWrite {
  if (column.isArray) return arrayType(column)
  if (valueListName !== undefined) return same([new IdentifierNode(valueListName)])
  if (column.baseType === 'vector') return same([vectorType(column)])
  if (isJson(column)) return jsonType(column)
  return fromScalar(scalarTypes[column.baseType] ?? { select: 'string' })
}

function arrayType(column: ColumnDescription): ReadAndWrite {
  const element = isJson(column) ? jsonType(column) : elementType(column)
  // of other arrays pg knows no parser: they arrive as text, `{a,b}`, and are written as text or as an array
  const select = element === undefined ? names(['string']) : [new ArrayExpressionNode(union(element.select))]
  const write = element?.write ?? (column.values === undefined ? names(['string']) : literals(column.values))
  const list = new GenericExpressionNode('ReadonlyArray', [union(write)])
  return { select, write: element === undefined ? [list, new IdentifierNode('string')] : [list] }
}

function elementType(column: ColumnDescription): ReadAndWrite | undefined {
  const scalar = arrayTypes[column.baseType]
  return scalar === undefined ? undefined : fromScalar(scalar)
}

/** JSON arrays and strings must be written as text, see `JsonText` in `shared-types.ts`. */
function jsonType({ jsonType: type, namedType }: ColumnDescription): ReadAndWrite {
  if (namedType !== undefined) return namedJsonType(namedType.name, type)
  if (type === 'object') return same(names(['JsonObject']))
  if (type === 'array') return { select: names(['JsonArray']), write: names(['JsonText']) }
  return { select: names(['JsonValue']), write: names(['JsonObject', 'JsonText', 'boolean', 'number']) }
}

function namedJsonType(name: string, type: string | undefined): ReadAndWrite {
  const select = names([name])
  if (type === 'object') return same(select)
  if (type === 'array') return { select, write: names(['JsonText']) }
  // nothing says whether the type is of arrays or texts, which must be written as text
  const asItIs = new GenericExpressionNode('Exclude', [
    new IdentifierNode(name),
    union(names(['ReadonlyArray<unknown>', 'string'])),
  ])
  return { select, write: [asItIs, ...names(['JsonText'])] }
}

function vectorType({ modifier }: ColumnDescription): ExpressionNode {
  const dimensions = modifier > 0 ? [new LiteralNode(modifier)] : []
  return dimensions.length === 0
    ? new IdentifierNode('Vector')
    : new GenericExpressionNode('Vector', dimensions)
}

function fromScalar(scalar: ScalarType): ReadAndWrite {
  const select = names([scalar.select])
  return { select, write: scalar.insert === undefined ? select : names(scalar.insert) }
}

function same(alternatives: Alternatives): ReadAndWrite {
  return { select: alternatives, write: alternatives }
}

function names(identifiers: readonly string[]): Alternatives {
  return identifiers.map((identifier) => new IdentifierNode(identifier))
}

function literals(values: readonly (number | string)[]): Alternatives {
  return values.map((value) => new LiteralNode(value))
}

function union(alternatives: Alternatives): ExpressionNode {
  const [only] = alternatives
  return alternatives.length === 1 && only !== undefined ? only : new UnionExpressionNode([...alternatives])
}
