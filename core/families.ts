// Owns the list of all aggregate families: what can be decoded, documented and walked.

import { buckets } from './buckets/buckets.events.ts';
import { devices } from './devices/devices.events.ts';
import { accounts } from './identity/accounts.events.ts';
import { objects } from './objects/objects.events.ts';
import { parts, uploads } from './objects/uploads.events.ts';

export const families = { accounts, buckets, objects, uploads, parts, devices } as const;
