// Owns where a simulated node takes the wire's connections, and how both ends know each other.

import type { Address } from '#core/kernel/network.ts';
import type { WireCredentials } from '#storage-nodes/wire/node-wire.ts';

export const CREDENTIALS: WireCredentials = { secret: Buffer.from('the secret of the simulated cluster') };

export const wireAddress = (host: string): Address => `tcp:${host}:1`;
