/** The URL of a test database, for what only a server has. */

/** The URL of the test's database, past any pooler; tests that need it are skipped on the embedded engine. */
export function serverUrl({ directUrl }: { readonly directUrl: string | undefined }): string {
  if (directUrl !== undefined) return directUrl
  throw new Error('the embedded engine has no URL: skip this test with skipOnEmbedded')
}

/** The same database for another login. */
export function urlForLogin(url: string, user: string, password: string): string {
  const other = new URL(url)
  other.username = user
  other.password = password
  return other.href
}

/** The same database behind another port of this machine. */
export function urlForPort(url: string, port: number): string {
  const other = new URL(url)
  other.hostname = '127.0.0.1'
  other.port = String(port)
  return other.href
}
