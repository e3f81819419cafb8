import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Person } from '../../examples/quickstart/people.ts'
import { personaDataset } from '../../examples/quickstart/persona-dataset.ts'

const header = 'user 1 personas,user 2 personas,Best Generated Conversation\n'

async function setup(records: string): Promise<{ path: string; append: (record: string) => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'ibex-persona-dataset-'))
  onTestFinished(async () => {
    await rm(directory, { recursive: true })
  })
  const path = join(directory, 'My People (1).csv')
  await writeFile(path, header + records)
  return { path, append: async (record) => await writeFile(path, record, { flag: 'a' }) }
}

async function readAll(path: string): Promise<Person[]> {
  const dataset = await personaDataset(path)
  const people: Person[] = []
  for await (const person of dataset.read()) people.push(person)
  return people
}

test('spreads conversations over four organizations and keeps their two people together', async () => {
  const { path } = await setup('a,b,x\n'.repeat(8))
  const organizations = (await readAll(path)).map(({ organization }) => organization)
  expect(new Set(organizations).size).toBe(4)
  expect(organizations).toEqual([...organizations.slice(0, 8), ...organizations.slice(0, 8)])
  expect(organizations[0]).toBe(organizations[1])
})

test('counts what it then reads, without people who say nothing', async () => {
  const { path } = await setup('"a\nb",,x\nc,d,x\n')
  const { people, statements } = await personaDataset(path)
  const read = await readAll(path)
  expect({ people, statements }).toEqual({ people: 3, statements: 4 })
  expect(read).toHaveLength(3)
  expect(read.flatMap((person) => person.statements)).toEqual(['a', 'b', 'c', 'd'])
})

test('gives every person a key that is a slug, and the same one when the file has grown', async () => {
  const { path, append } = await setup('a,b,x\nc,d,x\n')
  const before = await readAll(path)
  await append('e,f,x\n')
  const after = await readAll(path)
  expect(after.slice(0, 4)).toEqual(before)
  expect(new Set(after.map(({ key }) => key)).size).toBe(6)
  expect(after.every(({ key }) => /^my-people-1-csv-\d+-[12]$/.test(key))).toBe(true)
})
