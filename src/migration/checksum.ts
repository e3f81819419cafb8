/** Checksums of migration files. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'

/**
 * The checksum of a migration's source: the language and the SHA-256 of its text, `ts:9f86d0…`.
 *
 * Line ends and a byte order mark do not count: Git changes them from machine to machine. What the file imports does not
 * count either. A compiled file is another text than its source, which is why the language is part of it.
 */
export async function fileChecksum(path: string): Promise<string> {
  const text = await readFile(path, 'utf8')
  const language = extname(path).replace(/^\.[mc]?/, '')
  const normalized = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  return `${language}:${createHash('sha256').update(normalized).digest('hex')}`
}

/** True when both are there, of one kind, and differ. */
export function isEdited(recorded: string | undefined, current: string | undefined): boolean {
  if (recorded === undefined || current === undefined) return false
  return kindOf(recorded) === kindOf(current) && recorded !== current
}

function kindOf(checksum: string): string {
  return checksum.slice(0, checksum.indexOf(':'))
}
