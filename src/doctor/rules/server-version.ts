import type { Rule } from '../rule.ts'

/** The first releases without known holes in row-level security (CVE-2026-14666 was the last). */
const floors: Readonly<Record<number, number>> = { 15: 150_019, 16: 160_015, 17: 170_011, 18: 180_006 }

/** Finds servers with known holes in row-level security. */
export const serverVersion: Rule = {
  code: 'server-version',
  severity: 'warning',
  problem: 'The server has known holes in row-level security.',
  why: 'Releases below 18.6, 17.11, 16.15 and 15.19 let rows past a policy in some cases (CVE-2026-14666).',
  remedy: 'Update the server to the latest minor release: it needs a restart and no dump.',
  *find({ catalog }) {
    const { version } = catalog.server
    const floor = floors[Math.floor(version / 10_000)]
    if (floor === undefined || version >= floor) return
    yield {
      object: 'server',
      detail: `it is PostgreSQL ${print(version)}, the holes are closed in ${print(floor)}`,
    }
  },
}

function print(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`
}
