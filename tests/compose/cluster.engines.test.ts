// Owns the proof that the cluster of compose.yaml survives what befalls clusters: a node killed, cut off, or
// without its disk, the log's broker killed, the gateways replaced one after the other, all while objects are
// written. After each, every object that was acknowledged is read back from both gateways and compared by
// hash, the listings match, and each chunk lies where it should.

import test from 'ava';
import { gateways } from './compose-cluster.ts';
import { composeSuite } from './compose-suite.ts';

const suite = composeSuite(test, {});

test.serial('a node killed during uploads loses nothing, and catches up when it is back', async (t) => {
  await suite.whileUploading(t, async (load) => {
    await suite.cluster().kill('node-2');
    await load.acknowledged(60);
    await suite.cluster().start('node-2');
  });
});

test.serial('a node cut off the network is done without, and catches up when it is back', async (t) => {
  await suite.whileUploading(t, async (load) => {
    await suite.cluster().cut('node-3');
    await load.acknowledged(20);
    await suite.cluster().untilAway('node-3');
    await load.acknowledged(60);
    await suite.cluster().rejoin('node-3');
  });
});

test.serial('uploads wait while Kafka is away, and go on when it is back', async (t) => {
  await suite.whileUploading(t, async () => {
    await suite.cluster().kill('kafka');
    await suite.cluster().start('kafka');
  });
});

test.serial('a node whose disk was replaced by an empty one is filled again', async (t) => {
  await suite.whileUploading(t, async (load) => {
    await suite.cluster().loseDisk('node-4');
    await load.acknowledged(20);
    await suite.cluster().strata('ring', 'remove', 'node-4', '--gone', '--later');
    await suite.cluster().recreate('node-4');
    await suite.cluster().strata('ring', 'add', 'node-4');
  });
});

test.serial('gateways are replaced one after the other, and clients are served throughout', async (t) => {
  await suite.whileUploading(t, async (load) => {
    for (const gateway of gateways) {
      t.is(await suite.cluster().stop(gateway), 0);
      await load.acknowledged(10);
      await suite.cluster().recreate(gateway);
      await load.acknowledged(20);
    }
  });
});
