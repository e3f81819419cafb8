/** Compiles the package into a folder: a declaration for each source, and few files of JavaScript. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { rolldown } from 'rolldown'
import { ScriptError } from './command-line.ts'

const root = join(import.meta.dirname, '..')

interface Manifest {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
}

/**
 * Compiles into `folder`, which is removed first.
 *
 * What a published name leads to becomes one file, and what several share another: some 170 files took a service half as
 * long to load again as Kysely and pg together.
 *
 * @throws {ScriptError} when something does not compile.
 */
export async function compilePackage(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  writeDeclarations(folder)
  await writeCode(folder)
}

function writeDeclarations(folder: string): void {
  const args = ['-p', 'tsconfig.build.json', '--outDir', folder]
  const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new ScriptError('the package does not compile')
  // tsc reads declaration files but never copies one
  copyFileSync(join(root, 'types/database.d.ts'), join(folder, 'types/database.d.ts'))
}

async function writeCode(folder: string): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: entries(),
    platform: 'node',
    // packages are the user's to install, and one of each: a second Kysely would not know the first one's classes
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    transform: { target: 'es2024' },
  })
  try {
    await bundle.write({ dir: folder, format: 'esm', keepNames: true, chunkFileNames: 'shared/[name].js' })
  } finally {
    await bundle.close()
  }
}

/** The sources of what package.json publishes, by the file that each becomes: `src/index` of `src/index.ts`. */
function entries(): Record<string, string> {
  // an object literal, in our own package.json
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const published = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target.default],
  )
  const files = [...published, ...Object.values(manifest.bin)]
  const names = files.map((file) => file.replace('./dist/', '').replace(/\.js$/, ''))
  return Object.fromEntries(names.map((name) => [name, join(root, `${name}.ts`)]))
}
