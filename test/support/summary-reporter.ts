/** The last lines of a run: what was skipped and why, on which backend, and the totals. */
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node'
import { isPooledRun, unpooledLines } from './pooled-suite.ts'
import './skip.ts'

/**
 * Prints after vitest's own summary:
 *
 *     skipped 12 × one session: there is nobody to send the cancel request
 *     backend embedded
 *     340 passed, 0 failed, 12 skipped
 *
 * A file that cannot be loaded and an error outside of a test count as one failure each.
 */
export default class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length
    const failed = count('failed') + modules.flatMap(errorsOutsideOfTests).length + unhandledErrors.length
    const lines = [
      '',
      ...skipLines(tests.filter((test) => test.result().state === 'skipped')),
      ...(isPooledRun ? unpooledLines() : []),
      `backend ${this.#backend()}`,
      `${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`,
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
  }

  #backend(): string {
    const access = this.#vitest?.getRootProject().getProvidedContext().access
    const neighbour = process.env['TEST_NEIGHBOUR'] === '1' ? ', with a neighbour in every table' : ''
    const pooler = isPooledRun ? ', behind PgBouncer with one connection' : ''
    return access ? `${access.backend}${neighbour}${pooler}` : 'none: it did not start'
  }
}

function errorsOutsideOfTests(module: TestModule): readonly unknown[] {
  const suites = [...module.children.allSuites()]
  return [...module.errors(), ...suites.flatMap((suite) => suite.errors())]
}

function skipLines(skipped: readonly TestCase[]): string[] {
  const byReason = Map.groupBy(skipped, skipReason)
  return Array.from(byReason, ([reason, tests]) => `skipped ${tests.length} × ${reason}`)
}

function skipReason(test: TestCase): string {
  const result = test.result()
  const note = result.state === 'skipped' ? result.note : undefined
  return test.meta().skipReason ?? note ?? 'no reason given'
}
