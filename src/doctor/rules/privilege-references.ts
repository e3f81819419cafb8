import { excessRight } from '../excess-right.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables to which the app role may create foreign keys. */
export const privilegeReferences: Rule = excessRight({
  code: 'privilege-references',
  severity: 'warning',
  privilege: 'REFERENCES',
  problem: 'The app role may create foreign keys to a tenant table.',
  why: 'A foreign key is checked with the eyes of the owner: with a table of its own the role could ask which keys exist in every tenant.',
})
