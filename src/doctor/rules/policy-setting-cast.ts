import { functionsOf } from '../examine.ts'
import { isSubselect, keywordOf, readTokens } from '../expression.ts'
import type { Token } from '../expression.ts'
import { alterPolicy } from '../mend.ts'
import { functionObject, policyObject } from '../objects.ts'
import { appPolicies } from '../policies.ts'
import type { Fault, Rule } from '../rule.ts'
import type { Examined } from '../examine.ts'

/** Finds settings that are cast although they may be empty. */
export const policySettingCast: Rule = {
  code: 'policy-setting-cast',
  severity: 'warning',
  problem: 'A policy casts a setting without nullif.',
  why: "After the first transaction that set it, a setting is '' and not null. The cast then raises 22P02 on a connection that served a tenant before, and works on a fresh one: an outage that no test shows.",
  remedy: "Read it as nullif(current_setting('…', true), '') in one function, and call that in every policy.",
  *find(schema) {
    yield* ofPolicies(schema)
    yield* ofFunctions(schema)
  },
}

function* ofPolicies(schema: Examined): Generator<Fault> {
  for (const { table, policy } of appPolicies(schema)) {
    const bare = policy.clauses
      .map(({ side, text }) => ({ side, text, calls: castCalls(readTokens(text)) }))
      .filter(({ calls }) => calls.length > 0)
    if (bare.length === 0) continue
    yield {
      object: policyObject(table, policy),
      detail: bare.map(({ text }) => text).join('; '),
      fix: [
        alterPolicy(
          table,
          policy,
          Object.fromEntries(bare.map(({ side, text, calls }) => [side, guard(text, calls)])),
        ),
      ],
    }
  }
}

/** The body of a function is a program, so only a person can mend it. */
function* ofFunctions(schema: Examined): Generator<Fault> {
  const called = new Set([...appPolicies(schema)].flatMap(({ policy }) => functionsOf(schema, policy)))
  for (const fn of called) {
    const isRead = /\bcurrent_setting\s*\(/iu.test(fn.source)
    if (!isRead || /\bnullif\s*\(/iu.test(fn.source) || isText(fn.returns)) continue
    yield { object: functionObject(fn), detail: `it returns ${fn.returns} from a setting and has no nullif` }
  }
}

/** The calls of current_setting, or sub-selects of one, that are cast to another type than text. */
function castCalls(tokens: readonly Token[]): readonly Token[] {
  return tokens.flatMap((token, index) => {
    const next = tokens[index + 1]
    if (keywordOf(token) === 'NULLIF') return []
    if (token.kind !== 'group' || keywordOf(tokens[index - 1]) === 'NULLIF') return []
    const inside = castCalls(token.tokens)
    const isCast = next?.kind === 'cast' && !isText(next.text.slice(2).trim())
    return isCast && isSetting(tokens[index - 1], token) ? [token, ...inside] : inside
  })
}

/** True for `current_setting(…)` and for parentheses or a sub-select around nothing else. */
function isSetting(before: Token | undefined, group: Token): boolean {
  if (keywordOf(before) === 'CURRENT_SETTING') return true
  if (group.kind !== 'group') return false
  const start = isSubselect(group) ? 1 : 0
  const [first, second] = group.tokens.slice(start)
  if (first?.kind === 'group') return isSetting(undefined, first)
  return second !== undefined && keywordOf(first) === 'CURRENT_SETTING'
}

function guard(text: string, calls: readonly Token[]): string {
  return calls.toReversed().reduce((mended, { start, end }) => {
    const name = /current_setting\s*$/u.exec(mended.slice(0, start))?.index ?? start
    return `${mended.slice(0, name)}nullif(${mended.slice(name, end)}, '')${mended.slice(end)}`
  }, text)
}

function isText(type: string): boolean {
  return /^(?:text|character varying|name|"char"|character)\b/u.test(type)
}
