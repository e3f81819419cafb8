/** What is settled in a project. */
import { sql } from 'kysely'
import type { SelectQueryBuilder, SqlBool } from 'kysely'
import type { CanonItem, CanonItemType, DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkFilledText, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'

/** What to look for in the canon of a project. */
export interface CanonSearch {
  readonly projectId: string
  /** The items for this persona and those for every one (default: all items). */
  readonly roleId?: string
  /**
   * Words that title, body or terms must all have, in any form (`decide` finds `decided`), as people type them into a search
   * field: `"in this order"`, `this or that`, `-without`. Of nothing but stop words (`the`) no item is found.
   */
  readonly text?: string
  /** Items of any of these types. */
  readonly types?: readonly CanonItemType[]
  /** Items with any of these tags. */
  readonly tags?: readonly string[]
  /** Leaves out what is no longer active (default true). */
  readonly activeOnly?: boolean
  /** Rows at most, 1 to 1,000 (default 50). */
  readonly limit?: number
}

/** Reads, writes and searches canon items. */
export class CanonItemRepository extends BaseRepository<DB, 'ibex_core.canon_items'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.canon_items'])
  }

  /**
   * Finds the canon items of a project, newest first.
   *
   * Without a text they are read from an index in their order; with one, a function that may use the index of words finds
   * them, and this tenant's policy decides what of it is read:
   *
   * ```sql
   * select "canon_items".* from "ibex_core"."canon_items"
   * inner join ibex_core.search_canon_items($1, $2, …) as "found" on "found"."id" = "ibex_core"."canon_items"."id"
   * where "org_id" = $8 order by "created_at" desc, "id" desc
   * ```
   *
   * @throws {InvalidArgumentError} when the text is blank or longer than 8,192 characters, an id is no uuid, `types` or `tags` is
   *   no list, or the limit is out of range.
   */
  async search(search: CanonSearch): Promise<CanonItem[]> {
    const checked = checkSearch(search)
    const query = checked.text === null ? this.#newest(checked) : this.#matching(checked)
    return await query
      .selectAll('ibex_core.canon_items')
      .orderBy('ibex_core.canon_items.created_at', 'desc')
      .orderBy('ibex_core.canon_items.id', 'desc')
      .execute()
  }

  #newest({ projectId, roleId, types, tags, activeOnly, limit }: CheckedSearch): CanonQuery {
    let query = this.selectQuery().where('project_id', '=', projectId)
    if (roleId !== null)
      query = query.where((eb) => eb.or([eb('role_id', '=', roleId), eb('role_id', 'is', null)]))
    if (types !== null) query = query.where(sql<SqlBool>`type = any(${types})`)
    if (tags !== null) query = query.where(sql<SqlBool>`tags && ${tags}`)
    if (activeOnly) query = query.where('is_active', '=', true)
    return query.limit(limit)
  }

  #matching({ text, projectId, roleId, types, tags, activeOnly, limit }: CheckedSearch): CanonQuery {
    const found = sql<{
      id: string
    }>`ibex_core.search_canon_items(${text}, ${projectId}, ${roleId}, ${types}, ${tags},
      ${activeOnly}, ${limit})`
    return this.selectQuery().innerJoin(found.as('found'), 'found.id', 'ibex_core.canon_items.id')
  }
}

/** Either way to the items, before it is said what is read of them. */
type CanonQuery = SelectQueryBuilder<DB, 'ibex_core.canon_items', object>

interface CheckedSearch {
  readonly projectId: string
  readonly roleId: string | null
  readonly text: string | null
  readonly types: readonly string[] | null
  readonly tags: readonly string[] | null
  readonly activeOnly: boolean
  readonly limit: number
}

const longestText = 8_192

function checkSearch(search: CanonSearch): CheckedSearch {
  const { projectId, roleId, text, types, tags, activeOnly = true, limit = 50 } = search
  return {
    projectId: checkUuid('projectId', projectId),
    roleId: roleId === undefined ? null : checkUuid('roleId', roleId),
    text: text === undefined ? null : checkFilledText('text', text, longestText),
    types: checkList('types', types),
    tags: checkList('tags', tags),
    activeOnly,
    limit: checkWholeNumber('limit', limit, 1, 1_000),
  }
}

function checkList(name: string, list: readonly unknown[] | undefined): readonly string[] | null {
  if (list === undefined) return null
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list
  throw new InvalidArgumentError(name, 'must be an array of texts')
}
