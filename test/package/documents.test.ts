import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { linkedFilesOf, programsOf, readDocuments } from './markdown.ts'

const root = join(import.meta.dirname, '../..')
const documents = readDocuments()

test('compiles the code blocks of every document', { timeout: 120_000 }, async () => {
  const folder = await scratchFolder()
  const files: string[] = []
  for (const document of documents) {
    for (const [index, program] of programsOf(document).entries()) {
      const file = `${document.path.replaceAll(/\W/g, '-')}-${index + 1}.ts`
      await writeFile(join(folder, file), program)
      files.push(file)
    }
  }
  expect(files.length).toBeGreaterThan(0)
  expect(await compile(folder, files)).toBe('')
})

test('finds a mistake in a code block', { timeout: 120_000 }, async () => {
  const folder = await scratchFolder()
  const text =
    "```ts\nimport { createDatabase } from 'ibex-db'\n```\n```ts\ncreateDatabase({ uri: 'x' })\n```\n"
  const [program = ''] = programsOf({ path: 'wrong.md', text })
  await writeFile(join(folder, 'wrong.ts'), program)
  expect(await compile(folder, ['wrong.ts'])).toContain("'uri' does not exist")
})

test.each(documents)('links from $path to files that exist', (document) => {
  const missing = linkedFilesOf(document).filter(
    (target) => !existsSync(join(root, dirname(document.path), target)),
  )
  expect(missing).toEqual([])
})

/** A folder that finds the installed packages as the repository itself does. */
async function scratchFolder(): Promise<string> {
  const parent = join(root, 'node_modules/.ibex-documents')
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, 'run-'))
  onTestFinished(async () => {
    await rm(folder, { recursive: true })
  })
  return folder
}

async function compile(folder: string, files: readonly string[]): Promise<string> {
  const paths = await sourcesOfExports()
  const compilerOptions = { paths, types: ['node'], rootDir: root, noUnusedLocals: false }
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  try {
    await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder])
    return ''
  } catch (error) {
    // the compiler says on stdout what is wrong
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
  }
}

/** Where the sources of each published name are: dist/ need not have been built. */
async function sourcesOfExports(): Promise<Record<string, string[]>> {
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const { exports } = manifest as { exports: Record<string, string | { types: string }> }
  return Object.fromEntries(
    Object.entries(exports).flatMap(([name, target]) => {
      if (typeof target === 'string') return []
      const source = target.types.replace('./dist/', '').replace('.d.ts', '.ts')
      return [[join('ibex-db', name), [join(root, source)]]]
    }),
  )
}
