import { readFile } from 'node:fs/promises'
import { Kysely } from 'kysely'
import { expect, test } from 'vitest'
import { generateCommittedDocs } from '../../scripts/schema-diagram.ts'
import { anchorOf } from '../../scripts/schema-docs/markdown.ts'
import { findDrift } from '../../src/codegen/generated-file.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { setup } from '../support/setup.ts'

test(
  'commits the page and the picture that the migrated database has, on every server version',
  { timeout: 120_000 },
  async () => {
    const database = await setup()
    const db = new Kysely<unknown>({ dialect: migrationDialect({ target: database.target }) })
    try {
      expect(await findDrift(await generateCommittedDocs(db))).toBeUndefined()
    } finally {
      await db.destroy()
      await database.close()
    }
  },
)

test('links to headings that exist, each of them once', async () => {
  const page = await readFile(new URL('../../docs/data-model.md', import.meta.url), 'utf8')
  const anchors = Array.from(page.matchAll(/^#+ (.*)$/gm), ([, heading = '']) => anchorOf(heading))
  const targets = Array.from(page.matchAll(/\]\(#([^)]+)\)/g), ([, target = '']) => target)
  expect(targets.length).toBeGreaterThan(anchors.length)
  expect(targets.filter((target) => !anchors.includes(target))).toEqual([])
  expect(new Set(anchors).size).toBe(anchors.length)
})
