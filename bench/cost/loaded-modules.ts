/** Which modules a program loads, and whose they are. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Runs a program in a process of its own and returns the files of the modules that it loaded, Node's own left out.
 *
 * @throws {Error} when the program fails; what it wrote to stderr has been shown.
 */
export function loadedModules(program: string, cwd: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'ibex-modules-'))
  const record = join(folder, 'modules.json')
  try {
    const preload = join(import.meta.dirname, 'record-modules.ts')
    execFileSync(process.execPath, ['--import', preload, '--input-type=module', '--eval', program], {
      cwd,
      env: { ...process.env, RECORD_MODULES: record },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const urls = JSON.parse(readFileSync(record, 'utf8')) as string[]
    return urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The name of the package in whose folder a file lies; undefined outside `node_modules`. */
export function packageOf(file: string): string | undefined {
  const [, inside] = file.split(/.*[\\/]node_modules[\\/]/)
  if (inside === undefined) return undefined
  const [name = '', second = ''] = inside.split(sep)
  return name.startsWith('@') ? `${name}/${second}` : name
}
