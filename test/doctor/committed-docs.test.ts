import { expect, test } from 'vitest'
import { doctorPage } from '../../scripts/doctor-docs.ts'
import { findDrift } from '../../src/codegen/generated-file.ts'
import { allWords } from '../../src/doctor/findings.ts'

test('commits the page that the rules write', async () => {
  expect(await findDrift([doctorPage()])).toBeUndefined()
})

test('has a code of its own for each rule, named as its file is', () => {
  const codes = allWords.map(({ code }) => code)
  expect(new Set(codes).size).toBe(codes.length)
  expect(codes.filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code))).toEqual([])
})

test('says in whole sentences what is wrong, why, and how to mend it', () => {
  for (const { code, problem, why, remedy } of allWords) {
    for (const text of [problem, why, remedy])
      expect({ code, text }).toEqual({ code, text: expect.stringMatching(/^[A-Z@].*\.$/s) })
    expect(problem.length).toBeLessThan(90)
  }
})
