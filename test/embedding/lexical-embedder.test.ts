import { expect, test } from 'vitest'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { Vector } from '../../src/vector/vector.ts'

// Written with code points, so that no editor can normalize the difference away.
const texts = [
  'Ana lives in Porto.',
  'a',
  '!?',
  '\u200B',
  'Straße und STRASSE',
  '猫は魚が好きです',
  '😀😀 emoji 😀',
  'e\u0301 decomposed',
  'word '.repeat(5_000),
  'x'.repeat(8_192),
]

async function embed(...batch: readonly string[]): Promise<readonly Vector<384>[]> {
  return await lexicalEmbedder.embed(batch)
}

async function similarity(left: string, right: string): Promise<number> {
  const [a, b] = await embed(left, right)
  return Array.from(a ?? []).reduce((sum, value, index) => sum + value * (b?.[index] ?? 0), 0)
}

function lengthOf(vector: Vector<384>): number {
  return Math.hypot(...vector)
}

test('gives the vector that is stored in databases: a change of the method needs a new model name', async () => {
  const [vector] = await embed('Ana lives in Porto.')
  const places = [...(vector ?? [])].flatMap((value, index) =>
    value === 0 ? [] : [`${index}:${value.toFixed(4)}`],
  )
  expect([lexicalEmbedder.model, ...places]).toMatchInlineSnapshot(`
    [
      "lexical-hashing-v1",
      "20:0.3651",
      "27:0.1826",
      "40:0.1826",
      "67:0.1826",
      "74:0.1826",
      "78:-0.1826",
      "82:-0.1826",
      "107:0.1826",
      "114:-0.1826",
      "158:0.1826",
      "162:-0.1826",
      "188:-0.1826",
      "193:0.1826",
      "215:0.1826",
      "222:-0.1826",
      "249:-0.1826",
      "283:0.1826",
      "303:-0.1826",
      "336:-0.1826",
      "342:0.1826",
      "362:0.1826",
      "368:-0.3651",
      "377:0.1826",
      "378:0.1826",
    ]
  `)
})

test.each(texts)('gives 384 finite numbers of length 1, the same each time: %j', async (text) => {
  const [first] = await embed(text)
  const [, again] = await embed('another text of the same batch', text)
  expect(first).toBeInstanceOf(Vector)
  expect(first).toHaveLength(384)
  expect(first?.every((value) => Number.isFinite(value))).toBe(true)
  expect(lengthOf(first as Vector<384>)).toBeCloseTo(1, 6)
  expect(again).toEqual(first)
})

test('gives no zero vector for any single character, also where its features cancel each other out', async () => {
  // A single character has two features; in one of 768 cases they go to the same place with opposite signs.
  const characters = Array.from({ length: 4_000 }, (_, index) => String.fromCodePoint(0x4e00 + index))
  const vectors = await embed(...characters)
  const lengths = new Set(vectors.map((vector) => lengthOf(vector).toFixed(5)))
  expect(characters).toContain('俋')
  expect([...lengths]).toEqual(['1.00000'])
})

test('keeps the order of a batch, repeated texts included', async () => {
  const batch = ['one', 'two', 'one', 'three']
  const vectors = await embed(...batch)
  const [one, two, three] = await Promise.all(
    ['one', 'two', 'three'].map(async (text) => (await embed(text))[0]),
  )
  expect(vectors).toEqual([one, two, one, three])
})

test('gives nothing for an empty batch', async () => {
  expect(await embed()).toEqual([])
})

test.each([
  ['case', 'ANA LIVES IN PORTO', 'ana lives in porto'],
  ['punctuation', 'Ana lives, in Porto!', 'Ana lives in Porto'],
  ['white space', '  Ana\tlives\n in  Porto ', 'Ana lives in Porto'],
  ['composition', 'cafe\u0301', 'caf\u00E9'],
  ['width', '\uFF30\uFF4F\uFF52\uFF54\uFF4F', 'Porto'],
  ['sharp s', 'STRASSE', 'straße'],
  ['final sigma', 'ΟΔΟΣ', 'οδος'],
])('makes no difference of %s', async (_, left, right) => {
  expect(await embed(left)).toEqual(await embed(right))
})

test('finds texts closer the more words and parts of words they share', async () => {
  const question = 'Where does Ana live?'
  const scores = await Promise.all(
    [question, 'Ana lives in Porto.', 'Ana is allergic to nuts.', 'Boris cycles to work.'].map(
      async (text) => await similarity(question, text),
    ),
  )
  expect(scores[0]).toBeCloseTo(1, 5)
  expect(scores).toEqual([...scores].sort((a, b) => b - a))
  expect(await similarity('dogs', 'dog')).toBeGreaterThan(0.4)
})

test('is lexical: a word that means the same is as far away as any other', async () => {
  expect(Math.abs(await similarity('dog', 'puppy'))).toBeLessThan(0.2)
})

test('counts a repeated word less and less', async () => {
  const once = await similarity('apple', 'apple banana')
  const often = await similarity('apple', `${'apple '.repeat(50)}banana`)
  expect(often).toBeGreaterThan(once)
  expect(often).toBeLessThan(0.99)
})

test.each(['', ' ', '\n\t', '\u00A0\u3000'])(
  'throws InvalidArgumentError for the blank text %j and names its place',
  async (blank) => {
    const error: unknown = await embed('fine', blank).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ argument: 'texts[1]' })
  },
)

test("rejects with the signal's reason when it is aborted", async () => {
  const reason = new Error('shutting down')
  await expect(lexicalEmbedder.embed(['text'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
