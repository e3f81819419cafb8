/** The standing instructions of agents, in versions. */
import { sql } from 'kysely'
import type { SelectQueryBuilder } from 'kysely'
import * as v from 'valibot'
import type { DB, DirectiveInjectionMode, DirectiveVersion } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import {
  checkFilledText,
  checkOptionNames,
  checkOptionalUuid,
  checkUuid,
  checkWholeNumber,
} from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkValue } from './check-value.ts'
import type { SchemaOf } from './check-value.ts'
import type { NamedText } from './unified-diff.ts'

/** Instructions to publish. */
export interface DirectiveInput {
  /** 1 to 32,768 characters, not blank. */
  readonly content: string
  /** The user who wrote them. */
  readonly createdBy?: string | null | undefined
  /** Where they go in the prompt (default: as before, `system_first` for a new directive). */
  readonly injectionMode?: DirectiveInjectionMode | undefined
}

/** What became of instructions: `unchanged` when the active version has the same content. */
export interface PublishResult {
  readonly outcome: 'published' | 'unchanged'
  /** The version that is active now. */
  readonly version: DirectiveVersion
}

/** Publishes, rolls back and compares the instructions of agents; versions never change. */
export class DirectiveRepository extends BaseRepository<DB, 'ibex_core.directives'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.directives'])
  }

  /**
   * Adds a version to the agent's directive and activates it; makes the directive when the agent has none.
   *
   * One statement, a function of the database that locks the directive first: concurrent publishers get consecutive
   * versions. Content that the active version has already adds none; the injection mode is set either way. A directive that is
   * switched off (`is_active`) stays off.
   *
   * ```sql
   * select is_new, (version).* from ibex_core.publish_directive($1, $2, $3, $4, $5)
   * ```
   *
   * @throws {InvalidArgumentError} when the content is blank or too long, or an id is no uuid.
   * @throws {RowNotFoundError} when the tenant has no such agent.
   * @throws {ForeignKeyViolationError} when this tenant has no such user.
   */
  async publish(agentId: string, input: DirectiveInput): Promise<PublishResult> {
    checkOptionNames('option', input, publishOptions)
    const createdBy = checkOptionalUuid('createdBy', input.createdBy)
    const content = checkFilledText('content', input.content, maxLength)
    const mode = checkValue('injectionMode', injectionModeSchema, input.injectionMode) ?? null
    const { rows } = await sql<DirectiveVersion & { is_new: boolean }>`select is_new, (version).*
      from ibex_core.publish_directive(${this.scope.orgId}, ${checkUuid('agentId', agentId)}, ${content}, ${createdBy}, ${mode})`.execute(
      this.scope.db,
    )
    const [published] = rows
    if (published === undefined) throw new RowNotFoundError('ibex_core.agents')
    const { is_new: isNew, ...version } = published
    return { outcome: isNew ? 'published' : 'unchanged', version }
  }

  /**
   * Activates an older version of the agent's directive and returns it: the one before the active one, or the number `to`.
   *
   * The versions after it stay; the next to be published is numbered after the last of them.
   *
   * @throws {InvalidArgumentError} when `to` is no whole number of at least 1.
   * @throws {RowNotFoundError} when there is no such version, none before the active one, or no such agent.
   */
  async rollBack(
    agentId: string,
    options: { readonly to?: number | undefined } = {},
  ): Promise<DirectiveVersion> {
    checkOptionNames('option', options, rollBackOptions)
    const to = options.to === undefined ? null : checkWholeNumber('to', options.to, 1, maxVersion)
    const { rows } =
      await sql<DirectiveVersion>`select * from ibex_core.roll_back_directive(${this.scope.orgId},
      ${checkUuid('agentId', agentId)}, ${to})`.execute(this.scope.db)
    const [version] = rows
    if (version === undefined) throw new RowNotFoundError('ibex_core.directive_versions')
    return version
  }

  /** Reads the version that the agent follows, or `undefined` when it has none, or its directive is switched off. */
  async active(agentId: string): Promise<DirectiveVersion | undefined> {
    const active = this.selectQuery()
      .select('active_version_id')
      .where('agent_id', '=', checkUuid('agentId', agentId))
      .where('is_active', '=', true)
    return await this.#versions().where('id', '=', active).executeTakeFirst()
  }

  /** Reads all versions of the agent's directive, newest first. */
  async versions(agentId: string): Promise<DirectiveVersion[]> {
    return await this.#versionsOf(agentId).orderBy('version_num', 'desc').execute()
  }

  /**
   * Compares two versions of the agent's directive: a unified diff, empty when they have the same content.
   *
   * @throws {InvalidArgumentError} when a number is no whole number of at least 1.
   * @throws {RowNotFoundError} when there is no such version, or no such agent.
   */
  async diff(agentId: string, from: number, to: number): Promise<string> {
    checkWholeNumber('from', from, 1, maxVersion)
    checkWholeNumber('to', to, 1, maxVersion)
    const versions = await this.#versionsOf(agentId).where('version_num', 'in', [from, to]).execute()
    const textOf = (number: number): NamedText => {
      const version = versions.find(({ version_num: versionNum }) => versionNum === number)
      if (version === undefined) throw new RowNotFoundError('ibex_core.directive_versions')
      return { name: `version ${number}`, text: version.content }
    }
    // twenty modules that most services never need
    const { unifiedDiff } = await import('./unified-diff.ts')
    return unifiedDiff(textOf(from), textOf(to))
  }

  #versionsOf(agentId: string): VersionQuery {
    const directive = this.selectQuery().select('id').where('agent_id', '=', checkUuid('agentId', agentId))
    return this.#versions().where('directive_id', '=', directive)
  }

  #versions(): VersionQuery {
    return this.scope.db
      .selectFrom('ibex_core.directive_versions')
      .selectAll()
      .where('org_id', '=', this.scope.orgId)
  }
}

type VersionQuery = SelectQueryBuilder<DB, 'ibex_core.directive_versions', DirectiveVersion>

const publishOptions: ReadonlySet<string> = new Set<keyof DirectiveInput>([
  'content',
  'createdBy',
  'injectionMode',
])
const rollBackOptions: ReadonlySet<string> = new Set(['to'])

/** The greatest number that `version_num` can hold. */
const maxVersion = 2_147_483_647

const maxLength = 32_768

const injectionModeSchema: SchemaOf<DirectiveInjectionMode | undefined> = v.optional(
  v.picklist(
    ['system_first', 'system_append', 'user_prepend'],
    'must be one of system_first, system_append, user_prepend',
  ),
)
