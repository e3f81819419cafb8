import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inspectPersonaCsv, readPersonaCsv } from '../../examples/quickstart/persona-csv.ts'
import { PersonaCsvError } from '../../examples/quickstart/persona-csv-error.ts'
import { skipWithoutFile } from '../support/skip.ts'

const header = 'user 1 personas,user 2 personas,Best Generated Conversation\n'
const published = join(import.meta.dirname, '../../../shared/data/persona-chat/conversations.csv')
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ibex-persona-csv-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

async function csv(content: string | Buffer): Promise<string> {
  const path = join(directory, `${crypto.randomUUID()}.csv`)
  await writeFile(path, content)
  return path
}

async function people(path: string): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const persona of readPersonaCsv(path)) found.push(persona)
  return found
}

async function problem(path: string): Promise<{ code: string; line: number | undefined; message: string }> {
  const error: unknown = await inspectPersonaCsv(path).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(PersonaCsvError)
  const { code, line, message } = error as PersonaCsvError
  return { code, line, message }
}

const two = [
  { conversation: 1, side: 1, statements: ['I bake.', 'I knit.'] },
  { conversation: 1, side: 2, statements: ['I run, "a lot".'] },
]

describe('reads the same two people', () => {
  const record = '"I bake.\nI knit.","I run, ""a lot"".","User 1: Hi!\nUser 2: Hello!"\n'
  test.each([
    ['as it is published', header + record],
    ['with a byte order mark', `\uFEFF${header}${record}`],
    ['with Windows line ends', (header + record).replaceAll('\n', '\r\n')],
    ['with Windows line ends in the header alone', header.replace('\n', '\r\n') + record],
    ['without a line end at the end', (header + record).trimEnd()],
    ['with blank lines and blank statements', `\n${header}\n${record.replace('\n', '\n  \n\n')}\n\n`],
    [
      'with the columns in another order and one more',
      `id,${columnsSwapped()}\n7,chat,"I run, ""a lot"".","I bake.\nI knit."\n`,
    ],
  ])('%s', async (_, content) => {
    expect(await people(await csv(content))).toEqual(two)
  })
})

function columnsSwapped(): string {
  return 'Best Generated Conversation,user 2 personas,user 1 personas'
}

test('counts conversations, people who say something, and statements', async () => {
  const path = await csv(`${header}"a\nb",c,x\n"","d",x\n`)
  expect(await inspectPersonaCsv(path)).toEqual({ conversations: 2, people: 3, statements: 4 })
})

test('keeps letters whole where a chunk of the file ends within one', async () => {
  // A file is read in chunks of 64 KiB; two-byte letters after one odd byte are certain to be cut.
  const statement = 'é'.repeat(8_000)
  const [first] = await people(await csv(`${header}"x\n${`${statement}\n`.repeat(20)}",b,c\n`))
  expect(first).toEqual({ conversation: 1, side: 1, statements: ['x', ...Array<string>(20).fill(statement)] })
})

describe('names the line and what to do', () => {
  test.each([
    ['an empty file', '', 'no_statements', undefined],
    ['a header alone', header, 'no_statements', undefined],
    ['a missing column', 'user 1 personas,Best Generated Conversation\na,b\n', 'missing_columns', 1],
    ['semicolons', header.replaceAll(',', ';'), 'missing_columns', 1],
    ['a quote that is never closed', `${header}a,b,c\n"a\nb\n\nc,d,e\n`, 'quote_not_closed', 3],
    [
      'a quote that is never closed, far from the start',
      `${header}${'a,b,c\n'.repeat(300)}"a\n${'x\n'.repeat(200_000)}`,
      'quote_not_closed',
      302,
    ],
    ['text after a closing quote', `${header}a,b,c\n"a\nb"x,b,c\n`, 'quote_out_of_place', 4],
    ['a quote within an unquoted field', `${header}a,b "x",c\n`, 'quote_out_of_place', 2],
    ['too few columns', `${header}"a\nb",b,c\na,b\n`, 'wrong_column_count', 4],
    ['too many columns', `${header}a,b,c,d\n`, 'wrong_column_count', 2],
    [
      'a statement over 8,192 characters',
      `${header}a,b,c\n"a\n${'x'.repeat(8_193)}",b,c\n`,
      'statement_too_long',
      3,
    ],
    ['a null byte', `${header}a,b,c\na,\0b,c\n`, 'null_byte', 3],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from(`${header}a,b,c\r\na,`), Buffer.from([0xe9, 0x0a])]),
      'not_utf8',
      3,
    ],
    [
      'invalid UTF-8 at the very end',
      Buffer.concat([Buffer.from(`${header}a,b,`), Buffer.from([0xc3])]),
      'not_utf8',
      2,
    ],
    ['UTF-16', Buffer.from(`\uFEFF${header}`, 'utf16le'), 'null_byte', 1],
    ['a megabyte without a line end', `${header}a,b,${'c'.repeat(1_100_000)}`, 'line_too_long', 2],
    [
      'a quote that swallows a megabyte',
      `${header}"a,b,c\n${'d,e,f\n'.repeat(200_000)}`,
      'quote_not_closed',
      2,
    ],
  ])('%s', async (_, content, code, line) => {
    const found = await problem(await csv(content))
    expect(found).toMatchObject({ code, line })
    expect(found.message).toMatch(line === undefined ? /^the file/ : new RegExp(`^line ${line}: .+: .+`))
  })

  test('a missing file', async () => {
    expect(await problem(join(directory, 'none.csv'))).toMatchObject({ code: 'not_found' })
  })

  test('a directory', async () => {
    expect(await problem(directory)).toMatchObject({ code: 'not_a_file' })
  })
})

test('does not quote what the file says in an error', async () => {
  const { message } = await problem(await csv(`${header}"secret"x,b,c\n`))
  expect(message).not.toContain('secret')
})

test(
  'reads the published validation split',
  skipWithoutFile(published, '../shared/data/persona-chat'),
  async () => {
    expect(await inspectPersonaCsv(published)).toEqual({
      conversations: 1_000,
      people: 2_000,
      statements: 8_978,
    })
  },
)
