/** Erases people, and keeps the receipts. */
import { hash } from 'node:crypto'
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { eraseSubject } from './erase-subject.ts'
import { toResult } from './erasure-receipt.ts'
import type { ErasureOptions, ErasureResult } from './erasure-receipt.ts'

/**
 * Erases users, and reads the receipts of what was erased; memories have `memories.erase`, organizations
 * `eraseOrganization`.
 *
 * Receipts are written by erasures alone and never change: `insert`, `update` and `delete` raise InsufficientPrivilegeError.
 */
export class ErasureRepository extends BaseRepository<DB, 'ibex_core.erasure_receipts'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.erasure_receipts'])
  }

  /**
   * Erases a user for good, with everything that is about them, in one statement, and returns the receipt.
   *
   * What happens to a row is read from the catalogue, so a table of your own takes part as soon as it exists:
   *
   * | rows | what happens |
   * | --- | --- |
   * | that refer to the user by a foreign key `on delete cascade`: tokens, memberships, votes, points | deleted |
   * | memories about the user, and earlier words of the same facts (`includeDerived`) | deleted |
   * | sessions of the user | deleted |
   * | that depend on a deleted row by `on delete cascade`: versions, messages, attachments, checkpoints | deleted |
   * | that refer to a deleted row by `on delete set null`: orders, executions, agents, directives | kept, reference emptied |
   * | that hold the id in any other text, uuid, array or JSON, append-only ones included | kept, the id replaced by the nil uuid |
   * | a team that the user owns | kept, handed to another owner among its members |
   *
   * Orders stay because the law asks for them; points are no money, and go. Whoever must keep more places a legal hold.
   * Names and addresses in free text are not looked for, nor are files outside the database: `attachments.file_path` says
   * which to delete, before.
   *
   * The whole tenant is read for the id once. Rows that are added meanwhile and refer to the user wait, and then fail.
   *
   * @throws {RowNotFoundError} when the tenant has no such user, soft-deleted ones included; of two erasures at once the
   *   second one.
   * @throws {LegalHoldError} when a legal hold stands for the user, for a row that would go, or for the organization.
   * @throws {LastOwnerError} when the organization or a team would be without an owner: make somebody else one first.
   * @throws {ForeignKeyViolationError} when a row of your own refers to the user and says `no action`.
   * @throws {InvalidArgumentError} when the id is no uuid, the reason is blank, or the transaction is not read committed.
   */
  async eraseUser(userId: string, options: ErasureOptions): Promise<ErasureResult> {
    return await eraseSubject(this.scope.db, { type: 'user', id: checkUuid('userId', userId) }, options)
  }

  /**
   * Reads the receipts of a memory or user that was erased, the newest first.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async receiptsOf(subjectId: string): Promise<ErasureResult[]> {
    const subjectHash = hashSubject(checkUuid('subjectId', subjectId))
    const rows = await this.find({ where: { subject_hash: subjectHash }, orderBy: { created_at: 'desc' } })
    return rows.map(toResult)
  }
}

/** The SHA-256 of an id, as receipts have it: an id is random, so nobody guesses it from this. */
export function hashSubject(id: string): string {
  return hash('sha256', id.toLowerCase(), 'hex')
}
