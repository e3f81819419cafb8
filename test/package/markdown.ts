/** What the documents promise: their code blocks and their links. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A Markdown file of the repository. */
export interface Document {
  /** Its path from the repository's root. */
  readonly path: string
  readonly text: string
}

/** Reads README, the other documents at the top level, and docs/. */
export function readDocuments(): Document[] {
  return globSync(['*.md', 'docs/**/*.md'], { cwd: root })
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/**
 * The programs in a document's ```ts blocks.
 *
 * A block with an import begins a program; the blocks that follow without one continue it, and see its names. Each
 * continuation is a scope of its own, so that it may use a name again.
 */
export function programsOf({ text }: Document): string[] {
  const programs: string[][] = []
  for (const [, block = ''] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    const current = programs.at(-1)
    if (current && !/^import /m.test(block)) {
      current.push(block)
    } else {
      programs.push([block])
    }
  }
  return programs.map((blocks) => `${blocks.join('\n{\n')}${'\n}'.repeat(blocks.length - 1)}\nexport {}\n`)
}

/** The files of this repository that a document links to, without the part after `#`. */
export function linkedFilesOf({ text }: Document): string[] {
  // a regular expression within code may look like a link
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]+`/g, '')
  const targets = Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target)
  return targets.filter((target) => !/^(\w+:|#)/.test(target)).map((target) => target.replace(/#.*/, ''))
}
