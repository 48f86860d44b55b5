/** The door of the principals room: other code imports this file and no other. */
import { createCredential } from './create-credential.ts'
import { createPrincipal } from './create-principal.ts'
import { createWorkspace } from './create-workspace.ts'
import { disablePrincipal } from './disable-principal.ts'
import { enablePrincipal } from './enable-principal.ts'
import { erasePrincipal } from './erase-principal.ts'
import { getPrincipal } from './get-principal.ts'
import { getSelf } from './get-self.ts'
import { getWorkspace } from './get-workspace.ts'
import { listPrincipals } from './list-principals.ts'
import { listRoles } from './list-roles.ts'
import { listWorkspaces } from './list-workspaces.ts'
import { readMetrics } from './read-metrics.ts'
import { revokePrincipal } from './revoke-principal.ts'
import { revokeWorkspace } from './revoke-workspace.ts'
import { updatePrincipal } from './update-principal.ts'

export { collectAccess, type Access } from './access.ts'
export { createAuthenticate } from './authenticate.ts'
export { createCredentialGrants } from './credential-grants.ts'
export { firstStart, type FirstStart } from './first-start.ts'
export { principalsMigrations } from './migrations/index.ts'
export { recoverOwner, type RecoveredOwner } from './recover-owner.ts'
export type { PrincipalsServices } from './services.ts'

export const operations = [
  createPrincipal, listPrincipals, getPrincipal, updatePrincipal, disablePrincipal, enablePrincipal, revokePrincipal, erasePrincipal,
  createCredential, getSelf, listRoles, createWorkspace, listWorkspaces, getWorkspace, revokeWorkspace, readMetrics,
] as const
