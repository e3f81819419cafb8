/** What a planted defect is. */
import type { Catalog } from '../../../src/doctor/catalog.ts'
import type { DoctorOptions } from '../../../src/doctor/options.ts'

/** One planted defect. */
export interface Defect {
  readonly code: string
  /** What is wrong, for the name of the test. */
  readonly name: string
  /** The script that plants it. */
  readonly plant: string
  /** What the finding must name; the role names stand in it as `APP`, `SYSTEM` and `SEARCH`. */
  readonly objects: readonly string[]
  /** Whether statements can mend it. */
  readonly isMendable: boolean
  readonly options?: DoctorOptions
  /** For what no statement can plant on every server: the versions, and rights of later ones. */
  readonly edit?: (catalog: Catalog) => Catalog
}

/** A statement mends it. */
export const mended = { isMendable: true } as const

/** Only a person can mend it. */
export const byHand = { isMendable: false } as const
