/** Skipping out loud what a backend cannot do. */
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
 * ```ts
 * test('cancels a statement', skipOnEmbedded('one session: there is nobody to send the cancel request'), async () => …)
 * ```
 */
export function skipOnEmbedded(reason: string): SkipOptions {
  return inject('access').backend === 'embedded'
    ? { skip: true, meta: { skipReason: reason } }
    : { skip: false, meta: {} }
}

/** Skips where there is no server or no PgBouncer. */
export function skipWithoutPgBouncer(): SkipOptions {
  if (inject('access').backend === 'embedded') return skipOnEmbedded('no server to pool connections to')
  return hasPgBouncer()
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: 'pgbouncer is not installed (Debian: apt-get install pgbouncer)' } }
}

/** Skips what cannot go through PgBouncer with one connection, in the run where everything does (`TEST_POOLER=1`). */
export function skipBehindPooler(reason: string): SkipOptions {
  const access = inject('access')
  return access.backend !== 'embedded' && access.poolerPort !== undefined
    ? { skip: true, meta: { skipReason: reason } }
    : { skip: false, meta: {} }
}
