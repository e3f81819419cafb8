/** The list of rules. */
import type { Rule } from './rule.ts'
import { constraintNotValid } from './rules/constraint-not-valid.ts'
import { defaultSetting } from './rules/default-setting.ts'
import { definerPublic } from './rules/definer-public.ts'
import { definerSearchPath } from './rules/definer-search-path.ts'
import { definerWithoutTenant } from './rules/definer-without-tenant.ts'
import { exclusionTenant } from './rules/exclusion-tenant.ts'
import { foreignKeyEmptiesTenant } from './rules/foreign-key-empties-tenant.ts'
import { foreignKeyTenant } from './rules/foreign-key-tenant.ts'
import { foreignTableReadable } from './rules/foreign-table-readable.ts'
import { indexColumnUnusable } from './rules/index-column-unusable.ts'
import { indexInvalid } from './rules/index-invalid.ts'
import { indexUnusable } from './rules/index-unusable.ts'
import { loginBypassesRls } from './rules/login-bypasses-rls.ts'
import { loginOwnsTables } from './rules/login-owns-tables.ts'
import { materializedViewReadable } from './rules/materialized-view-readable.ts'
import { noTenantTable } from './rules/no-tenant-table.ts'
import { partitionRlsDisabled } from './rules/partition-rls-disabled.ts'
import { pgvectorVersion } from './rules/pgvector-version.ts'
import { policyAlwaysTrue } from './rules/policy-always-true.ts'
import { policyBypass } from './rules/policy-bypass.ts'
import { policyCheckDiffers } from './rules/policy-check-differs.ts'
import { policyIgnoresTenant } from './rules/policy-ignores-tenant.ts'
import { policyMissing } from './rules/policy-missing.ts'
import { policyOverlap } from './rules/policy-overlap.ts'
import { policyPerRow } from './rules/policy-per-row.ts'
import { policySettingCast } from './rules/policy-setting-cast.ts'
import { primaryKeyTenant } from './rules/primary-key-tenant.ts'
import { privilegeCreate } from './rules/privilege-create.ts'
import { privilegeDefault } from './rules/privilege-default.ts'
import { privilegeMaintain } from './rules/privilege-maintain.ts'
import { privilegePartition } from './rules/privilege-partition.ts'
import { privilegeReferences } from './rules/privilege-references.ts'
import { privilegeSequence } from './rules/privilege-sequence.ts'
import { privilegeTemporary } from './rules/privilege-temporary.ts'
import { privilegeTenantUpdate } from './rules/privilege-tenant-update.ts'
import { privilegeTrigger } from './rules/privilege-trigger.ts'
import { privilegeTruncate } from './rules/privilege-truncate.ts'
import { publicationUnfiltered } from './rules/publication-unfiltered.ts'
import { rlsDisabled } from './rules/rls-disabled.ts'
import { rlsNotForced } from './rules/rls-not-forced.ts'
import { roleAttributes } from './rules/role-attributes.ts'
import { roleBypassesRls } from './rules/role-bypasses-rls.ts'
import { roleMember } from './rules/role-member.ts'
import { roleMissing } from './rules/role-missing.ts'
import { roleOwner } from './rules/role-owner.ts'
import { roleSuperuser } from './rules/role-superuser.ts'
import { sequenceKey } from './rules/sequence-key.ts'
import { serverVersion } from './rules/server-version.ts'
import { sharedTableWritable } from './rules/shared-table-writable.ts'
import { tenantColumnMissing } from './rules/tenant-column-missing.ts'
import { tenantIndex } from './rules/tenant-index.ts'
import { tenantNullable } from './rules/tenant-nullable.ts'
import { uniqueKeyTenant } from './rules/unique-key-tenant.ts'
import { viewOwnerRights } from './rules/view-owner-rights.ts'

/**
 * Every rule, in the order in which a report lists them and a script mends them.
 *
 * Keys come before row-level security: an owner under FORCE does not see the rows that a new key is checked against.
 */
export const rules: readonly Rule[] = [
  noTenantTable,
  roleMissing,
  roleSuperuser,
  roleBypassesRls,
  roleAttributes,
  roleMember,
  roleOwner,
  loginBypassesRls,
  loginOwnsTables,
  defaultSetting,
  tenantColumnMissing,
  sharedTableWritable,
  tenantNullable,
  foreignKeyTenant,
  foreignKeyEmptiesTenant,
  primaryKeyTenant,
  uniqueKeyTenant,
  exclusionTenant,
  constraintNotValid,
  indexInvalid,
  tenantIndex,
  indexUnusable,
  indexColumnUnusable,
  sequenceKey,
  rlsDisabled,
  rlsNotForced,
  partitionRlsDisabled,
  policyMissing,
  policyAlwaysTrue,
  policyIgnoresTenant,
  policyBypass,
  policyCheckDiffers,
  policyOverlap,
  policySettingCast,
  policyPerRow,
  privilegeTruncate,
  privilegeReferences,
  privilegeTrigger,
  privilegeMaintain,
  privilegeTenantUpdate,
  privilegePartition,
  privilegeSequence,
  privilegeCreate,
  privilegeTemporary,
  privilegeDefault,
  viewOwnerRights,
  materializedViewReadable,
  foreignTableReadable,
  definerSearchPath,
  definerPublic,
  definerWithoutTenant,
  publicationUnfiltered,
  serverVersion,
  pgvectorVersion,
]
