/** The order of the test files: the long ones first, so that none of them begins when the others are done. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * The files that take longest with their hooks, each on one backend at least. Vitest knows what a file took only where it
 * ran before, and what is skipped on one backend, which is fast, may be the longest on the next.
 */
const longest: readonly string[] = [
  'faults/embedded-faults',
  'testing/ibex-core',
  'memory/small-tenant',
  'database/embedded',
  'schema-docs/committed-docs',
  'quickstart/main',
  'migration/migrations',
  'package/documents',
  'testing/start-database',
  'testing/node-test',
  'doctor/rules',
]

/** Puts the longest files before the rest, which stay in vitest's own order. */
export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => rank(one) - rank(other))
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
  return place === -1 ? longest.length : place
}
