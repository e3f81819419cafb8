/** What the test kit throws: assertion errors, which vitest and node:test both show as a failed expectation. */
import { AssertionError } from 'node:assert'

/** Raised when tenants are not kept apart; the message lists every violation, `report` holds them. */
export class TenantIsolationError<Report = unknown> extends AssertionError {
  override readonly name = 'TenantIsolationError'
  readonly report: Report

  constructor(message: string, report: Report) {
    super({ message })
    this.report = report
    // runners print what they find beside the message, which says it all
    Object.defineProperty(this, 'report', { enumerable: false })
    Reflect.deleteProperty(this, 'diff')
  }
}
