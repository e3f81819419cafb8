/** `npm run doctor:docs`: writes docs/doctor.md from the rules; with `--check` it fails when the page differs. */
import { join } from 'node:path'
import type { GeneratedFile } from '../src/codegen/generated-file.ts'
import { allWords } from '../src/doctor/findings.ts'
import type { RuleWords } from '../src/doctor/findings.ts'
import { runScript } from './command-line.ts'
import { writeOrCompare } from './committed-files.ts'

const usage = `usage: npm run doctor:docs [-- --check]

  --check  write nothing; print the difference and exit with 1 when the page is not up to date`

/** The page about the doctor: how to use it, and what each rule says. */
export function doctorPage(): GeneratedFile {
  const table = allWords.map(
    ({ code, severity, problem }) => `| [\`${code}\`](#${code}) | ${severity} | ${problem} |`,
  )
  const text = [
    introduction,
    `## The rules\n\n| code | severity | what is wrong |\n| --- | --- | --- |\n${table.join('\n')}`,
    ...allWords.map(section),
  ].join('\n\n')
  return { path: join(import.meta.dirname, '../docs/doctor.md'), text: `${text}\n` }
}

function section({ code, severity, problem, why, remedy }: RuleWords): string {
  return `### ${code}\n\n${severity}: ${problem}\n\n${why}\n\n_How to mend it:_ ${remedy}`
}

const introduction = `<!-- Written by \`npm run doctor:docs\` from src/doctor/rules/. Do not edit. -->

# The doctor

It reads the catalog of a database, yours or ours, and says where one tenant could reach another's rows, where isolation
hangs by a single thread, and what it costs needlessly. It knows no table by its name: a tenant table is one with the tenant
column, one whose policy compares a column with the setting, or one to whose key the tenant columns of others refer.

\`\`\`sh
npx ibex-db doctor --url postgresql://… --schema public --tenant-column organization_id --role my_app
\`\`\`

| option | what it says | default |
| --- | --- | --- |
| \`--url\` | the database; any login that may read the catalog will do | \`DATABASE_URL\` |
| \`--schema\` | a schema to examine; again for several | all but PostgreSQL's and those of extensions |
| \`--tenant-column\` | the column that ties a row to its tenant | \`org_id\` |
| \`--setting\` | the setting that holds the tenant | \`app.current_org_id\` |
| \`--role\` | a role that a tenant's statements run as; again for several | \`ibex_app\` |
| \`--format\` | \`text\`, \`json\`, or \`sarif\` (2.1.0) for code scanning | \`text\` |
| \`--baseline\` | a file of accepted findings | |
| \`--tolerate-warnings\` | exit with 0 when there is nothing worse | |
| \`--fix\` | print the SQL that mends, instead of the report | |
| \`--apply\` | with \`--fix\`: run it too, and report what is left | |

It ends with 0 when nothing was found or only information, 1 for warnings, 2 for errors, 3 when it could not run: bad
arguments, no connection, a catalog that the login may not read. All is read in one read-only transaction; 2,000 tables take
about two seconds. PostgreSQL 15 or newer.

The same from a program:

\`\`\`ts
import { diagnose, formatText, readBaseline } from 'ibex-db/doctor'

const report = await diagnose(
  { url: process.env['DATABASE_URL'] ?? '' },
  { schemas: ['public'], tenantColumn: 'organization_id', baseline: await readBaseline('doctor-baseline.json') },
)
if (report.findings.some(({ severity }) => severity === 'error')) throw new Error(formatText(report))
\`\`\`

## Accepting a finding

A baseline is a JSON file beside your migrations. Each entry names the rule, the object exactly as the report does, and why it
may stay. An entry that accepts nothing any more is a finding itself.

\`\`\`json
{
  "accepted": [
    { "code": "sequence-key", "object": "column public.invoices.number", "reason": "Invoices are numbered by law." }
  ]
}
\`\`\`

## Mending

\`--fix\` prints one script in one transaction; nothing is changed. Read it: a policy that is narrowed or a right that is revoked
can stop a service. Every statement about one policy is the same, made of all that is wrong with it: the tenant is put before its
conditions, a way around it is taken out, calls go into sub-selects and settings into \`nullif\`. Keys are mended before
row-level security, with FORCE off for their moment: an owner under FORCE would check them against no row. What only a person
can decide stands at the end as a comment.

\`--fix --apply\` also runs it, as the login of the URL, which must own the objects (and, for roles, administer them). When one
statement fails, for rows that break a new key or a view that needs the old one, nothing has changed and the error says which
finding it was.

## What it cannot see

It reads what is declared, not what is done. It trusts the answer of a function that is handed the tenant column, and a sub-select
that looks for it; it finds the tables that a function reads by their names in its body, not in SQL that the body puts together.
It does not know which login your service uses: \`database.verifyIsolation()\` asks that at run time.`

if (import.meta.main) {
  await runScript(usage, { check: { type: 'boolean' } }, async ({ check }) => {
    await writeOrCompare([doctorPage()], { check, command: 'npm run doctor:docs' })
  })
}
