/** The quickstart's own data. */
import type { Dataset, Organization, Person } from './people.ts'

const organizations: readonly Organization[] = [
  { slug: 'alder-clinic', name: 'Alder Clinic' },
  { slug: 'birch-bakery', name: 'Birch Bakery' },
  { slug: 'cedar-freight', name: 'Cedar Freight' },
]

const people: readonly Person[] = [
  person('alder-clinic', 'Ana', [
    'Ana lives in Porto, two streets from the river.',
    'Ana works the night shift from Monday to Thursday.',
    'Ana prefers to be called after noon.',
    'Ana is allergic to penicillin.',
    'Ana reads reports on paper, never on a screen.',
    'Ana lives in Porto, two streets from the river.',
    'Ana takes her coffee black.',
  ]),
  person('alder-clinic', 'Boris', [
    'Boris plans the operating rooms for the whole week.',
    'Boris answers messages before eight in the morning.',
    'Boris wants numbers in tables, not in sentences.',
    'Boris is learning Portuguese.',
    'Boris takes his coffee with milk.',
    'Boris cycles to work unless it snows.',
  ]),
  person('alder-clinic', 'Chiara', [
    'Chiara orders supplies on the first day of the month.',
    'Chiara never orders from more than three suppliers.',
    'Chiara speaks Italian, German and some Polish.',
    'Chiara has two cats and a garden full of mint.',
    'Chiara is on leave for the whole of August.',
    'Chiara orders supplies on the first day of the month.',
    'Chiara wants short answers.',
  ]),
  person('birch-bakery', 'Ana', [
    'Ana lives in Bergen, above the bakery.',
    'Ana starts the ovens at three in the morning.',
    'Ana bakes rye bread on Tuesdays and Fridays.',
    'Ana is allergic to hazelnuts.',
    'Ana takes her coffee black.',
    'Ana prefers text messages to calls.',
    'Ana takes her coffee black.',
  ]),
  person('birch-bakery', 'Dmitri', [
    'Dmitri drives the delivery van before sunrise.',
    'Dmitri knows every shortcut around the harbour.',
    'Dmitri delivers to eleven cafés and two schools.',
    'Dmitri asks for directions in kilometres, not in minutes.',
    'Dmitri collects old postcards.',
    'Dmitri sings while he drives.',
  ]),
  person('birch-bakery', 'Elif', [
    'Elif keeps the books and pays the suppliers.',
    'Elif wants every invoice as a PDF.',
    'Elif closes the month on the third working day.',
    'Elif is vegetarian.',
    'Elif plays chess on Sunday evenings.',
    'Elif closes the month on the third working day.',
    'Elif wants every invoice as a pdf!',
  ]),
  person('cedar-freight', 'Farah', [
    'Farah dispatches forty lorries a day.',
    'Farah wants warnings at once and reports once a week.',
    'Farah lives in Gdansk and works in Rotterdam.',
    'Farah writes short messages in English.',
    'Farah keeps bees on the roof.',
    'Farah is afraid of flying.',
    'Farah dispatches sixty lorries a day.',
  ]),
  person('cedar-freight', 'Goran', [
    'Goran repairs the engines of the older lorries.',
    'Goran needs part numbers, not pictures.',
    'Goran is left-handed.',
    'Goran goes fishing whenever it rains.',
    'Goran starts the day with a strong tea.',
    'Goran trains for a half marathon in spring.',
  ]),
  person('cedar-freight', 'Hana', [
    'Hana negotiates the contracts with the ports.',
    'Hana wants the risks first and the price last.',
    'Hana works from Lisbon in winter.',
    'Hana speaks Japanese, English and Dutch.',
    'Hana takes the train whenever there is one.',
    'Hana repaints a room of her house every year.',
    'Hana wants the risks first and the price last.',
  ]),
]

/** The first is put to two organizations: each has an Ana of its own. */
const questions: Dataset['questions'] = [
  'Where does Ana live?',
  'When does Chiara order supplies?',
  'Is anybody allergic to penicillin?',
  'How does Boris like his coffee?',
  'Who speaks Italian?',
]

/**
 * The quickstart's own data: 3 organizations, 9 people, 60 statements.
 *
 * Some are said twice, one of them in other letters (Elif's invoices), and one is contradicted (Farah's lorries).
 */
export const sample: Dataset = {
  organizations,
  people: people.length,
  statements: people.reduce((sum, { statements }) => sum + statements.length, 0),
  questions,
  read: () => people,
}

function person(organization: string, name: string, statements: readonly string[]): Person {
  return { organization, key: name.toLowerCase(), name, statements }
}
