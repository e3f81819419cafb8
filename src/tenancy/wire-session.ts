/** A borrowed client and the message batches in flight on it: runs, cancels, gives back. */
import { setTimeout as delay } from 'node:timers/promises'
import { InvalidArgumentError } from '../errors.ts'
import { cancelRequest } from './cancel-request.ts'
import { MessageBatch } from './message-batch.ts'
import type { BatchContext, BatchResult, BatchStatement, PortalStep } from './message-batch.ts'
import type { WireClient } from './wire.ts'

/** Milliseconds after which a request to cancel is sent again. */
const firstPause = 50

/** Runs batches on one client, one after the other as `pg` queues them. */
export class WireSession {
  /** True when nobody can say what state the connection is in: it is destroyed instead of given back. */
  isBroken = false
  readonly #client: WireClient
  readonly #context: BatchContext
  readonly #signal: AbortSignal | undefined
  /** Batches that are in flight or queued: more than one when a transaction's statements run concurrently. */
  #running = 0
  /** Aborted when what is being cancelled has ended. */
  #cancelling: AbortController | undefined
  #isReleased = false

  constructor(client: WireClient, context: BatchContext, signal: AbortSignal | undefined) {
    this.#client = client
    this.#context = context
    this.#signal = signal
  }

  /** What the server said last: idle, in a transaction, in a failed one, or null before its first word. */
  get status(): string | null {
    return this.#client.getTransactionStatus()
  }

  /** Runs the statements and gives back what the last one gave. */
  async run(statements: readonly BatchStatement[], step?: PortalStep): Promise<BatchResult> {
    return lastOf(await this.submit(new MessageBatch(this.#context, statements, { step })))
  }

  /** @throws {InvalidArgumentError} when the connection was given back: it may be another tenant's by now. */
  async submit(batch: MessageBatch): Promise<readonly BatchResult[]> {
    if (this.#isReleased) {
      throw new InvalidArgumentError(
        'query',
        'comes too late: its connection was given back, do not keep the handle',
      )
    }
    this.#running += 1
    try {
      if (this.#signal === undefined) return await this.#query(batch)
      return await this.#queryUntilAborted(batch, this.#signal)
    } finally {
      this.#running -= 1
      if (this.#running === 0) {
        this.#cancelling?.abort()
        this.#cancelling = undefined
      }
    }
  }

  /**
   * Cancels what runs, if anything does, and returns when it has ended.
   *
   * @throws what kept the first request from being sent; those after it are as good as their chance.
   */
  async cancel(): Promise<void> {
    if (this.#running === 0) return
    const { signal } = (this.#cancelling ??= new AbortController())
    await this.#requestCancel()
    await wait(firstPause, signal)
    await this.#cancelUntil(signal)
  }

  /** Gives the connection back; one that is broken or still inside a transaction is destroyed instead. */
  release(): void {
    const { status } = this
    this.#isReleased = true
    this.#client.release(this.isBroken || this.#running > 0 || (status !== null && status !== 'I'))
  }

  /** The last word on a statement without settings: in the transaction that carried them, or not at all. */
  refuseWithoutTransaction(): Error | undefined {
    if (this.status !== 'I') return undefined
    return new InvalidArgumentError(
      'query',
      'cannot run: a statement ended the transaction, and the scope with it; return from the callback to commit, throw to roll back',
    )
  }

  async #query(batch: MessageBatch): Promise<readonly BatchResult[]> {
    // pg takes any object with submit(); its types know only pg-cursor's
    this.#client.query(batch as never)
    return await batch.results
  }

  async #queryUntilAborted(batch: MessageBatch, signal: AbortSignal): Promise<readonly BatchResult[]> {
    let cancelling: Promise<void> | undefined
    const end = new AbortController()
    const cancel = (): void => {
      cancelling = this.#cancelUntil(end.signal)
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#query(batch)
    } finally {
      signal.removeEventListener('abort', cancel)
      end.abort()
      await cancelling
    }
  }

  async #requestCancel(): Promise<void> {
    // whether the request arrives before the statement ends is unknown; it must not hit the next borrower's
    this.isBroken = true
    await cancelRequest(this.#client)
  }

  /** A request that comes before its statement (which may wait in a pooler) is lost, so it is sent until the statement ends. */
  async #cancelUntil(end: AbortSignal): Promise<void> {
    for (let pause = firstPause; !end.aborted; pause = Math.min(pause * 2, 1_000)) {
      await this.#requestCancel().catch(() => {})
      await wait(pause, end)
    }
  }
}

async function wait(pause: number, end: AbortSignal): Promise<void> {
  await delay(pause, undefined, { signal: end }).catch(() => {})
}

/** A batch that did not fail has a result for each statement that was asked about. */
export function lastOf(results: readonly BatchResult[]): BatchResult {
  const last = results.at(-1)
  if (last === undefined) throw new Error('the server answered no statement')
  return last
}
