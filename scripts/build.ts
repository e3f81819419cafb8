/** Compiles the package into dist/. */
import { join } from 'node:path'
import { runScript } from './command-line.ts'
import { compilePackage } from './compile-package.ts'

await runScript('usage: npm run build\n\n  compiles the package into dist/', {}, async () => {
  await compilePackage(join(import.meta.dirname, '../dist'))
  console.log('compiled into dist/')
})
