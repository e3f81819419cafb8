/** Agents, and how each is set up. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Agent, DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkKeyValue } from '../repository/column-values.ts'
import type { NewRow, Patch, ReadOptions, UpsertOptions } from '../repository/row-types.ts'
import type { Scope } from '../tenancy/scope.ts'
import type { AgentConfig, AgentConfigPatch } from './agent-config.ts'
import { checkAgentConfig, checkAgentConfigPatch } from './check-agent-config.ts'

type Table = 'ibex_core.agents'

/**
 * Reads and writes agents.
 *
 * `model_config`, `memory_config`, `boundaries` and `personality` are checked before any SQL, by every method that writes them:
 * each is a whole object, without keys that do not exist. To change some keys of one, use {@link AgentRepository.configure}.
 * Plain Kysely writes what its types allow.
 */
export class AgentRepository extends BaseRepository<DB, Table> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.agents'])
  }

  /**
   * Inserts an agent and returns it with its defaults filled in.
   *
   * @throws {InvalidArgumentError} when one of the JSON columns has not its shape; `argument` is the path of what is wrong.
   * @throws {UniqueViolationError} when a living agent of the same tenant has the same slug.
   */
  override async insert(row: NewRow<DB, Table>): Promise<Agent> {
    return await super.insert(checkAgentConfig(row))
  }

  /**
   * Inserts many agents and returns them in the same order: all or none.
   *
   * @throws as {@link insert}.
   */
  override async insertMany(rows: readonly NewRow<DB, Table>[]): Promise<Agent[]> {
    return await super.insertMany(rows.map((row) => checkAgentConfig(row)))
  }

  /**
   * Inserts an agent, or updates the one with the same unique key, and returns it.
   *
   * @throws as {@link insert}.
   */
  override async upsert(row: NewRow<DB, Table>, options: UpsertOptions<DB, Table>): Promise<Agent> {
    return await super.upsert(checkAgentConfig(row), options)
  }

  /**
   * Updates the agent with this id and returns it, or `undefined` when the tenant has no such agent.
   *
   * A JSON column that the patch names is replaced as a whole.
   *
   * @throws as {@link insert}.
   */
  override async update(
    id: string,
    patch: Patch<DB, Table>,
    options: ReadOptions = {},
  ): Promise<Agent | undefined> {
    return await super.update(id, checkAgentConfig(patch), options)
  }

  /**
   * Changes some keys of the JSON columns and returns the agent, or `undefined` when the tenant has no such living agent.
   *
   * Keys that are left out, or undefined, stay as they are, even when others change them at the same moment. What is within a
   * key (`retrieval_weights`, `traits`, a list) is replaced as a whole; to take an optional key away, `update` the column.
   *
   * ```ts
   * await tenant.agents.configure(id, { model_config: { temperature: 0.2 }, boundaries: { max_autonomy: 'confirm' } })
   * ```
   *
   * ```sql
   * update "ibex_core"."agents" set "model_config" = model_config || $1 where "org_id" = $2 and "deleted_at" is null
   * and "id" = $3 returning *
   * ```
   *
   * @throws {InvalidArgumentError} when a value is not what its key holds, or a key does not exist.
   */
  async configure(id: string, patch: AgentConfigPatch): Promise<Agent | undefined> {
    checkKeyValue(this.table, 'id', id)
    const checked = checkAgentConfigPatch(patch)
    if (checked.length === 0) return await this.findById(id)
    let query = this.updateQuery().where('id', '=', id)
    for (const [column, keys] of checked) query = query.set(column, mergeInto(column, keys))
    return await query.returningAll().executeTakeFirst()
  }

  /**
   * Reads the skills that an agent has, in alphabetical order: shared ones, its team's and custom ones, without those that are
   * disabled. A team that was soft-deleted shares nothing.
   *
   * @throws {RowNotFoundError} when the tenant has no such living agent.
   */
  async effectiveSkills(id: string): Promise<string[]> {
    checkKeyValue(this.table, 'id', id)
    const agent = await this.selectQuery()
      .leftJoin('ibex_core.teams', (join) =>
        join
          .onRef('ibex_core.teams.org_id', '=', 'ibex_core.agents.org_id')
          .onRef('ibex_core.teams.id', '=', 'ibex_core.agents.team_id')
          .on('ibex_core.teams.deleted_at', 'is', null),
      )
      .select(effectiveSkills.as('skills'))
      .where('ibex_core.agents.id', '=', id)
      .executeTakeFirst()
    if (agent === undefined) throw new RowNotFoundError(this.table.name)
    return agent.skills
  }
}

/** An order by name, and not by the server's language, is the same everywhere. */
const effectiveSkills: RawBuilder<string[]> = sql`array(
  select skill from (
    select unnest(agents.shared_skill_names || coalesce(teams.shared_skill_names, '{}') || agents.custom_skill_names)
    except select unnest(agents.disabled_skill_names)
  ) as effective (skill) order by skill collate "C"
)`

/** The left side is read from the row that the update has locked, so concurrent changes of other keys stay. */
function mergeInto(column: keyof AgentConfig, keys: object): RawBuilder<never> {
  return sql<never>`${sql.ref(column)} || ${JSON.stringify(keys)}::jsonb`
}
