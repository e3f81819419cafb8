/** The package as its users get it: compiled into a folder of its own, beside the packages that it needs. */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compilePackage } from '../../scripts/compile-package.ts'

const root = join(import.meta.dirname, '../..')

/** A folder in which `import 'ibex-db'` finds what would be published. */
export interface BuiltPackage extends Disposable {
  readonly folder: string
}

/** Compiles the package; what it made is removed when it is disposed of. */
export async function buildPackage(): Promise<BuiltPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'ibex-cost-'))
  const dispose = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const installed = join(folder, 'node_modules/ibex-db')
    mkdirSync(installed, { recursive: true })
    await compilePackage(join(installed, 'dist'))
    copyFileSync(join(root, 'package.json'), join(installed, 'package.json'))
    linkNeededPackages(join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
    return { folder, [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

/**
 * Runs the compiler of this repository and returns what it printed.
 *
 * @throws {Error} with the compiler's words when something does not compile.
 */
export function runTsc(args: readonly string[]): string {
  const tsc = join(root, 'node_modules/.bin/tsc')
  try {
    return execFileSync(tsc, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  } catch (error) {
    const words = error instanceof Error && 'stdout' in error ? String(error.stdout) : ''
    throw new Error(`tsc failed:\n${words}`, { cause: error })
  }
}

function linkNeededPackages(folder: string): void {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const names = Object.keys(dependencies).filter((name) => !name.startsWith('@types/'))
  for (const name of [...names, 'kysely', '@types'])
    symlinkSync(join(root, 'node_modules', name), join(folder, name), 'dir')
}
