import { expect, test } from 'vitest'
import { lexicalFeatures } from '../../src/embedding/lexical-features.ts'

test('counts words and their sequences of 3 and 4 characters', () => {
  expect(Object.fromEntries(lexicalFeatures('No, no: cat'))).toEqual({
    'word:no': 2,
    'letters:^no': 2,
    'letters:no$': 2,
    'letters:^no$': 2,
    'word:cat': 1,
    'letters:^ca': 1,
    'letters:cat': 1,
    'letters:at$': 1,
    'letters:^cat': 1,
    'letters:cat$': 1,
  })
})

test('does not cut a character of two UTF-16 units', () => {
  expect([...lexicalFeatures('𝟘𠀀𠀁').keys()]).toEqual([
    'word:0𠀀𠀁',
    'letters:^0𠀀',
    'letters:0𠀀𠀁',
    'letters:𠀀𠀁$',
    'letters:^0𠀀𠀁',
    'letters:0𠀀𠀁$',
  ])
})

test('takes a text without letters and digits sign by sign', () => {
  expect([...lexicalFeatures('?! ?')]).toEqual([
    ['word:?', 2],
    ['letters:^?$', 2],
    ['word:!', 1],
    ['letters:^!$', 1],
  ])
})

test('finds nothing in a blank text only', () => {
  expect(lexicalFeatures(' \n')).toEqual(new Map())
})
