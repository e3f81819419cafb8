/** `npm run quickstart`: the command line around the quickstart. */
import { scriptTarget } from '../../src/database/script-target.ts'
import { BulkAddError, IbexError } from '../../src/errors.ts'
import { parseArguments, usage, UsageError } from './arguments.ts'
import { PersonaCsvError } from './persona-csv-error.ts'
import { createPrinter } from './printer.ts'
import { runQuickstart } from './quickstart.ts'

const nextSteps = [
  '  npm run quickstart                   again: nothing is created twice',
  '  npm run quickstart -- <file.csv>     your own people, over four organizations',
  '  npx kysely migrate list              the migrations behind the schema',
  '  npm test                             the same promise, tested table by table',
  '  README.md                            how a service uses it',
]

async function main(args: readonly string[]): Promise<number> {
  const { help, file } = parseArguments(args)
  const printer = createPrinter(process.stdout)
  if (help) {
    printer.lines([usage])
    return 0
  }
  const { target, notice } = scriptTarget()
  printer.lines(['ibex-db quickstart', `  ${notice ?? 'Using the server of DATABASE_URL.'}`])
  const { isIsolated } = await runQuickstart({ target, file, printer }).catch((error: unknown) => {
    throw error instanceof PersonaCsvError && file !== undefined
      ? new UsageError(`${file}: ${error.message}`)
      : error
  })
  if (!isIsolated) {
    printer.section('A border gave way: rows of another organization were reached.')
    return 1
  }
  printer.section('Nothing crossed. Next', nextSteps)
  return 0
}

// A reader that stops reading (`| head`) must not stop the loading.
process.stdout.on('error', () => {})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (caught) {
  // what stopped the loading, not that it stopped
  const error = caught instanceof BulkAddError ? caught.cause : caught
  const isExpected = error instanceof UsageError || error instanceof IbexError
  console.error(isExpected ? `quickstart: ${error.message}` : error)
  process.exitCode = 1
}
