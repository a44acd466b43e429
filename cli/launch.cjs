#!/usr/bin/env node
// Owns what must happen before the program: libuv reads the size of its thread pool once, at the first use,
// and the loader of ES modules is such a use. So the launcher is CommonJS. Every fdatasync of a chunk store
// and of the log waits in that pool, and the default of four would make the nodes of one process wait for
// each other.

process.env.UV_THREADPOOL_SIZE ??= '16';
import('./strata.js');
