/** The page that leads from the models of the source documents to the tables here. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { TenantRepositories } from '../../src/tenant-repositories.ts'
import { tables } from '../../types/tables.ts'

const page = await readFile(new URL('../../docs/source-models.md', import.meta.url), 'utf8')

/** The models of each document, by the heading of its section. */
const models: Readonly<Record<string, string>> = {
  'Milestone 3.1.2': `Organization User Agent Token Directive Session Checkpoint Memory MemoryVersion MemoryRelationship
    MemoryTag MemoryCategory MemorySource MemoryStatus`,
  'backend\\app\\memory\\models.py':
    'Role Project RoleProjectLink MemoryEntry CanonItem PromptTemplate AuditLog Attachment',
  'Technical Research':
    'User UserRole Team TeamMembership Agent AgentDNA RetrievalWeights MemoryORM MemoryType UUIDMixin TimestampMixin',
  'Database Guidelines': 'AgentChatSession LlmFactory llms points_ledger',
  'SQLAlchemy ORM Models': 'User Product Order LLMRoundTableResult AgentExecution ToolExecution RAGDocument',
}

test.each(Object.entries(models))('%s: says where each model went', (heading, names) => {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading))
  const first = section?.split('\n').map((line) => line.split(' | ')[0] ?? '')
  for (const name of names.split(/\s+/)) expect(first?.join('\n')).toContain(`\`${name}\``)
})

test('leads to every table, and to no other', () => {
  const linked = Array.from(page.matchAll(/\[(\w+)\]\(data-model\.md#(\w+)\)/g), ([, name, anchor]) => {
    expect(anchor).toBe(name)
    return `ibex_core.${name}`
  })
  expect([...new Set(linked)].toSorted()).toEqual(Object.keys(tables).toSorted())
})

test('names repositories that there are', () => {
  const repositories = Object.keys(Object.getOwnPropertyDescriptors(TenantRepositories.prototype))
  const named = Array.from(page.matchAll(/`tenant\.(\w+)/g), ([, name]) => name)
  for (const name of named.filter((each) => each !== 'transaction')) expect(repositories).toContain(name)
})
