/** Findings that somebody looked at and accepted: a JSON file beside the code. */
import { readFile } from 'node:fs/promises'
import { InvalidBaselineError } from '../errors.ts'
import { acceptable, baselineStale, baselineUnknown, findingOf } from './findings.ts'
import type { AcceptedFinding, Finding } from './findings.ts'
import type { Baseline, BaselineEntry } from './options.ts'

/**
 * Reads a baseline from its file.
 *
 * @throws {InvalidBaselineError} when the file cannot be read or is not a baseline.
 */
export async function readBaseline(path: string): Promise<Baseline> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new InvalidBaselineError('the baseline file cannot be read: check its path', { cause })
  }
  return parseBaseline(text)
}

/**
 * Reads a baseline from its text: `{ "accepted": [{ "code": …, "object": …, "reason": … }] }`.
 *
 * @throws {InvalidBaselineError} when it is something else; the message names the entry by its number.
 */
export function parseBaseline(text: string): Baseline {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // the parser quotes the text
    throw new InvalidBaselineError('the baseline is no JSON: expected { "accepted": [] }')
  }
  return checkBaseline(value)
}

/** Checks a baseline that did not come from a file. */
export function checkBaseline(value: unknown): Baseline {
  if (!isObject(value) || !Array.isArray(value['accepted'])) {
    throw new InvalidBaselineError('the baseline must be an object with a list: { "accepted": [] }')
  }
  const accepted = value['accepted'].map((entry: unknown, index) => checkEntry(entry, index + 1))
  const keys = accepted.map(keyOf)
  const twice = keys.findIndex((key, index) => keys.indexOf(key) < index)
  if (twice !== -1)
    throw new InvalidBaselineError(`entry ${twice + 1} of the baseline accepts what an earlier one accepts`)
  return { accepted }
}

const fields = ['code', 'object', 'reason'] as const

function checkEntry(entry: unknown, position: number): BaselineEntry {
  const where = `entry ${position} of the baseline`
  if (!isObject(entry))
    throw new InvalidBaselineError(`${where} must be an object with code, object and reason`)
  const [code, object, reason] = fields.map((field) => {
    const text = entry[field]
    if (typeof text === 'string' && text.trim() !== '') return text
    throw new InvalidBaselineError(`${where}: ${field} must be a text that is not empty`)
  })
  const unknown = Object.keys(entry).find((key) => !fields.some((field) => field === key))
  if (unknown !== undefined) throw new InvalidBaselineError(`${where} has more than code, object and reason`)
  return { code: code ?? '', object: object ?? '', reason: reason ?? '' }
}

/** Takes accepted findings out, and adds one for each entry that accepts nothing. */
export function applyBaseline(
  findings: readonly Finding[],
  { accepted }: Baseline,
): { readonly findings: readonly Finding[]; readonly accepted: readonly AcceptedFinding[] } {
  const entries = new Map(accepted.map((entry) => [keyOf(entry), entry]))
  const found = new Set(findings.map(keyOf))
  const idle = accepted
    .filter((entry) => !found.has(keyOf(entry)))
    .map(({ code, object }) => {
      const fault = { object: `baseline ${code}, ${object}` }
      return acceptable.has(code)
        ? findingOf(baselineStale, { ...fault, detail: 'nothing of the kind was found' })
        : findingOf(baselineUnknown, { ...fault, detail: 'no rule has this code' })
    })
  return {
    findings: [...findings.filter((finding) => !entries.has(keyOf(finding))), ...idle],
    accepted: findings.flatMap((finding) => {
      const entry = entries.get(keyOf(finding))
      return entry === undefined ? [] : [{ ...finding, reason: entry.reason }]
    }),
  }
}

function keyOf({ code, object }: { readonly code: string; readonly object: string }): string {
  return `${code} ${object}`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
