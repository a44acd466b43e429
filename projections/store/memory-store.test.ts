// Runs the read store's suite on the in-memory twin.

import test from 'ava';
import { createMemoryStore } from './memory-store.ts';
import { readStoreSuite } from './read-store.suite.ts';

readStoreSuite(test, { open: async () => createMemoryStore(), dispose: (store) => store.close() });
