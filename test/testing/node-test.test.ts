/** The example of the documents for node:test, run by `node --test` as a user would. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, onTestFinished, test } from 'vitest'
import { programsOf, readDocuments } from '../package/markdown.ts'

const root = join(import.meta.dirname, '../..')
const access = inject('access')

test(
  'the example for node:test passes there, and a violation fails and says what it is',
  { timeout: 180_000 },
  async () => {
    const { output, status } = await runExample((program) => program.replace('export {}', forgotten))
    expect(output).toMatch(/^ok 1 - tenants are kept apart$/m)
    expect(output).toMatch(/^not ok 2 - with a setting that no policy reads$/m)
    expect(output).toContain('TenantIsolationError')
    expect(output).toContain('the tenant does not see its own rows')
    expect(status).toBe(1)
  },
)

const forgotten = `test('with a setting that no policy reads', async () => {
  await expectTenantIsolation(database, { schemas: ['public'], setting: 'app.forgotten' })
})
export {}`

async function runExample(
  edit: (program: string) => string,
): Promise<{ readonly output: string; readonly status: unknown }> {
  const program =
    programsOf(await documentOf('docs/testing.md')).find((text) => text.includes("from 'node:test'")) ?? ''
  const folder = await mkdtemp(join(tmpdir(), 'ibex-example-'))
  onTestFinished(async () => {
    await rm(folder, { recursive: true })
  })
  const file = join(folder, 'example.test.mts')
  await writeFile(file, edit(await withSources(program)))
  const url = access.backend === 'embedded' ? {} : { TEST_DATABASE_URL: access.url }
  const env = {
    ...process.env,
    TEST_DATABASE_URL: undefined,
    NODE_OPTIONS: undefined,
    NODE_TEST_CONTEXT: undefined,
    ...url,
  }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], {
      env,
    })
    return { output: stdout, status: 0 }
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && 'code' in error)
      return { output: String(error.stdout), status: error.code }
    throw error
  }
}

async function documentOf(path: string): Promise<{ readonly path: string; readonly text: string }> {
  return (
    readDocuments().find((document) => document.path === path) ??
    (await Promise.reject(new Error(`${path} is no document`)))
  )
}

/** The sources in place of the published names: dist/ need not have been built. */
async function withSources(program: string): Promise<string> {
  const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>
  }
  return program.replaceAll(/'ibex-db(?:\/(\w+))?'/g, (_, name: string | undefined) => {
    const target = exports[name === undefined ? '.' : `./${name}`]
    if (target === undefined || typeof target === 'string')
      throw new Error('the example imports what is not published')
    return `'${join(root, target.types.replace('./dist/', '').replace('.d.ts', '.ts'))}'`
  })
}
