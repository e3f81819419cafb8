/** For every rule the defects that it, and no other, must find in the healthy schema. */
import type { FixtureRoles } from '../healthy-schema.ts'
import type { Defect } from './defect.ts'
import { keysDefects } from './keys.ts'
import { policiesDefects } from './policies.ts'
import { rightsDefects } from './rights.ts'
import { rolesDefects } from './roles.ts'
import { surroundingsDefects } from './surroundings.ts'

/** Makes the defects for a fixture with these roles. */
export function defects(roles: FixtureRoles): readonly Defect[] {
  return [rolesDefects, keysDefects, policiesDefects, rightsDefects, surroundingsDefects].flatMap((make) =>
    make(roles),
  )
}
