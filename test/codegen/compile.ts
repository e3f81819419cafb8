/** Compiles generated text with the project's own compiler and options. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** The specifier of a source file of this project, for text that is compiled elsewhere. */
export function sourcePath(path: string): string {
  return join(root, path)
}

/** Compiles the files in a folder of their own and returns what the compiler complains about; nothing is a success. */
export async function compile(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ibex-types-'))
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    // declaration files are not checked under skipLibCheck: hand them in as .ts
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { rewriteRelativeImportExtensions: false },
      include: Object.keys(files),
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    return await runCompiler(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function runCompiler(folder: string): Promise<string> {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, '-p', folder], (error, stdout, stderr) => {
      const isCompilerError = error === null || stdout !== ''
      if (isCompilerError) resolve(stdout + stderr)
      else reject(error)
    })
  })
}
