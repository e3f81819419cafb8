/** Compiles the package into dist/: JavaScript, declarations, and the generated types beside them. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

rmSync(join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (status === 0) {
  // tsc reads declaration files but never copies one
  copyFileSync(join(root, 'types/database.d.ts'), join(root, 'dist/types/database.d.ts'))
}
process.exitCode = status ?? 1
