/** The audit log. */
import type { AuditLog, DB, JsonObject, NewAuditLog } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Page } from '../repository/row-types.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkOptionalUuid, checkText } from '../tenancy/arguments.ts'
import { checkOptionalText, checkRange } from './execution-arguments.ts'
import type { TimeRange } from './execution-arguments.ts'

/** Something that somebody did. */
export interface AuditEntry {
  /** 1 to 50 characters. */
  readonly action: string
  /** Who did it, in 1 to 1,000 characters (default: the id of the scope's actor). */
  readonly actor?: string
  readonly projectId?: string | null
  readonly roleId?: string | null
  readonly sessionId?: string | null
  /** 1 to 50 characters. */
  readonly provider?: string | null
  readonly query?: string | null
  /** 1 to 50 characters. */
  readonly modelVersion?: string | null
  readonly metadata?: JsonObject
}

/** Which entries are read. */
export interface AuditFilter extends TimeRange {
  readonly action?: string
  readonly actor?: string
  readonly projectId?: string
  /** Entries of a page, 1 to 10,000 (default 50). */
  readonly limit?: number
  /** `nextCursor` of the page before, which had the same filter: keep `to`, do not make it anew. */
  readonly after?: string | undefined
}

/**
 * Appends to the audit log and reads it.
 *
 * Nobody changes it: `update`, `upsert` and `delete` raise InsufficientPrivilegeError, for the system role and the tables'
 * owner too. Its ids are not references, so it keeps what it says of a project after the project is gone.
 */
export class AuditLogRepository extends BaseRepository<DB, 'ibex_core.audit_logs'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.audit_logs'])
  }

  /**
   * Appends an entry.
   *
   * In a transaction it is kept only if the transaction is: what must be logged although it failed is appended outside.
   *
   * @throws {InvalidArgumentError} when a text is empty or too long, or an id is no uuid.
   */
  async append(entry: AuditEntry): Promise<AuditLog> {
    return await this.insert(toRow(entry))
  }

  /**
   * Appends entries, all or none, and returns them in their order.
   *
   * @throws as {@link append}; nothing is appended then.
   */
  async appendMany(entries: readonly AuditEntry[]): Promise<AuditLog[]> {
    return await this.insertMany(entries.map(toRow))
  }

  /**
   * Reads one page of the entries within a time, newest first; pass `nextCursor` as `after` for the next one.
   *
   * ```sql
   * select * from "ibex_core"."audit_logs" where "org_id" = $1 and "created_at" >= $2 and "created_at" < $3
   * and ("created_at", "id") < ($4, $5) order by "created_at" desc, "id" desc limit $6
   * ```
   *
   * @throws {InvalidArgumentError} when a date is invalid, `to` is before `from`, or the limit is out of range.
   * @throws {InvalidCursorError} when the cursor comes from another filter or tenant.
   */
  async between({ action, actor, projectId, limit, after, ...range }: AuditFilter): Promise<Page<AuditLog>> {
    const { from, to } = checkRange(range)
    const project = checkOptionalUuid('projectId', projectId)
    return await this.findPage({
      where: (eb) =>
        eb.and([
          eb('created_at', '>=', from),
          eb('created_at', '<', to),
          ...(action === undefined ? [] : [eb('action', '=', action)]),
          ...(actor === undefined ? [] : [eb('actor', '=', actor)]),
          ...(project === null ? [] : [eb('project_id', '=', project)]),
        ]),
      orderBy: { created_at: 'desc' },
      limit,
      after,
    })
  }
}

/** The same columns for every entry, so that many fit one statement; the actor's default needs its column left out. */
function toRow({ actor, metadata, ...entry }: AuditEntry): Omit<NewAuditLog, 'org_id'> {
  return {
    action: checkText('action', entry.action, { least: 1, most: 50 }),
    project_id: checkOptionalUuid('projectId', entry.projectId),
    role_id: checkOptionalUuid('roleId', entry.roleId),
    session_id: checkOptionalUuid('sessionId', entry.sessionId),
    provider: checkOptionalText('provider', entry.provider, { least: 1, most: 50 }),
    query: checkOptionalText('query', entry.query),
    model_version: checkOptionalText('modelVersion', entry.modelVersion, { least: 1, most: 50 }),
    metadata: metadata ?? {},
    ...(actor === undefined ? {} : { actor: checkText('actor', actor, { least: 1, most: 1_000 }) }),
  }
}
