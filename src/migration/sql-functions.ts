/** Who may call the functions of a schema, and what they are for. */
import { quoteText } from '../database/quote.ts'
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import { appRole, systemRole } from './roles.ts'

/**
 * Comments a function and takes the right to call it from everybody; a trigger needs none for its own.
 *
 * `signature` is its name with the schema, and the types of its parameters where there are any: `ibex_core.any_word(text)`.
 */
export async function describeFunction(
  db: MigrationHandle,
  signature: string,
  comment: string,
): Promise<void> {
  await run(db, `comment on function ${signature} is ${quoteText(comment)}`)
  await run(db, `revoke all on function ${signature} from public`)
}

/** Lets the two roles of scopes call a function, which runs with their rights. */
export async function allowFunction(db: MigrationHandle, signature: string): Promise<void> {
  await run(db, `grant execute on function ${signature} to ${appRole}, ${systemRole}`)
}
