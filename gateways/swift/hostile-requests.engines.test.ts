// Tests the Swift gateway with very many requests of hostile-requests.suite.ts.

import test from 'ava';
import { hostileRequests } from './hostile-requests.suite.ts';

hostileRequests(test, 100_000);
