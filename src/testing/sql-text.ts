/** Names and values as SQL, whatever they hold: the schemas of users know no rules of ours. */

/** Quotes a name. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes a list of names. */
export function quoteNames(names: readonly string[]): string {
  return names.map(quoteName).join(', ')
}

/** Quotes a value in PostgreSQL's text form; a backslash means itself whatever `standard_conforming_strings` says. */
export function quoteValue(value: string | null): string {
  if (value === null) return 'null'
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return value.includes('\\') ? `E${quoted}` : quoted
}
