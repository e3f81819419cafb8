/** Counts round trips where they happen: on the wire. */
import { type WireProxy, startWireProxy } from '../support/wire-proxy.ts'

/** A TCP proxy in front of a server that counts how often the server was asked and answered. */
export interface FlightCounter extends WireProxy {
  /** ReadyForQuery messages so far: the server sends one for each Sync, and one when a connection is ready. */
  readonly flights: number
}

/** Starts the proxy on a free port. */
export async function countFlights(url: string): Promise<FlightCounter> {
  let flights = 0
  const proxy = await startWireProxy(url, (type) => {
    if (type === 'Z') flights += 1
  })
  return {
    ...proxy,
    get flights() {
      return flights
    },
    [Symbol.asyncDispose]: async () => await proxy[Symbol.asyncDispose](),
  }
}
