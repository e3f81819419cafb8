/** The plans of all statements as the server ran them, those within functions, triggers and foreign keys included. */
import { type Kysely, sql } from 'kysely'
import { urlForPort } from './server-url.ts'
import { type WireProxy, startWireProxy } from './wire-proxy.ts'

/** A node of a plan, as `explain (format json, verbose)` prints it. */
interface PlanNode {
  readonly 'Node Type': string
  readonly Schema?: string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly Plans?: readonly PlanNode[]
}

/** One statement that ran, and how. */
export interface StatementPlan {
  readonly query: string
  /** Tables that were read from one end to the other. */
  readonly sequentialScans: readonly string[]
  readonly indexes: readonly string[]
}

/** A proxy in front of a database whose every statement is explained. */
export interface PlanListener extends AsyncDisposable {
  /** The database through the proxy. */
  readonly url: string
  /** The plans since the last call, oldest first. */
  take(): readonly StatementPlan[]
}

/**
 * Turns on auto_explain for this database, and listens to the notices in which it sends each plan.
 *
 * What is explained is what ran: with the role, the tenant and the parameters of the statement.
 */
export async function listenToPlans<D>(admin: Kysely<D>, url: string): Promise<PlanListener> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
  for (const [setting, value] of Object.entries(autoExplain)) {
    await sql`alter database ${sql.id(name)} set ${sql.id(...setting.split('.'))} = ${sql.lit(value)}`.execute(
      admin,
    )
  }
  let plans: StatementPlan[] = []
  const proxy: WireProxy = await startWireProxy(url, (type, body) => {
    const plan = type === 'N' ? readPlan(body) : undefined
    if (plan !== undefined) plans.push(plan)
  })
  return {
    url: urlForPort(url, proxy.port),
    take: () => {
      const taken = plans
      plans = []
      return taken
    },
    [Symbol.asyncDispose]: async () => await proxy[Symbol.asyncDispose](),
  }
}

const autoExplain = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_verbose': 'on',
  'auto_explain.log_format': 'json',
  'auto_explain.log_level': 'notice',
} as const

/** A notice is a list of fields, each a letter and a text; M is the message. */
function readPlan(body: Buffer): StatementPlan | undefined {
  const fields = body.toString('utf8').split('\0')
  const message = fields.find((field) => field.startsWith('M'))?.slice(1)
  const start = message?.indexOf('plan:\n')
  if (message === undefined || start === undefined || start < 0) return undefined
  // auto_explain writes what explain would
  const explained = JSON.parse(message.slice(start + 'plan:\n'.length)) as {
    readonly 'Query Text': string
    readonly Plan: PlanNode
  }
  const nodes = flatten(explained.Plan)
  return {
    query: explained['Query Text'],
    sequentialScans: nodes
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => `${node.Schema}.${node['Relation Name']}`),
    indexes: nodes.flatMap((node) => node['Index Name'] ?? []),
  }
}

function flatten(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)]
}
