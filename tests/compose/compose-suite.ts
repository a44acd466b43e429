// Owns what the tests of the cluster in containers have in common: the cluster starts before them and is
// removed after them, and each lets something happen while objects are written, then demands that nothing is
// lost.

import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ExecutionContext, TestFn } from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { type ClusterSettings, ComposeCluster, gateways, storageNodes } from './compose-cluster.ts';
import { type DockerDaemon, obtainDocker } from './docker-daemon.ts';
import { obtainImages } from './images.ts';
import { untilConverged } from './replicas.ts';
import { Uploads } from './uploads.ts';

const BUCKET = 'acknowledged';
/** Two passes of the replicators, which begin once a minute, and what they take on a busy machine. */
const CONVERGED_WITHIN_MS = 180_000;
const START_MS = 20 * 60_000;
const TEST_MS = 8 * 60_000;

class ComposeSuite {
  readonly #settings: ClusterSettings;
  #docker: DockerDaemon | undefined;
  #cluster: ComposeCluster | undefined;
  #clients: readonly S3Client[] = [];
  #uploads: Uploads | undefined;

  constructor(settings: ClusterSettings) {
    this.#settings = settings;
  }

  cluster(): ComposeCluster {
    if (!this.#cluster) throw new Error('the cluster did not start');
    return this.#cluster;
  }

  async start(t: ExecutionContext): Promise<void> {
    t.timeout(START_MS);
    this.#docker = await obtainDocker();
    const images = await obtainImages();
    for (const origin of [this.#docker.origin, ...images.origins]) t.log(origin);
    const cluster = await ComposeCluster.start(images, this.#settings);
    this.#cluster = cluster;
    this.#clients = await Promise.all(gateways.map((gateway) => cluster.s3(gateway)));
    await this.#clients[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
    this.#uploads = new Uploads(this.#clients, BUCKET);
  }

  async remove(t: ExecutionContext): Promise<void> {
    t.timeout(TEST_MS);
    for (const client of this.#clients) client.destroy();
    await this.#cluster?.remove();
    await this.#docker?.stop();
  }

  /**
   * Objects are written before, during and after what happens, and none of it may fail: a client that turns
   * to the other gateway when one does not serve it is served. Then everything is read back.
   */
  async whileUploading(t: ExecutionContext, happens: (load: Uploads) => Promise<void>): Promise<void> {
    t.timeout(TEST_MS);
    const load = this.#uploads as Uploads;
    const startedMs = systemClock.monotonicMs();
    const times: string[] = [];
    const done = (what: string) =>
      times.push(`${what} at ${Math.round((systemClock.monotonicMs() - startedMs) / 1_000)} s`);
    try {
      load.start();
      await load.acknowledged(40);
      await happens(load);
      await load.acknowledged(20);
      t.deepEqual(await load.stop(), [], 'requests failed');
      done('written');
      for (const [index, client] of this.#clients.entries()) {
        t.deepEqual(await load.differences(client), [], `${gateways[index]} shows something else`);
      }
      done('read back');
      const { complaints, nodes, chunks } = await untilConverged(this.cluster(), CONVERGED_WITHIN_MS);
      t.deepEqual(complaints.slice(0, 10), [], `${complaints.length} chunks are not where they should be`);
      t.deepEqual(nodes, storageNodes);
      t.deepEqual(await this.cluster().restarted(), [], 'what nobody killed went down');
      done('converged');
      t.log(`${load.objects} objects in ${chunks} chunks are as acknowledged: ${times.join(', ')}`);
    } catch (error) {
      t.log(await this.cluster().lastWords());
      throw error;
    } finally {
      await load.stop();
    }
  }
}

export function composeSuite(test: TestFn, settings: ClusterSettings): ComposeSuite {
  const suite = new ComposeSuite(settings);
  test.before('the cluster starts', (t) => suite.start(t));
  test.after.always('the cluster is removed', (t) => suite.remove(t));
  return suite;
}
