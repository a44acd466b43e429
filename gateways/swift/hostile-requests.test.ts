// Tests the Swift gateway with some requests of hostile-requests.suite.ts.

import test from 'ava';
import { hostileRequests } from './hostile-requests.suite.ts';

hostileRequests(test, 2_000);
