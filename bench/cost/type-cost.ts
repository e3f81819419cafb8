/** What a service costs the type checker: on ibex-db, and the same service on plain Kysely. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { summarise } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'
import { runTsc } from './built-package.ts'

/** What the compiler said of one program. */
export interface TypeCost {
  readonly program: 'nothing' | 'ibex-db' | 'Kysely'
  readonly instantiations: number
  readonly types: number
  readonly symbols: number
  readonly files: number
  /** Milliseconds of checking alone. */
  readonly checkMs: Summary
  readonly totalMs: Summary
  /** Of the compiler, in megabytes. */
  readonly memory: number
}

const consumers = join(import.meta.dirname, 'consumers')

/** Where the consumers in this repository find what they import, and where they find it beside the built package. */
const specifiers = [
  ["'../../../../src/index.ts'", "'ibex-db'"],
  ["'../../../../types/database.d.ts'", "'../node_modules/ibex-db/dist/types/database.d.ts'"],
] as const

/** Type-checks each program `rounds` times in turn, in the folder of a built package. */
export function measureTypes(folder: string, rounds: number): TypeCost[] {
  writeFileSync(join(folder, 'nothing.ts'), 'export {}\n')
  const programs = [
    { program: 'nothing', files: [join(folder, 'nothing.ts')] },
    { program: 'Kysely', files: copyConsumer(folder, 'kysely') },
    { program: 'ibex-db', files: copyConsumer(folder, 'ibex') },
  ] as const
  const runs = programs.map(({ program, files }) => {
    const config = join(folder, `tsconfig.${program}.json`)
    writeFileSync(config, JSON.stringify({ compilerOptions, files }))
    return { program, config, reports: [] as Report[] }
  })
  for (let round = 0; round < rounds; round++)
    for (const { config, reports } of runs) reports.push(check(config))
  return runs.map(({ program, reports }) => toCost(program, reports))
}

/** As test/package/consumer has them, but for what the declarations of others get wrong. */
const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
}

function copyConsumer(folder: string, name: 'ibex' | 'kysely'): string[] {
  mkdirSync(join(folder, name))
  return readdirSync(join(consumers, name)).map((file) => {
    const text = specifiers.reduce(
      (changed, [from, to]) => changed.replaceAll(from, to),
      readFileSync(join(consumers, name, file), 'utf8'),
    )
    writeFileSync(join(folder, name, file), text)
    return join(folder, name, file)
  })
}

type Report = ReadonlyMap<string, number>

/** One thread, so that the figures do not depend on how the files are dealt out. */
function check(config: string): Report {
  const output = runTsc(['-p', config, '--extendedDiagnostics', '--singleThreaded'])
  const lines = output.matchAll(/^(\w[\w ]*): +([\d.]+)/gm)
  return new Map(Array.from(lines, ([, name = '', value]) => [name, Number(value)] as const))
}

function toCost(program: TypeCost['program'], reports: readonly Report[]): TypeCost {
  const all = (name: string): number[] =>
    reports.map((report) => {
      const value = report.get(name)
      if (value === undefined) throw new Error(`tsc --extendedDiagnostics does not print ${name}`)
      return value
    })
  const milliseconds = (name: string): Summary => summarise(all(name).map((seconds) => seconds * 1000))
  const count = (name: string): number => summarise(all(name)).median
  return {
    program,
    instantiations: count('Instantiations'),
    types: count('Types'),
    symbols: count('Symbols'),
    files: count('Files'),
    checkMs: milliseconds('Check time'),
    totalMs: milliseconds('Total time'),
    memory: Math.round(count('Memory used') / 1024),
  }
}
