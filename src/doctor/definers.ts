/** SECURITY DEFINER functions that run because of what an app role does. */
import type { CatalogFunction } from './catalog.ts'
import type { Examined } from './examine.ts'

/** One of them, and how it comes to run. */
export interface Definer {
  readonly fn: CatalogFunction
  /** An app role may call it. */
  readonly isCallable: boolean
}

/** The functions that an app role may call, and those of triggers on tables that it may write. */
export function* definers(schema: Examined): Generator<Definer> {
  for (const fn of schema.catalog.functions) {
    if (!fn.isDefiner || !fn.isExamined) continue
    const isCallable = schema.grantsOn('function', fn.id).some(({ privilege }) => privilege === 'EXECUTE')
    const isFired = fn.triggerOn.some((relation) => isWritten(schema, relation))
    if (isCallable || isFired) yield { fn, isCallable }
  }
}

function isWritten(schema: Examined, relation: string): boolean {
  const grants = [...schema.grantsOn('relation', relation), ...schema.grantsOn('column', relation)]
  return grants.some(({ privilege }) => ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'].includes(privilege))
}
