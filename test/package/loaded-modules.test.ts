import { join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { loadedModules, packageOf } from '../../bench/cost/loaded-modules.ts'

const root = join(import.meta.dirname, '../..')
const front = JSON.stringify(pathToFileURL(join(root, 'src/index.ts')).href)

test('loads the packages and folders that every service needs, and no others', () => {
  expect(named(`await import(${front})`)).toEqual(needed)
})

test('loads nothing more when a database and a scope are made', () => {
  expect(
    named(opened("if (typeof tenant.agents.findById !== 'function') throw new Error('no repositories')")),
  ).toEqual(needed)
})

test('loads the driver with the first connection', () => {
  const refused = opened(`
    const error = await tenant.agents.findById(orgId).catch((error) => error)
    if (error?.name !== 'ConnectionFailedError') throw new Error('it was not refused', { cause: error })`)
  expect(named(refused)).toEqual([...needed, ...driver].toSorted())
})

test('sees what a program loads when it does', () => {
  const doctor = JSON.stringify(pathToFileURL(join(root, 'src/doctor/index.ts')).href)
  const loaded = named(
    `await import(${front}); await import(${doctor}); await import('@electric-sql/pglite')`,
  )
  expect(loaded).toEqual(expect.arrayContaining([...needed, '@electric-sql/pglite', 'src/doctor']))
})

/** A program that makes a database, with a server that does not exist, and a scope. */
function opened(program: string): string {
  return `
    const { createDatabase } = await import(${front})
    const database = createDatabase({ url: 'postgresql://nobody@127.0.0.1:1/nothing' })
    const orgId = '0199a0a0-0000-7000-8000-000000000000'
    const tenant = database.forTenant(orgId)
    ${program}
    await database.close()`
}

/** Every package with a module that is loaded, and every folder of ours that has one. */
const needed: readonly string[] = [
  'kysely',
  'lru-cache',
  'src',
  'src/agents',
  'src/commerce',
  'src/database',
  'src/embedding',
  'src/erasure',
  'src/executions',
  'src/hot-cache',
  'src/identity',
  'src/knowledge',
  'src/memory',
  'src/projects',
  'src/repository',
  'src/sessions',
  'src/tenancy',
  'src/transfer',
  'src/vector',
  'types',
  'valibot',
]

/** What the first connection needs beside them. */
const driver: readonly string[] = [
  'pg',
  'pg-connection-string',
  'pg-int8',
  'pg-pool',
  'pg-protocol',
  'pg-types',
  'postgres-array',
  'postgres-bytea',
  'postgres-date',
  'postgres-interval',
  'xtend',
]

/** The packages of the modules that a program loads, and the folders of our own, by name. */
function named(program: string): string[] {
  const names = loadedModules(program, root).map((file) => packageOf(file) ?? folderOf(file))
  return [...new Set(names)].filter((name) => name !== 'bench/cost').toSorted()
}

function folderOf(file: string): string {
  return relative(root, file).split(sep).slice(0, -1).join('/')
}
