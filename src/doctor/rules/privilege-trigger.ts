import { excessRight } from '../excess-right.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables on which the app role may create triggers. */
export const privilegeTrigger: Rule = excessRight({
  code: 'privilege-trigger',
  severity: 'warning',
  privilege: 'TRIGGER',
  problem: 'The app role may create triggers on a tenant table.',
  why: 'A trigger fires for the statements of every tenant and of the owner, and sees their rows.',
})
