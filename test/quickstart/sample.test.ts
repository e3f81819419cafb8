import { expect, test } from 'vitest'
import type { Person } from '../../examples/quickstart/people.ts'
import { sample } from '../../examples/quickstart/sample.ts'

async function readAll(): Promise<Person[]> {
  const people: Person[] = []
  for await (const person of sample.read()) people.push(person)
  return people
}

test('is as large as the quickstart says, with statements that are said twice and an Ana in two organizations', async () => {
  const people = await readAll()
  expect(people).toHaveLength(sample.people)
  expect(people.flatMap(({ statements }) => statements)).toHaveLength(sample.statements)
  expect([sample.organizations.length, sample.people, sample.statements]).toEqual([3, 9, 60])
  expect(people.some(({ statements }) => new Set(statements).size < statements.length)).toBe(true)
  expect(people.filter(({ name }) => name === 'Ana').map(({ organization }) => organization)).toEqual([
    'alder-clinic',
    'birch-bakery',
  ])
})

test('has keys that are unique within the organization and fit a slug', async () => {
  const people = await readAll()
  const keys = people.map(({ organization, key }) => `${organization}/${key}`)
  expect(new Set(keys).size).toBe(people.length)
  expect(keys.every((key) => /^[a-z0-9-]+\/[a-z0-9-]+$/.test(key))).toBe(true)
})
