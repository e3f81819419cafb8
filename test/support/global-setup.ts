/** Vitest's global setup: the backend of the run. */
import type { TestProject } from 'vitest/node'
import { type Backend, type BackendAccess, chooseBackend } from './backend.ts'
import { startContainer } from './container.ts'
import { hasPgBouncer, startPgBouncer } from './pgbouncer.ts'
import { isPooledRun } from './pooled-suite.ts'
import { ResourceLedger } from './resource-ledger.ts'
import { createEmbeddedTemplates } from './template-embedded.ts'
import { createServerTemplate } from './template-server.ts'

/** Starts the backend once for the whole run, migrates the template, and takes everything away at the end. */
export default async function setupRun(project: TestProject): Promise<() => Promise<void>> {
  const backend = await chooseBackend(process.env)
  const ledger = new ResourceLedger()
  try {
    project.provide('access', await startBackend(backend, ledger))
  } catch (error) {
    await ledger.close()
    throw error
  }
  return async () => {
    await ledger.close()
  }
}

async function startBackend(backend: Backend, ledger: ResourceLedger): Promise<BackendAccess> {
  if (backend === 'embedded') {
    if (isPooledRun) throw new Error('TEST_POOLER=1 needs a server: TEST_DATABASE_URL')
    return await createEmbeddedTemplates(ledger)
  }
  const url = backend === 'testcontainers' ? await startContainer(ledger) : process.env['TEST_DATABASE_URL']
  if (!url) {
    throw new Error('the server backend needs TEST_DATABASE_URL: the URL of a superuser')
  }
  const access = await createServerTemplate(backend, url, ledger)
  if (!isPooledRun) return access
  return { ...access, poolerPort: await startPooler(url, ledger) }
}

/** One connection to each database: whatever a client leaves in it, the next one would meet. */
async function startPooler(url: string, ledger: ResourceLedger): Promise<number> {
  if (!hasPgBouncer()) throw new Error('TEST_POOLER=1 needs pgbouncer (Debian: apt-get install pgbouncer)')
  const { port, processId, directory } = await startPgBouncer(url, { poolSize: 1 })
  ledger.add({ kind: 'directory', path: directory })
  if (processId !== undefined) ledger.add({ kind: 'process', id: processId })
  return port
}
