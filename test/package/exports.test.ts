import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const front = join(import.meta.dirname, '../../src/index.ts')

test('exports the names that were reviewed, and no others', async () => {
  const names = [...(await exportedNames(front))].sort()
  await expect(`${names.join('\n')}\n`).toMatchFileSnapshot('public-names.txt')
})

test('exports at run time what its text says', async () => {
  const names = await exportedNames(front)
  const values = [...names].filter((name) => !name.startsWith('type '))
  expect(Object.keys(await import('../../src/index.ts')).sort()).toEqual(values.sort())
})

/** The names that a module exports, types marked with `type `, found in its text: types leave no other trace. */
async function exportedNames(file: string): Promise<Set<string>> {
  const text = await readFile(file, 'utf8')
  const own = Array.from(text.matchAll(declaration), ([, kind, name]) => mark(isType(kind), name ?? ''))
  const lists = Array.from(text.matchAll(list), ([, type, names]) => namesOf(names ?? '', Boolean(type)))
  const names = new Set([...own, ...lists.flat()])
  for (const [, type, path] of text.matchAll(star)) {
    for (const name of await exportedNames(join(dirname(file), path ?? ''))) {
      if (!type || name.startsWith('type ')) names.add(name)
    }
  }
  return names
}

const declaration =
  /^export (?:declare )?(?:abstract )?(class|function|async function|const|interface|type) (\w+)/gm
const list = /^export (type )?\{([^}]*)\}/gm
const star = /^export (type )?\* from '(.*)'/gm

function namesOf(names: string, areTypes: boolean): string[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => mark(areTypes || name.startsWith('type '), name.replace(/^type |.* as /g, '')))
}

function isType(kind: string | undefined): boolean {
  return kind === 'interface' || kind === 'type'
}

function mark(isTypeName: boolean, name: string): string {
  return isTypeName ? `type ${name}` : name
}
