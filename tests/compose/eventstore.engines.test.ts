// Owns the proof that the cluster of compose.yaml works the same on EventStoreDB, by its profile eventstore.
// Where neither a registry nor this machine has the image, it says that it did not run.

import test from 'ava';
import { composeSuite } from './compose-suite.ts';
import { obtainDocker } from './docker-daemon.ts';
import { canHave } from './images.ts';

const IMAGE = process.env.EVENTSTORE_IMAGE ?? 'eventstore/eventstore:24.10';

const docker = await obtainDocker();
const isThere = await canHave(IMAGE);
await docker.stop();

if (isThere) {
  const suite = composeSuite(test, {
    profile: 'eventstore',
    environment: { EVENTSTORE_IMAGE: IMAGE, STRATA_LOG: 'esdb://eventstore:2113/strata?tls=false' },
  });

  test.serial('uploads wait while EventStoreDB is away, and go on when it is back', async (t) => {
    await suite.whileUploading(t, async () => {
      await suite.cluster().kill('eventstore');
      await suite.cluster().start('eventstore');
    });
  });
} else {
  console.error(`not run: no EventStoreDB server (${IMAGE} can be had nowhere)`);
  test.skip('not run: no EventStoreDB server', (t) => t.fail());
}
