/** The types that generated columns refer to, written into the file where they are used. */
import {
  AliasDeclarationNode,
  ArrayExpressionNode,
  ColumnTypeNode,
  IdentifierNode,
  MappedTypeNode,
  ObjectExpressionNode,
  PropertyNode,
  RawExpressionNode,
  TemplateNode,
  UnionExpressionNode,
} from 'kysely-codegen'
import type { ExpressionNode } from 'kysely-codegen'

/** A type of the generated file, and the others that it needs. */
export interface SharedType {
  readonly comment: string
  readonly needs: readonly string[]
  readonly declaration: AliasDeclarationNode
}

/** Every type that a column may refer to, by name. */
export const sharedTypes: ReadonlyMap<string, SharedType> = new Map(
  [
    shared('Circle', [], {
      body: object({ radius: name('number'), x: name('number'), y: name('number') }),
      comment: "A circle as it arrives; write PostgreSQL's text form, `<(0,0),1>`.",
    }),
    shared('Generated', [], {
      body: new TemplateNode(
        ['T'],
        new ColumnTypeNode(name('T'), union(name('T'), name('undefined')), name('T')),
      ),
      comment: 'A column with a default: it may be left out of an insert.',
    }),
    shared('Interval', [], {
      body: object(
        Object.fromEntries(
          ['years', 'months', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'].map((unit) => [
            unit,
            union(name('number'), name('undefined')),
          ]),
        ),
      ),
      comment:
        "An interval as it arrives, without the units that are 0; write PostgreSQL's text form, `1 day`.",
    }),
    shared('JsonArray', ['JsonValue'], {
      body: new ArrayExpressionNode(name('JsonValue')),
      comment: 'A JSON array as it arrives; write it as {@link JsonText}.',
    }),
    shared('JsonObject', ['JsonValue'], {
      body: new MappedTypeNode(name('JsonValue')),
      comment: 'A JSON object, read and written as it is.',
    }),
    shared('JsonText', [], {
      body: new RawExpressionNode('string & { readonly __json: true }'),
      comment:
        'JSON as text: `JSON.stringify(value) as JsonText`. pg would send a bare array as a PostgreSQL array, and a bare\nstring as if it were JSON already; both are refused (SQLSTATE 22P02).',
    }),
    shared('JsonValue', ['JsonArray', 'JsonObject'], {
      body: union(...['JsonArray', 'JsonObject', 'boolean', 'number', 'string', 'null'].map(name)),
      comment: 'Any JSON as it arrives.',
    }),
    shared('Point', [], {
      body: object({ x: name('number'), y: name('number') }),
      comment: "A point as it arrives; write PostgreSQL's text form, `(0,0)`.",
    }),
  ].map((type) => [type.declaration.id.name, type]),
)

function shared(
  typeName: string,
  needs: readonly string[],
  { body, comment }: { readonly body: ExpressionNode | TemplateNode; readonly comment: string },
): SharedType {
  return { comment, needs, declaration: new AliasDeclarationNode(typeName, body) }
}

function name(identifier: string): IdentifierNode {
  return new IdentifierNode(identifier)
}

function union(...alternatives: ExpressionNode[]): UnionExpressionNode {
  return new UnionExpressionNode(alternatives)
}

function object(properties: Readonly<Record<string, ExpressionNode>>): ObjectExpressionNode {
  return new ObjectExpressionNode(
    Object.entries(properties).map(([key, value]) => new PropertyNode(key, value)),
  )
}
