import type { Examined } from '../examine.ts'
import { functionObject, relationObject } from '../objects.ts'
import type { Fault, Rule } from '../rule.ts'

/** Finds what the app role owns. */
export const roleOwner: Rule = {
  code: 'role-owner',
  severity: 'error',
  problem: 'The app role owns an object.',
  why: 'An owner can switch row-level security off, drop policies and give rights away; an owner of a schema can replace what is in it.',
  remedy: 'Give the object to the role that runs migrations.',
  *find(schema) {
    const { catalog } = schema
    const owned = (owner: string): boolean => schema.options.roles.includes(owner)
    const { database } = catalog
    // to whom a database should belong only a person can say
    if (owned(database.owner)) yield { object: 'database', detail: 'the app role owns the whole database' }
    for (const { sql, owner } of catalog.schemas) {
      if (owned(owner)) yield fault(schema, `schema ${sql}`, `alter schema ${sql}`)
    }
    for (const relation of catalog.relations) {
      if (!owned(relation.owner)) continue
      yield fault(schema, relationObject(relation), `alter ${relation.kind} ${relation.sql}`)
    }
    for (const fn of catalog.functions) {
      if (owned(fn.owner)) yield fault(schema, functionObject(fn), `alter routine ${fn.sql}`)
    }
  },
}

function fault({ catalog, options }: Examined, object: string, alter: string): Fault {
  const owner = catalog.roles.find(({ name }) => name === catalog.database.owner)
  const isKnown = owner !== undefined && !options.roles.includes(owner.name)
  return {
    object,
    detail: 'the app role owns it',
    ...(isKnown ? { fix: [`${alter} owner to ${owner.sql}`] } : {}),
  }
}
