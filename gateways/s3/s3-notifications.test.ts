// Owns the proof that what a bucket says of what it tells whom comes back as it was put, and that what S3
// would not take is refused in S3's words.

import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { failureOf, S3Server } from '#tests/support/s3-server.ts';

let server: S3Server;

test.before(async () => {
  server = await S3Server.start({ destinations: new Set(['hook', 'topic_1']) });
  await server.client.send(new CreateBucketCommand({ Bucket: 'told' }));
  await server.client.send(new CreateBucketCommand({ Bucket: 'refused' }));
});

test.after.always(() => server?.stop());

// As S3 writes them, whatever the SDK's types say.
const [PREFIX, SUFFIX] = ['Prefix', 'Suffix'] as unknown as ['prefix', 'suffix'];
const HOOK = 'arn:aws:sqs:us-east-1::hook';
const TOPIC = 'arn:aws:sns:us-east-1::topic_1';

const configure = (Bucket: string, NotificationConfiguration: NotificationConfiguration) =>
  server.client.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));

async function read(Bucket: string): Promise<NotificationConfiguration> {
  const { $metadata: _, ...configuration } = await server.client.send(
    new GetBucketNotificationConfigurationCommand({ Bucket }),
  );
  return configuration;
}

test.serial('a configuration comes back as it was put, and an empty one is none', async (t) => {
  t.deepEqual(await read('told'), {});
  const configuration: NotificationConfiguration = {
    TopicConfigurations: [
      { Id: 'gone & done', TopicArn: TOPIC, Events: ['s3:ObjectRemoved:*', 's3:ObjectTagging:Put'] },
    ],
    QueueConfigurations: [
      {
        Id: 'images',
        QueueArn: HOOK,
        Events: ['s3:ObjectCreated:Put', 's3:ObjectCreated:CompleteMultipartUpload'],
        Filter: {
          Key: {
            FilterRules: [
              { Name: PREFIX, Value: 'in/' },
              { Name: SUFFIX, Value: '.jpg' },
            ],
          },
        },
      },
      {
        Id: 'others',
        QueueArn: HOOK,
        Events: ['s3:ObjectCreated:*'],
        Filter: { Key: { FilterRules: [{ Name: PREFIX, Value: 'out/' }] } },
      },
    ],
  };
  await configure('told', configuration);
  t.deepEqual(await read('told'), configuration);
  await configure('told', {});
  t.deepEqual(await read('told'), {});
  await configure('told', { QueueConfigurations: [{ QueueArn: HOOK, Events: ['s3:ObjectCreated:*'] }] });
  t.truthy((await read('told')).QueueConfigurations?.[0]?.Id);
});

const queue = (more: string, arn = HOOK) =>
  `<QueueConfiguration><Queue>${arn}</Queue>${more}</QueueConfiguration>`;
