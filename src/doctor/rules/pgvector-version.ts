import type { Rule } from '../rule.ts'

const floor = '0.8.4'

/** Finds versions of pgvector that can damage an index. */
export const pgvectorVersion: Rule = {
  code: 'pgvector-version',
  severity: 'warning',
  problem: 'The extension pgvector is below 0.8.4.',
  why: 'Versions before it can corrupt an HNSW index; a search then misses rows without an error.',
  remedy:
    'Install a newer package on the server, run ALTER EXTENSION vector UPDATE, and reindex the HNSW indexes.',
  *find({ catalog }) {
    const { vector } = catalog.server
    if (vector === null || vector.localeCompare(floor, 'en', { numeric: true }) >= 0) return
    yield { object: 'extension vector', detail: `it is version ${vector}` }
  },
}
