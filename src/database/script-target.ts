/** The rule of the scripts: `DATABASE_URL`, or the embedded database and a line that says so. */
import type { DatabaseTarget } from './options.ts'

/** The directory of the embedded database that scripts fall back to. */
const embeddedDirectory = '.ibex'

/**
 * Chooses the database of a script: the server of `DATABASE_URL`, else the embedded one in `.ibex`.
 *
 * Only scripts may do so: a service with a missing variable must not quietly start an empty database. Print `notice`.
 */
export function scriptTarget(environment: NodeJS.ProcessEnv = process.env): {
  readonly target: DatabaseTarget
  readonly notice?: string
} {
  const url = environment['DATABASE_URL']
  if (url !== undefined && url !== '') return { target: { url } }
  return {
    target: { embedded: embeddedDirectory },
    notice: `DATABASE_URL is not set: using the embedded database in ${embeddedDirectory}`,
  }
}

/** The same for migrations, which cannot go through a transaction pooler: `DATABASE_DIRECT_URL` comes first. */
export function migrationTarget(
  environment: NodeJS.ProcessEnv = process.env,
): ReturnType<typeof scriptTarget> {
  const url = environment['DATABASE_DIRECT_URL'] ?? ''
  return scriptTarget(url === '' ? environment : { ...environment, DATABASE_URL: url })
}
