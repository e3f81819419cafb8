/** The part of `pg` below its documented types: the protocol messages that a Submittable sends and is handed. */
import type { PoolClient } from 'pg'

/** The connection that `pg` passes to a Submittable; PGlite's adapter implements the same methods, one message a call. */
export interface WireConnection {
  readonly stream: { cork?(): void; uncork?(): void }
  parse(message: { readonly name: string; readonly text: string }): void
  bind(message: {
    readonly portal: string
    readonly statement: string
    readonly values: readonly WireValue[]
  }): void
  describe(message: { readonly type: 'P' | 'S'; readonly name: string }): void
  execute(message: { readonly portal: string; readonly rows: number }): void
  close(message: { readonly type: 'P' | 'S'; readonly name: string }): void
  sync(): void
  once(event: 'readyForQuery' | 'end', listener: () => void): unknown
  removeListener(event: 'readyForQuery' | 'end', listener: () => void): unknown
}

/** A parameter as it goes to the server: text, binary, or null. */
export type WireValue = string | Buffer | null

/** One column of a RowDescription message. */
export interface WireField {
  readonly name: string
  readonly dataTypeID: number
}

/** What `pg`'s client needs of an object handed to `client.query` that has a `submit` method. */
export interface Submittable {
  submit(connection: WireConnection): Error | null
  handleRowDescription(message: { readonly fields: readonly WireField[] }): void
  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void
  handleCommandComplete(message: { readonly text: string }): void
  handlePortalSuspended(): void
  handleEmptyQuery(): void
  handleError(error: Error, connection: WireConnection): void
  handleReadyForQuery(): void
  handleCopyInResponse(connection: { sendCopyFail(message: string): void; sync(): void }): void
  handleCopyData(): void
}

/** The client of a pool with what its types leave out. */
export type WireClient = PoolClient & {
  readonly host: string
  readonly port: number
  readonly ssl: boolean
  readonly processID: number | null
  readonly secretKey: number | null
  getTypeParser(oid: number, format: 'text'): (text: string) => unknown
}

/** Whatever lends connections: a `pg.Pool`, or the library's own {@link ConnectionPool}. */
export interface TenantPool {
  connect(): Promise<PoolClient>
  end(): Promise<void>
  /** Of a pool that lends connections to replicas: the pool of their primary. A transaction on either is one of both. */
  readonly primary?: TenantPool
}
