// Owns the list of all aggregate families: what can be decoded, documented and walked.

import { buckets } from './buckets/buckets.events.ts';
import { spaces } from './buckets/spaces.events.ts';
import { devices } from './devices/devices.events.ts';
import { accounts } from './identity/accounts.events.ts';
import { catalog, quotas } from './identity/catalog.events.ts';
import { domains, groups, names, projects } from './identity/directory.events.ts';
import { federation } from './identity/federation.events.ts';
import { assignments, roles } from './identity/roles.events.ts';
import { tokens } from './identity/tokens.events.ts';
import { trusts } from './identity/trusts.events.ts';
import { users } from './identity/users.events.ts';
import { notifications } from './notifications/notifications.events.ts';
import { objects } from './objects/objects.events.ts';
import { parts, uploads } from './objects/uploads.events.ts';

export const families = {
  accounts,
  buckets,
  spaces,
  objects,
  uploads,
  parts,
  devices,
  domains,
  projects,
  groups,
  names,
  users,
  roles,
  assignments,
  catalog,
  quotas,
  tokens,
  trusts,
  federation,
  notifications,
} as const;
