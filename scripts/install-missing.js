// Installs the dependencies of the package, or of the folder that is named (`bench`), when its node_modules does not hold
// what its package-lock.json asks for.
// Plain JavaScript for Node 20: it runs before anything is installed, the Node that runs the rest included.
import { execSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const [folder = '.'] = process.argv.slice(2)
const root = new URL(`../${folder}/`, import.meta.url)

/** Reads the versions that a lock file lists, by folder; optional ones are left out: they differ per platform. */
function readVersions(file) {
  const { packages } = JSON.parse(readFileSync(new URL(file, root), 'utf8'))
  return Object.entries(packages).filter(
    ([folder, entry]) => folder !== '' && !entry.optional && !entry.devOptional,
  )
}

function isInstalled() {
  try {
    const installed = Object.fromEntries(readVersions('node_modules/.package-lock.json'))
    return readVersions('package-lock.json').every(
      ([folder, entry]) => installed[folder]?.version === entry.version,
    )
  } catch {
    return false
  }
}

if (!isInstalled()) {
  const where = folder === '.' ? '' : ` in ${folder}/`
  console.error(`installing what is missing${where} (npm ci) …`)
  execSync('npm ci --no-audit --no-fund --loglevel=error', { cwd: root, stdio: ['ignore', 2, 2] })
}

// npm's `ignore-scripts` leaves the package without its program, and an older Node cannot run what follows
if (
  folder === '.' &&
  !existsSync(new URL('node_modules/node/bin', root)) &&
  Number.parseInt(process.versions.node, 10) < 24
) {
  console.error(
    'Node 24 was not installed: run `npm rebuild node --ignore-scripts=false`, or use Node 24 yourself',
  )
  process.exitCode = 1
}
