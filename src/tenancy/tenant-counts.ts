/** What is counted in this process until it is written down, by tenant and row. */

/** The counts of one tenant's rows. */
export type CountsOfTenant<C> = readonly [orgId: string, counts: readonly C[]]

/** Says which row a count is of, and how two counts of one row become one. */
export interface CountKind<C> {
  readonly keyOf: (count: C) => string
  readonly together: (before: C, count: C) => C
  /** Rows at most: further ones are not counted. */
  readonly most: number
}

/** Keeps counts; a tenant's are written down by themselves, so that no statement sees two tenants. */
export class TenantCounts<C> {
  readonly #kind: CountKind<C>
  readonly #tenants: Map<string, Map<string, C>> = new Map()
  #size = 0

  constructor(kind: CountKind<C>) {
    this.#kind = kind
  }

  /** How many rows have counts that are not written down. */
  get size(): number {
    return this.#size
  }

  add(orgId: string, count: C): void {
    const { keyOf, together, most } = this.#kind
    const counts = this.#tenants.get(orgId) ?? new Map<string, C>()
    const before = counts.get(keyOf(count))
    if (before === undefined) {
      if (this.#size >= most) return
      this.#size += 1
    }
    counts.set(keyOf(count), before === undefined ? count : together(before, count))
    this.#tenants.set(orgId, counts)
  }

  /**
   * Writes everything down, tenant by tenant, and returns of how many rows.
   *
   * It stops at the first tenant that fails; what was not written stays for the next time, that tenant's counts last, so that
   * they do not keep the others back for ever.
   */
  async flush(write: (orgId: string, counts: readonly C[]) => Promise<unknown>): Promise<number> {
    const taken = [...this.#tenants].map(([orgId, counts]): CountsOfTenant<C> => [
      orgId,
      [...counts.values()],
    ])
    this.#tenants.clear()
    this.#size = 0
    let written = 0
    for (const [index, [orgId, counts]] of taken.entries()) {
      try {
        await write(orgId, counts)
      } catch (error) {
        for (const [other, left] of [...taken.slice(index + 1), [orgId, counts] as const])
          for (const count of left) this.add(other, count)
        throw error
      }
      written += counts.length
    }
    return written
  }
}
