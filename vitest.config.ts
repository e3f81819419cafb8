import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { LongFilesFirst } from './test/support/long-files-first.ts'
import { testFiles } from './test/support/pooled-suite.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    include: testFiles,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    // each embedded database is a whole PostgreSQL in the worker's memory, and CI has two cores
    maxWorkers: 2,
    // a worker keeps the modules it has loaded for the next file: loading them again took half of the suite's time
    isolate: false,
    sequence: { sequencer: LongFilesFirst },
    // nothing depends on these: they tell a hang from a busy machine
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
  },
})

export default config
