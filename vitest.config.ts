import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { testFiles } from './test/support/pooled-suite.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    include: testFiles,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    // each embedded database is a whole PostgreSQL in the worker's memory, and CI has two cores
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})

export default config
