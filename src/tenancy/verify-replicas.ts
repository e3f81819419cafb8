/** The check of a service's start on the replicas: their rows are the primary's, their logins need not be. */
import { ConnectionFailedError, IbexError, IsolationError, ServerUnavailableError } from '../errors.ts'
import { verifyIsolation } from './verify-isolation.ts'
import type { IsolationCheck, IsolationReport } from './verify-isolation.ts'
import type { TenantPool } from './wire.ts'

interface Finding {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Adds to the primary's report what the replicas give warning of, each in one round trip and all at once.
 *
 * A replica that does not answer is a warning: the service can do without it.
 *
 * @throws {IsolationError} when isolation would not hold on one, or it refuses the login.
 */
export async function verifyReplicas(
  report: IsolationReport,
  check: IsolationCheck,
  pools: readonly TenantPool[],
): Promise<IsolationReport> {
  const findings = await Promise.all(
    pools.map(async (pool, index) => {
      const { problems, warnings } = await examine({ ...check, pool })
      // the same login gives the same warnings everywhere: once is enough
      const news = warnings.filter((warning) => !report.warnings.includes(warning))
      return { problems: named(index, problems), warnings: named(index, news) }
    }),
  )
  const problems = findings.flatMap((finding) => finding.problems)
  if (problems.length > 0) throw new IsolationError(problems)
  return { ...report, warnings: [...report.warnings, ...findings.flatMap(({ warnings }) => warnings)] }
}

async function examine(check: IsolationCheck): Promise<Finding> {
  try {
    const { warnings } = await verifyIsolation(check)
    return { problems: [], warnings }
  } catch (error) {
    if (error instanceof ConnectionFailedError || error instanceof ServerUnavailableError)
      return { problems: [], warnings: ['it does not answer, so it was not checked'] }
    if (error instanceof IsolationError) return { problems: error.problems, warnings: [] }
    if (error instanceof IbexError) return { problems: [error.message], warnings: [] }
    throw error
  }
}

function named(index: number, sentences: readonly string[]): readonly string[] {
  return sentences.map((sentence) => `replicas[${index}]: ${sentence}`)
}
