/** What a test run leaves outside its process, and how it is taken away. */
import { rm } from 'node:fs/promises'
import { getContainerRuntimeClient } from 'testcontainers'
import { withClient } from './with-client.ts'

/** Something that a test run leaves outside its own process and has to take away again, by its own id. */
export type Resource =
  | { readonly kind: 'container'; readonly id: string }
  | { readonly kind: 'databases'; readonly url: string; readonly prefix: string }
  | { readonly kind: 'role'; readonly url: string; readonly name: string }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'process'; readonly id: number }

/** Takes a resource away; one that is gone already is no error. */
export async function release(resource: Resource): Promise<void> {
  if (resource.kind === 'container') {
    await removeContainer(resource.id)
  } else if (resource.kind === 'databases') {
    await dropDatabases(resource.url, resource.prefix)
  } else if (resource.kind === 'role') {
    await dropRole(resource.url, resource.name)
  } else if (resource.kind === 'process') {
    endProcess(resource.id)
  } else {
    await rm(resource.path, { recursive: true, force: true })
  }
}

function endProcess(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch (error) {
    // gone already
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function removeContainer(id: string): Promise<void> {
  const { container } = await getContainerRuntimeClient()
  try {
    await container.getById(id).remove({ force: true, v: true })
  } catch (error) {
    // gone already, or never created
    if (!(error instanceof Error && 'statusCode' in error && error.statusCode === 404)) {
      throw error
    }
  }
}

/** The role may own nothing, and have no rights but by its memberships. */
async function dropRole(url: string, name: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`drop role if exists ${client.escapeIdentifier(name)}`)
  })
}

async function dropDatabases(url: string, prefix: string): Promise<void> {
  await withClient(url, async (client) => {
    const found = await client.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [prefix],
    )
    for (const { datname } of found.rows) {
      await client.query(`drop database if exists ${client.escapeIdentifier(datname)} with (force)`)
    }
  })
}
