// Owns the proof that a webhook is told of what the AWS CLI does, once a bucket was configured by it, and
// that nothing is lost by a program that is stopped, or killed, while the webhook is down.

import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { awsEnvironment, runEngine } from '#tests/support/engine.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

const SECRET = 'known-to-both';

interface Record {
  readonly eventName: string;
  readonly s3: { readonly object: { readonly key: string; readonly size?: number } };
}

class Receiver {
  readonly told: Record[] = [];
  /** Of messages that were not signed as they should be. */
  unsigned = 0;
  isDown = false;
  readonly #server: Server;
  #told: (() => void)[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece) => pieces.push(piece));
      request.on('end', () => {
        const body = Buffer.concat(pieces).toString();
        if (!isSigned(`${request.headers['x-strata-signature']}`, body)) this.unsigned++;
        if (!this.isDown) this.told.push(...JSON.parse(body).Records);
        response.writeHead(this.isDown ? 503 : 204).end();
        for (const wake of this.#told.splice(0)) wake();
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** Resolves when all of these were told. */
  async until(wanted: readonly string[]): Promise<void> {
    const names = () => new Set(this.told.map(({ eventName, s3 }) => `${eventName} ${s3.object.key}`));
    while (!wanted.every((name) => names().has(name))) {
      await new Promise<void>((resolve) => this.#told.push(resolve));
    }
  }

  /** Resolves when it was asked once more. */
  asked(): Promise<void> {
    return new Promise((resolve) => this.#told.push(resolve));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function isSigned(header: string, body: string): boolean {
  const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(header) ?? [];
  return createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex') === signature;
}

const CONFIGURATION = {
  QueueConfigurations: [
    {
      Id: 'images',
      QueueArn: 'arn:aws:sqs:us-east-1::hook',
      Events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:ObjectTagging:*'],
      Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: 'in/' }] } },
    },
  ],
};

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
const receiver = new Receiver();
let strata: StrataProcess;

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

test.before(async () => {
  const webhook = { url: await receiver.listen(), secretFile: file('secret', SECRET) };
  const settings = file('settings.json', JSON.stringify({ destinations: { hook: { webhook } } }));
  strata = await StrataProcess.start({ args: ['--notification-settings', settings] });
});

test.after.always(async () => {
  await strata?.remove();
  receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

function aws(...args: string[]): Promise<string> {
  return runEngine('aws', ['--endpoint-url', strata.endpoint, ...args], awsEnvironment(strata.credentials));
}

const AT = ['--bucket', 'told'];
const copy = (path: string, key: string) => aws('s3', 'cp', '--only-show-errors', path, `s3://told/${key}`);

test.serial('a webhook is told of what the AWS CLI did, by the rules that it put', async (t) => {
  t.timeout(120_000);
  await aws('s3', 'mb', 's3://told');
  const given = ['--notification-configuration', JSON.stringify(CONFIGURATION)];
  await aws('s3api', 'put-bucket-notification-configuration', ...AT, ...given);
  const read = JSON.parse(await aws('s3api', 'get-bucket-notification-configuration', ...AT));
  t.deepEqual(read.QueueConfigurations[0].Events, CONFIGURATION.QueueConfigurations[0]?.Events);

  const body = file('body', 'hello');
  await copy(body, 'out/a');
  await copy(body, 'in/a b');
  const tagging = ['--tagging', 'TagSet=[{Key=a,Value=b}]'];
  await aws('s3api', 'put-object-tagging', ...AT, '--key', 'in/a b', ...tagging);
  await aws('s3', 'rm', '--only-show-errors', 's3://told/in/a b');
  await copy(file('large', 'x'.repeat(9 * 1024 * 1024)), 'in/large');
  await receiver.until(['ObjectRemoved:Delete in/a+b', 'ObjectCreated:CompleteMultipartUpload in/large']);
  const ofKey = receiver.told.filter(({ s3 }) => s3.object.key === 'in/a+b');
  t.deepEqual(
    ofKey.map(({ eventName }) => eventName),
    ['ObjectCreated:Put', 'ObjectTagging:Put', 'ObjectRemoved:Delete'],
  );
  t.is(ofKey[0]?.s3.object.size, 5);
  t.false(receiver.told.some(({ s3 }) => s3.object.key.startsWith('out/')));
  const metrics = await (await fetch(`${strata.adminEndpoint}/metrics`)).text();
  t.regex(metrics, /strata_notifications_delivered_total\{destination="hook"\} [1-9]/);
  t.regex(metrics, /strata_notifications_dropped_total\{destination="hook"\} 0/);
  t.regex(metrics, /strata_notifications_lag_seconds\{destination="hook"\} \d/);
});

for (const how of ['stop', 'kill'] as const) {
  test.serial(`what a webhook that was down missed is told after a ${how}`, async (t) => {
    t.timeout(120_000);
    receiver.isDown = true;
    const asked = receiver.asked();
    await copy(file('body', 'hello'), `in/${how}`);
    await asked;
    await strata[how]();
    receiver.isDown = false;
    await strata.restart();
    await receiver.until([`ObjectCreated:Put in/${how}`]);
    t.is(receiver.unsigned, 0);
  });
}
