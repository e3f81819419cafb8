/**
 * What the rules know of a database: plain values, read once by {@link readCatalog}.
 *
 * `id` is an oid as text. `name` is the bare name to compare, `sql` the same ready for a statement: quoted where it must
 * be, relations and functions with their schema.
 */
export interface Catalog {
  readonly server: ServerFacts
  readonly database: DatabaseFacts
  readonly roles: readonly CatalogRole[]
  readonly schemas: readonly CatalogSchema[]
  readonly relations: readonly CatalogRelation[]
  readonly columns: readonly CatalogColumn[]
  readonly policies: readonly CatalogPolicy[]
  readonly constraints: readonly CatalogConstraint[]
  readonly indexes: readonly CatalogIndex[]
  readonly functions: readonly CatalogFunction[]
  readonly settings: readonly CatalogSetting[]
  readonly publications: readonly CatalogPublication[]
  readonly grants: readonly CatalogGrant[]
  readonly defaultGrants: readonly CatalogDefaultGrant[]
}

/** The versions that matter. */
export interface ServerFacts {
  /** As `server_version_num`: 150019 is 15.19. */
  readonly version: number
  /** The version of the extension pgvector, null where it is not installed. */
  readonly vector: string | null
}

/** The database that is examined. */
export interface DatabaseFacts {
  readonly sql: string
  readonly owner: string
}

/** A role with what it may do in the cluster. */
export interface CatalogRole {
  readonly name: string
  readonly sql: string
  readonly isSuperuser: boolean
  readonly bypassesRls: boolean
  readonly canLogin: boolean
  readonly canCreateRoles: boolean
  readonly canCreateDatabases: boolean
  readonly canReplicate: boolean
  /** The roles that it is a direct member of, inheriting their rights or allowed to take them on. */
  readonly memberOf: readonly string[]
}

/** A schema that is examined. */
export interface CatalogSchema {
  readonly id: string
  readonly name: string
  readonly sql: string
  readonly owner: string
}

/** A table, partition, view, materialized view, foreign table or sequence. */
export interface CatalogRelation {
  readonly id: string
  readonly schema: string
  readonly name: string
  readonly sql: string
  readonly kind: 'table' | 'view' | 'materialized view' | 'foreign table' | 'sequence'
  readonly owner: string
  readonly hasRls: boolean
  readonly isForced: boolean
  /** The table that it is a partition of. */
  readonly partitionOf: string | null
  /** Of a view: true when it reads with the rights of its reader. */
  readonly isInvoker: boolean
  /** Of a view: the relations that its query names. */
  readonly reads: readonly string[]
  /** Of a sequence: a column takes its default from it. */
  readonly isDefault: boolean
}

/** A column of a table or foreign table; those of partitions are their parents'. */
export interface CatalogColumn {
  readonly relation: string
  readonly name: string
  readonly sql: string
  /** As format_type() prints it. */
  readonly type: string
  /** Also false where only the domain says `not null`. */
  readonly isNullable: boolean
  readonly isGenerated: boolean
  /** Its values come from a sequence: serial or identity. */
  readonly isCounted: boolean
}

/** A row-level security policy. */
export interface CatalogPolicy {
  readonly relation: string
  readonly name: string
  readonly sql: string
  readonly isPermissive: boolean
  readonly command: 'all' | 'select' | 'insert' | 'update' | 'delete'
  /** The names of roles; `public` is everybody. */
  readonly roles: readonly string[]
  readonly using: string | null
  readonly check: string | null
  /** The functions that its expressions call, but PostgreSQL's own. */
  readonly functions: readonly string[]
}

/** A constraint that the table itself declares; of NOT NULL ones only those that were never validated. */
export interface CatalogConstraint {
  readonly relation: string
  readonly name: string
  readonly sql: string
  readonly kind: 'primary key' | 'unique' | 'exclusion' | 'foreign key' | 'check' | 'not null'
  readonly columns: readonly string[]
  readonly target: string | null
  readonly targetColumns: readonly string[]
  /** What a foreign key does when the row it refers to goes. */
  readonly onDelete: 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default' | null
  /** The columns that `on delete set null (…)` names; none means all. */
  readonly emptied: readonly string[]
  readonly isValidated: boolean
  readonly isEnforced: boolean
  /** A view groups by it: then it cannot be dropped without the view. */
  readonly isUsedByView: boolean
  /** As pg_get_constraintdef() prints it: `FOREIGN KEY (…) REFERENCES …`. */
  readonly definition: string
}

/** An index that the table itself declares. */
export interface CatalogIndex {
  readonly relation: string
  readonly name: string
  readonly sql: string
  readonly isUnique: boolean
  /** A key or exclusion constraint brought it along. */
  readonly isOfConstraint: boolean
  readonly isValid: boolean
  readonly isPartitioned: boolean
  /** It leaves rows out: WHERE. */
  readonly isPartial: boolean
  /** The indexed columns in their order, null for an expression. */
  readonly columns: readonly (string | null)[]
  /** Of each column: true when no operator that searches it is leakproof, so that row-level security keeps it unused. */
  readonly isLeaky: readonly boolean[]
  /** What stands after USING: `btree (org_id, slug) WHERE (deleted_at IS NULL)`. */
  readonly definition: string
}

/** A function that has to do with isolation: SECURITY DEFINER, called by a policy, or reading the tenant's setting. */
export interface CatalogFunction {
  readonly id: string
  /** With its schema, unquoted. */
  readonly name: string
  /** With its schema, quoted where it must be, without arguments. */
  readonly call: string
  /** With its argument types: `public.search(text, integer)`. */
  readonly sql: string
  /** Its schema as SQL. */
  readonly schemaSql: string
  readonly owner: string
  /** False for one outside the examined schemas, that a policy calls. */
  readonly isExamined: boolean
  readonly isDefiner: boolean
  /** The search path that it sets for itself. */
  readonly searchPath: string | null
  /** Its body was bound to what it names when it was created (`begin atomic`, `return`). */
  readonly isBound: boolean
  readonly isImmutable: boolean
  readonly isTrigger: boolean
  readonly hasArguments: boolean
  readonly returns: string
  readonly source: string
  /** The tables on which it is a trigger. */
  readonly triggerOn: readonly string[]
}

/** A default that a role or a database gives to a setting; its value is not read. */
export interface CatalogSetting {
  readonly setting: string
  /** The role as SQL, null for every role. */
  readonly role: string | null
  /** True when it holds in this database alone. */
  readonly isOfDatabase: boolean
}

/** A publication of logical replication. */
export interface CatalogPublication {
  readonly name: string
  /** The tables that it sends whole. */
  readonly unfiltered: readonly string[]
}

/** A right that the app roles have: themselves, through a role that they are a member of, or through PUBLIC. */
export interface CatalogGrant {
  readonly on: 'relation' | 'column' | 'schema' | 'database' | 'function'
  /** The relation, of a column too. */
  readonly id: string
  readonly column: string | null
  readonly columnSql: string | null
  readonly grantee: string
  /** The grantee as SQL. */
  readonly sql: string
  readonly privilege: string
}

/** A right that tables made later will give. */
export interface CatalogDefaultGrant {
  /** The role as SQL whose new tables it is about. */
  readonly creator: string
  /** The schema as SQL, null for all. */
  readonly schema: string | null
  readonly sql: string
  readonly privilege: string
}
