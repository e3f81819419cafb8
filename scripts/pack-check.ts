/**
 * Checks the package as its users get it: builds, packs, inspects the tarball, installs it in an empty folder, and
 * type-checks and runs a small consumer there.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'ibex-pack-'))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly devDependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}
const consumer = join(folder, 'consumer')
const wanted = /^(dist\/(src|migrations|shared|types)\/.*\.(js|d\.ts)|[A-Z]+(\.md)?|package\.json)$/

try {
  checkPackage()
} catch (error) {
  console.error(`pack:check failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function checkPackage(): void {
  run(process.execPath, ['scripts/build.ts'], root)
  const tarball = pack()
  run(tool('publint'), ['run', tarball, '--strict'], root)
  console.log('publint has nothing to say')
  run(tool('attw'), [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii'], root)
  console.log('the types resolve for every ESM consumer')

  cpSync(join(root, 'test/package/consumer'), consumer, { recursive: true })
  writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n')
  install(tarball, pinned('kysely'))
  run(process.execPath, ['--input-type=module', '--eval', "await import('ibex-db')"], consumer)
  console.log('it is imported from an empty folder, without its optional peers too')
  run(join(consumer, 'node_modules/.bin/ibex-db'), ['doctor', '--help'], consumer)
  console.log('its program runs there')

  install(...Object.keys(manifest.peerDependencies).map(pinned), pinned('typescript'), pinned('@types/node'))
  checkTypes()
  console.log('a consumer with a table of its own type-checks, and so do the declarations of the package')
  console.log(`the consumer runs on the embedded engine:\n${run(process.execPath, ['main.ts'], consumer)}`)
}

/** Packs the package and looks through the names in the tarball; returns its path. */
function pack(): string {
  const output = run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', folder], root)
  const [packed] = JSON.parse(output) as [{ filename: string; size: number; files: { path: string }[] }]
  const paths = packed.files.map(({ path }) => path)
  const strangers = paths.filter((path) => !wanted.test(path))
  if (strangers.length > 0) {
    throw new Error(`the tarball holds what users do not need: ${strangers.join(', ')}`)
  }
  const missing = ['README.md', 'LICENSE', 'CHANGELOG.md'].filter((path) => !paths.includes(path))
  if (missing.length > 0) {
    throw new Error(`the tarball lacks ${missing.join(', ')}`)
  }
  const size = Math.round(packed.size / 1024)
  console.log(`the tarball holds ${paths.length} files (${size} kB): dist and documents only`)
  return join(folder, packed.filename)
}

function install(...packages: readonly string[]): void {
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', ...packages],
    consumer,
  )
}

/** Type-checks with `skipLibCheck` off; what is wrong in the declarations of other packages is not ours to mend. */
function checkTypes(): void {
  const { stdout, status } = spawnSync(tool('tsc'), ['-p', 'tsconfig.json'], {
    cwd: consumer,
    encoding: 'utf8',
  })
  const ours = stdout
    .split('\n')
    .filter((line) => line !== '' && !/^(node_modules\/(?!ibex-db\/)| )/.test(line))
  if (ours.length > 0 || status === null) throw new Error(`types do not fit:\n${ours.join('\n')}`)
}

/** A package in the version that the suite runs with. */
function pinned(name: string): string {
  const version = manifest.devDependencies[name]
  if (version === undefined) throw new Error(`${name} is no development dependency`)
  return `${name}@${version}`
}

function tool(name: string): string {
  return join(root, 'node_modules/.bin', name)
}

function run(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  } catch (error) {
    // the tools say on stdout what they object to
    if (error instanceof Error && 'stdout' in error) process.stderr.write(String(error.stdout))
    throw error
  }
}
