/** A persona CSV as a dataset over four organizations. */
import { basename } from 'node:path'
import type { Dataset, Organization, Person } from './people.ts'
import { inspectPersonaCsv, readPersonaCsv, type Persona } from './persona-csv.ts'

const organizations: readonly Organization[] = [
  { slug: 'personas-north', name: 'Personas North' },
  { slug: 'personas-east', name: 'Personas East' },
  { slug: 'personas-south', name: 'Personas South' },
  { slug: 'personas-west', name: 'Personas West' },
]

/** What the statements of Persona-Chat answer, put as somebody might ask who has not read them. */
const questions: Dataset['questions'] = [
  'Who loves to bake cookies?',
  'Does anybody volunteer at a shelter for the homeless?',
  'Which of them won a medal at the Olympics?',
  'Is someone afraid of clowns?',
  'Who can play the violin?',
  'Who has been to Spain?',
  'Does anyone want to become a lawyer?',
  'How many books do they read in a year?',
  'What are people allergic to?',
  'Does somebody collect hats?',
]

/**
 * Spreads the people of a persona CSV over four organizations; the two of one conversation stay together.
 *
 * The whole file is checked first. A person is known by the file's name and the place in it: loading the file again, or
 * a longer version of it, finds the people who are there already.
 *
 * @throws {PersonaCsvError} when the file is no persona CSV.
 */
export async function personaDataset(path: string): Promise<Dataset> {
  const { people, statements } = await inspectPersonaCsv(path)
  const prefix = slugOf(basename(path))
  return { organizations, people, statements, questions, read: () => readPeople(path, prefix) }
}

async function* readPeople(path: string, prefix: string): AsyncGenerator<Person> {
  for await (const persona of readPersonaCsv(path)) {
    if (persona.statements.length > 0) yield personOf(persona, prefix)
  }
}

function personOf({ conversation, side, statements }: Persona, prefix: string): Person {
  const organization = organizations[conversation % organizations.length]?.slug ?? ''
  return {
    organization,
    key: `${prefix}-${conversation}-${side}`,
    name: `Person ${conversation}-${side}`,
    statements,
  }
}

function slugOf(fileName: string): string {
  const words = fileName.toLowerCase().match(/[a-z0-9]+/g) ?? ['file']
  return words.join('-').slice(0, 40)
}
