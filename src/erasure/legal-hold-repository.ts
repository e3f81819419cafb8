/** Duties to keep what is known of somebody or something. */
import { sql } from 'kysely'
import type { DB, LegalHold, LegalHoldSubjectType } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkObject, checkUuid } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkReason } from './erase-subject.ts'

/** What is to be kept, and why. */
export interface LegalHoldInput {
  /** A user's or agent's covers their sessions and memories, the organization's everything. */
  readonly subject: LegalHoldSubjectType
  /** Of the organization it can be left out. */
  readonly subjectId?: string | undefined
  /** 1 to 1,000 characters. */
  readonly reason: string
}

const subjects: ReadonlySet<unknown> = new Set<LegalHoldSubjectType>([
  'organization',
  'user',
  'agent',
  'memory',
])

/**
 * Places and releases legal holds.
 *
 * While one stands, erasures and deletions of what it covers raise LegalHoldError, plain Kysely and foreign keys included;
 * soft deletion is allowed. A hold and an erasure at the same time go one after the other.
 */
export class LegalHoldRepository extends BaseRepository<DB, 'ibex_core.legal_holds'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.legal_holds'])
  }

  /**
   * Places a hold, by the actor of the scope. One subject can have several: each must be released.
   *
   * @throws {InvalidArgumentError} when there is no such kind of subject, the id is no uuid, or the reason is blank.
   * @throws {ForeignKeyViolationError} when the tenant has no such subject.
   */
  async place(input: LegalHoldInput): Promise<LegalHold> {
    const { subject, subjectId, reason } = checkObject('input', input)
    if (!subjects.has(subject))
      throw new InvalidArgumentError('subject', `must be one of ${[...subjects].join(', ')}`)
    const isOwn = subject === 'organization' && subjectId === undefined
    return await this.insert({
      subject_type: subject,
      subject_id: isOwn ? this.scope.orgId : checkUuid('subjectId', subjectId),
      reason: checkReason(reason),
    })
  }

  /**
   * Releases a hold, by the actor of the scope, and returns it; it stays as a record.
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or the reason is blank.
   * @throws {RowNotFoundError} when the tenant has no such hold, or it was released before.
   */
  async release(id: string, options: { readonly reason: string }): Promise<LegalHold> {
    const released = await this.scope.db
      .updateTable('ibex_core.legal_holds')
      .set({
        released_at: sql`now()`,
        released_by: sql`nullif(current_setting('app.actor_id', true), '')`,
        release_reason: checkReason(checkObject('options', options).reason),
      })
      .where('org_id', '=', this.scope.orgId)
      .where('id', '=', checkUuid('id', id))
      .where('released_at', 'is', null)
      .returningAll()
      .executeTakeFirst()
    if (released === undefined) throw new RowNotFoundError('ibex_core.legal_holds')
    return released
  }

  /**
   * Reads the holds that stand for a subject itself, the oldest first; those of the organization stand for all.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async standingFor(subjectId: string): Promise<LegalHold[]> {
    return await this.find({
      where: { subject_id: checkUuid('subjectId', subjectId), released_at: null },
      orderBy: { created_at: 'asc' },
    })
  }
}
