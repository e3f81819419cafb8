import { leakyIndexes } from '../leaky-indexes.ts'
import { indexObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds columns of indexes that row-level security makes useless. */
export const indexColumnUnusable: Rule = {
  code: 'index-column-unusable',
  severity: 'info',
  problem: 'Row-level security keeps a column of an index from being searched.',
  why: 'The index is searched by its other columns, and the rows that they leave are read one by one, because the operators of this column are not leakproof. It still sorts, and a unique key still holds.',
  remedy:
    'Nothing, where the other columns leave few rows; else store what is searched in a column of a type with leakproof comparisons: text, uuid, numbers but numeric, times.',
  *find(schema) {
    for (const { index, isUseless, columns } of leakyIndexes(schema)) {
      if (isUseless) continue
      yield {
        object: indexObject(index),
        detail: `no leakproof operator searches ${columns.join(', ')}: ${index.definition}`,
      }
    }
  },
}
