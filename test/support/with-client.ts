/** A bare connection of `pg` for as long as a callback runs. */
import pg from 'pg'

/** Connects to `url`, runs the callback and ends the connection. */
export async function withClient<T>(url: string, callback: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await callback(client)
  } finally {
    await client.end()
  }
}
