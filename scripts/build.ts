/** Compiles the package into dist/: JavaScript, declarations, and the generated types beside them. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runScript } from './command-line.ts'

const root = join(import.meta.dirname, '..')

await runScript('usage: npm run build\n\n  compiles the package into dist/', {}, () => {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
  if (status !== 0) return
  // tsc reads declaration files but never copies one
  copyFileSync(join(root, 'types/database.d.ts'), join(root, 'dist/types/database.d.ts'))
  console.log('compiled into dist/')
})
