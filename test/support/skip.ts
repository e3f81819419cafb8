/** Skipping out loud what a backend cannot do. */
import { existsSync } from 'node:fs'
import { inject } from 'vitest'
import { hasPgBouncer } from './pgbouncer.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test does not run on this backend; the summary prints it. */
    readonly skipReason?: string
  }
}

/** What `test` and `describe` take between their name and their function. */
export interface SkipOptions {
  readonly skip: boolean
  readonly meta: { readonly skipReason?: string }
}

/**
 * Skips a test, or a whole `describe`, on the embedded engine; the reason is printed and counted after the run.
 *
 * A reason that begins with `one connection` holds behind a pooler with one connection too (`TEST_POOLER=1`): what needs two
 * at once would wait for itself.
 *
 * ```ts
 * test('cancels a statement', skipOnEmbedded('one session: there is nobody to send the cancel request'), async () => …)
 * ```
 */
export function skipOnEmbedded(reason: string): SkipOptions {
  const isOneConnection = isBehindPooler() && reason.startsWith('one connection')
  return inject('access').backend === 'embedded' || isOneConnection ? skipped(reason) : running
}

/** Skips what brings its own embedded engine, and need not run on every backend, where there is a server. */
export function skipOnServer(): SkipOptions {
  return inject('access').backend === 'embedded' ? running : skipped('the embedded backend does it')
}

/** Skips what cannot go through PgBouncer with one connection, in the run where everything does (`TEST_POOLER=1`). */
export function skipBehindPooler(reason: string): SkipOptions {
  return isBehindPooler() ? skipped(reason) : running
}

/** Skips where there is no server or no PgBouncer. */
export function skipWithoutPgBouncer(): SkipOptions {
  if (inject('access').backend === 'embedded') return skipped('no server to pool connections to')
  return hasPgBouncer() ? running : skipped('pgbouncer is not installed (Debian: apt-get install pgbouncer)')
}

/** Skips what needs a file that is not part of the repository. */
export function skipWithoutFile(path: string, name: string): SkipOptions {
  return existsSync(path) ? running : skipped(`${name} is missing`)
}

const running: SkipOptions = { skip: false, meta: {} }

function skipped(skipReason: string): SkipOptions {
  return { skip: true, meta: { skipReason } }
}

function isBehindPooler(): boolean {
  const access = inject('access')
  return access.backend !== 'embedded' && access.poolerPort !== undefined
}
