/** What runs behind PgBouncer (`TEST_POOLER=1`), and why the rest does not. */

/** The folders of `test/` whose statements a tenant sends through the pooler. */
const folders: readonly string[] = ['agents', 'memory', 'repository', 'tenancy', 'vector']

/** The other folders: each is printed with its reason after the run. */
const reasons: Readonly<Record<string, string>> = {
  'bench, package, quickstart, types': 'what users get, not what they send',
  'catalog, codegen, doctor, migration, models, schema-docs, seed':
    'they read the catalog or change the schema, which takes a direct connection',
  'cli, database, embedding, errors': 'connections of their own, or none',
  'faults, hot-cache, replicas': 'connections of their own, and a pooler of their own where it matters',
  'testing, transfer': 'a superuser, who goes direct',
  'commerce, erasure, executions, identity, knowledge, projects, sessions':
    'the same repositories and the same driver as the folders that run, and many races that need two connections at once',
}

/** True in the run behind a pooler. */
export const isPooledRun: boolean = process.env['TEST_POOLER'] === '1'

/** The files of a run. */
export const testFiles: string[] = isPooledRun
  ? folders.map((folder) => `test/${folder}/**/*.test.ts`)
  : ['test/**/*.test.ts']

/** One line for each group of folders that does not run. */
export function unpooledLines(): string[] {
  return Object.entries(reasons).map(([names, reason]) => `not behind a pooler: ${names}: ${reason}`)
}
