/** The points of users. */
import { sql } from 'kysely'
import type { DB, PointAccount, PointsLedger } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import {
  DatabaseError,
  EventConflictError,
  InsufficientPointsError,
  RowNotFoundError,
  StaleVersionError,
} from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Page, PageOptions } from '../repository/row-types.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import { checkCredit, checkDebit, checkMovement } from './points-input.ts'
import type { CheckedMovement, PointsCredit, PointsDebit, PointsInput } from './points-input.ts'
import { reconcilePoints } from './reconcile-points.ts'
import type { PointsDifference } from './reconcile-points.ts'

/** What became of an event: `replayed` gives the movement of the first time, and nothing moved now. */
export interface PointsMovement {
  readonly outcome: 'applied' | 'replayed'
  readonly movement: PointsLedger
}

/**
 * Moves the points of users, and proves that they add up.
 *
 * Each movement is one statement that writes the ledger; a trigger moves the account with it, so that nobody can forget
 * one of them. An event moves points once: the same call again is answered with what happened the first time. A balance is
 * never negative, and what is frozen of it cannot be spent. The movements of one user happen one after the other; a
 * transaction that moves the points of several takes them in the order of their ids, or may deadlock with another.
 *
 * A refusal of the database ends the transaction that it is met in; `trx.transaction(…)` around the call saves the rest.
 */
export class PointsRepository extends BaseRepository<DB, 'ibex_core.point_accounts'> {
  readonly #ledger: BaseRepository<DB, 'ibex_core.points_ledger'>

  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.point_accounts'])
    this.#ledger = new BaseRepository(scope, tables['ibex_core.points_ledger'])
  }

  /**
   * Gives points to a user; the first ones open the account.
   *
   * ```ts
   * await tenant.points.credit({ userId: ana.id, amount: 100, eventId: `signup ${ana.id}`, bizType: 'welcome' })
   * ```
   *
   * @throws {InvalidArgumentError} when the input is not what it should be.
   * @throws {EventConflictError} when the event has moved points of another user, amount or kind.
   * @throws {StaleVersionError} when the account has another version than `expectedVersion`.
   * @throws {ForeignKeyViolationError} when the tenant has no such user.
   */
  async credit(input: PointsCredit): Promise<PointsMovement> {
    return await this.#move(checkCredit(input))
  }

  /**
   * Takes points from a user: from what is available, or with `fromFrozen` from what was frozen before.
   *
   * @throws {InsufficientPointsError} when that holds less.
   * @throws as {@link credit}.
   */
  async debit(input: PointsDebit): Promise<PointsMovement> {
    return await this.#move(checkDebit(input))
  }

  /**
   * Freezes available points: they stay in the balance, and only `release` and a debit `fromFrozen` move them.
   *
   * @throws as {@link debit}.
   */
  async freeze(input: PointsInput): Promise<PointsMovement> {
    return await this.#move(checkMovement(input, { changeType: 'freeze', direction: 'debit' }))
  }

  /**
   * Makes frozen points available again.
   *
   * @throws as {@link debit}.
   */
  async release(input: PointsInput): Promise<PointsMovement> {
    return await this.#move(checkMovement(input, { changeType: 'release', direction: 'credit' }))
  }

  /**
   * Reads the account of a user, or `undefined` before the first movement. What is available is `balance` less `frozen_balance`.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async account(userId: string): Promise<PointAccount | undefined> {
    return await this.findOne({ user_id: checkUuid('userId', userId) })
  }

  /**
   * Reads one page of the movements of a user, newest first.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   * @throws as {@link BaseRepository.findPage}.
   */
  async ledger(
    userId: string,
    { limit, after }: Pick<PageOptions<DB, 'ibex_core.points_ledger'>, 'limit' | 'after'> = {},
  ): Promise<Page<PointsLedger>> {
    const where = { user_id: checkUuid('userId', userId) }
    return await this.#ledger.findPage({ where, orderBy: { version: 'desc' }, limit, after })
  }

  /**
   * Adds up the ledger of all users, or of one, and returns the accounts that say something else: none is the proof.
   *
   * One statement, so that movements meanwhile do not disturb it.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async reconcile({ userId }: { readonly userId?: string | undefined } = {}): Promise<PointsDifference[]> {
    const { db, orgId } = this.scope
    return await reconcilePoints(db, orgId, userId === undefined ? undefined : checkUuid('userId', userId))
  }

  async #move(given: CheckedMovement): Promise<PointsMovement> {
    const query = sql<PointsLedger & { is_new: boolean }>`select is_new, (movement).*
      from ibex_core.move_points(${this.scope.orgId}, ${given.userId}, ${given.changeType}, ${given.direction},
        ${given.amount}, ${given.bizType}, ${given.eventId}, ${given.metadata}, ${given.version})`
    try {
      const { rows } = await query.execute(this.scope.db)
      const [row] = rows
      if (row === undefined) throw new RowNotFoundError('ibex_core.points_ledger')
      const { is_new: isNew, ...movement } = row
      return { outcome: isNew ? 'applied' : 'replayed', movement }
    } catch (error) {
      throw pointsError(error)
    }
  }
}

type RefusalClass = new (options?: ErrorOptions) => Error

/** What the constraints of the ledger mean. */
const refusals: ReadonlyMap<string | undefined, RefusalClass> = new Map<string, RefusalClass>([
  ['points_ledger_balance_after_check', InsufficientPointsError],
  ['points_ledger_frozen_after_check', InsufficientPointsError],
  ['points_ledger_frozen_after_balance_after_check', InsufficientPointsError],
  ['points_ledger_next_version_check', StaleVersionError],
  ['points_ledger_org_id_event_id_key', EventConflictError],
])

function pointsError(error: unknown): unknown {
  const ErrorClass = error instanceof DatabaseError ? refusals.get(error.constraint) : undefined
  return ErrorClass === undefined ? error : new ErrorClass({ cause: error })
}