const event = (name: string) => `<Event>${name}</Event>`;
const CREATED = event('s3:ObjectCreated:*');
const filter = (...rules: [string, string][]) => {
  const all = rules.map(
    ([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`,
  );
  return `<Filter><S3Key>${all.join('')}</S3Key></Filter>`;
};

const NOWHERE = 'Unable to validate the following destination configurations';
const REFUSED: Readonly<Record<string, readonly [document: string, code: string, message?: string]>> = {
  'an event that S3 does not know': [
    queue(event('s3:ObjectCreated:Append')),
    'InvalidArgument 400',
    'A specified event is not supported for notifications.',
  ],
  'a wildcard where there is none': [queue(event('s3:*')), 'InvalidArgument 400'],
  'a destination that nobody knows': [
    queue(CREATED, 'arn:aws:sqs:us-east-1::other'),
    'InvalidArgument 400',
    NOWHERE,
  ],
  'a destination of another region': [
    queue(CREATED, 'arn:aws:sqs:eu-west-1::hook'),
    'InvalidArgument 400',
    NOWHERE,
  ],
  'a destination of an account': [
    queue(CREATED, 'arn:aws:sqs:us-east-1:123456789012:hook'),
    'InvalidArgument 400',
    NOWHERE,
  ],
  'a topic where a queue belongs': [
    queue(CREATED, TOPIC),
    'InvalidArgument 400',
    'The ARN could not be parsed',
  ],
  'an address': [
    queue(CREATED, 'http://169.254.169.254/'),
    'InvalidArgument 400',
    'The ARN could not be parsed',
  ],
  'a function': [
    `<CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:us-east-1::hook</CloudFunction>${CREATED}` +
      '</CloudFunctionConfiguration>',
    'InvalidArgument 400',
    NOWHERE,
  ],
  'an event bus': ['<EventBridgeConfiguration/>', 'NotImplemented 501'],
  'forms alone, which are told as writes': [queue(event('s3:ObjectCreated:Post')), 'NotImplemented 501'],
  'no event': [queue(''), 'MalformedXML 400'],
  'no destination': [`<QueueConfiguration>${CREATED}</QueueConfiguration>`, 'MalformedXML 400'],
  'an element that S3 does not know': [queue(`${CREATED}<Other/>`), 'MalformedXML 400'],
  'the same name twice': [
    queue(`<Id>a</Id>${event('s3:ObjectRemoved:*')}`) + queue(`<Id>a</Id>${CREATED}`),
    'InvalidArgument 400',
    'Same ID used for multiple configurations. IDs must be unique',
  ],
  'the same event twice': [queue(CREATED) + queue(event('s3:ObjectCreated:Put')), 'InvalidArgument 400'],
  'prefixes and suffixes that overlap': [
    queue(CREATED + filter(['prefix', 'a'], ['suffix', '.jpg'])) +
      queue(CREATED + filter(['prefix', 'ab'], ['suffix', 'g'])),
    'InvalidArgument 400',
  ],
  'a filter of another kind': [
    queue(CREATED + filter(['infix', 'a'])),
    'InvalidArgument 400',
    'filter rule name must be either prefix or suffix',
  ],
  'two prefixes': [
    queue(CREATED + filter(['prefix', 'a'], ['prefix', 'b'])),
    'InvalidArgument 400',
    'Cannot specify more than one prefix rule in a filter.',
  ],
  'a prefix that no key can have': [
    queue(CREATED + filter(['prefix', 'a'.repeat(1_025)])),
    'InvalidArgument 400',
    'Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation',
  ],
  'too many rules': [
    Array.from({ length: 101 }, (_, index) => queue(CREATED + filter(['prefix', `${index}/`]))).join(''),
    'InvalidArgument 400',
  ],
};

for (const [what, [rules, code, message]] of Object.entries(REFUSED)) {
  test(`${what} is refused, and nothing is changed`, async (t) => {
    const body = `<NotificationConfiguration>${rules}</NotificationConfiguration>`;
    const put = { method: 'PUT', path: '/refused', query: { notification: '' }, body };
    const answer = await server.raw(put);
    t.is(`${/<Code>(.*?)<\/Code>/.exec(answer.body)?.[1]} ${answer.status}`, code, answer.body);
    if (message !== undefined) t.is(/<Message>(.*?)<\/Message>/.exec(answer.body)?.[1], message);
    t.deepEqual(await read('refused'), {});
  });
}

test('rules for the same event of other keys are let be', async (t) => {
  await server.client.send(new CreateBucketCommand({ Bucket: 'apart' }));
  const body =
    `<NotificationConfiguration>${queue(CREATED + filter(['prefix', 'a/']))}` +
    `${queue(CREATED + filter(['prefix', 'b/']))}</NotificationConfiguration>`;
  const put = { method: 'PUT', path: '/apart', query: { notification: '' }, body };
  t.is((await server.raw(put)).status, 200);
  t.is((await read('apart')).QueueConfigurations?.length, 2);
});

test('a program without destinations refuses every one', async (t) => {
  const bare = await S3Server.start();
  await bare.client.send(new CreateBucketCommand({ Bucket: 'bare' }));
  const NotificationConfiguration = {
    QueueConfigurations: [{ QueueArn: HOOK, Events: ['s3:ObjectCreated:*' as const] }],
  };
  const put = new PutBucketNotificationConfigurationCommand({ Bucket: 'bare', NotificationConfiguration });
  t.is(await failureOf(bare.client.send(put)), 'InvalidArgument 400');
  await bare.stop();
});
