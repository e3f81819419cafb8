/** What `import 'ibex-db'` costs when a process starts, against the packages that it stands on. */
import { execFileSync } from 'node:child_process'
import { summarise } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'
import { loadedModules, packageOf } from './loaded-modules.ts'

/** What importing some packages costs. */
export interface StartCost {
  readonly packages: readonly string[]
  readonly milliseconds: Summary
  /** Processor time, which a busy machine lengthens less. */
  readonly processorMs: Summary
  /** Modules by the package that they come from; Node's own are left out. */
  readonly modules: Readonly<Record<string, number>>
}

const contenders: readonly (readonly string[])[] = [[], ['pg'], ['kysely'], ['kysely', 'pg'], ['ibex-db']]

/** Imports each in `rounds` fresh processes, in turn, in the folder of a built package. */
export function measureStart(folder: string, rounds: number): StartCost[] {
  const runs = contenders.map((packages) => ({
    packages,
    elapsed: [] as number[],
    processor: [] as number[],
  }))
  for (let round = 0; round < rounds; round++) {
    for (const { packages, elapsed, processor } of runs) {
      const figures = timeImport(folder, packages)
      elapsed.push(figures.elapsed)
      processor.push(figures.processor)
    }
  }
  return runs.map(({ packages, elapsed, processor }) => ({
    packages,
    milliseconds: summarise(elapsed),
    processorMs: summarise(processor),
    modules: countModules(folder, packages),
  }))
}

function importAll(packages: readonly string[]): string {
  return packages.map((name) => `await import(${JSON.stringify(name)});`).join(' ')
}

function timeImport(
  folder: string,
  packages: readonly string[],
): { readonly elapsed: number; readonly processor: number } {
  const program = `
    const started = performance.now(), used = process.cpuUsage();
    ${importAll(packages)}
    const elapsed = performance.now() - started, { user, system } = process.cpuUsage(used);
    process.stdout.write(JSON.stringify({ elapsed, processor: (user + system) / 1000 }))`
  const args = ['--input-type=module', '--eval', program]
  const output = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  // written by the program above
  return JSON.parse(output) as { elapsed: number; processor: number }
}

function countModules(folder: string, packages: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const file of loadedModules(importAll(packages), folder)) {
    // this benchmark's own hook is no part of it
    const name = packageOf(file)
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}
