// Owns the XML of hostile requests: what is legal for the operations that take any, and what is not.

import type { Chance } from '#tests/simulation/world.ts';
import { NUMBERS, noise, TEXTS } from './hostile-values.ts';

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

export function deletion(keys: readonly string[]): string {
  const objects = keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('');
  return `${DECLARATION}<Delete ${NAMESPACE}>${objects}<Quiet>false</Quiet></Delete>`;
}

export function completion(parts: readonly (readonly [number: number | string, etag: string])[]): string {
  const listed = parts.map(
    ([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload ${NAMESPACE}>${listed.join('')}</CompleteMultipartUpload>`;
}

export function location(region: string): string {
  const constraint = `<LocationConstraint>${region}</LocationConstraint>`;
  return `<CreateBucketConfiguration ${NAMESPACE}>${constraint}</CreateBucketConfiguration>`;
}

export function tagging(key: string): string {
  return `<Tagging ${NAMESPACE}><TagSet><Tag><Key>${key}</Key><Value>v</Value></Tag></TagSet></Tagging>`;
}

export function cors(): string {
  const rule = '<AllowedMethod>GET</AllowedMethod><AllowedOrigin>h*</AllowedOrigin>';
  const all = '<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ID>a</ID>';
  return `<CORSConfiguration ${NAMESPACE}><CORSRule>${rule}${all}</CORSRule></CORSConfiguration>`;
}

export function restoring(): string {
  const parameters = '<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>';
  return `<RestoreRequest ${NAMESPACE}><Days>1</Days>${parameters}</RestoreRequest>`;
}

export function payment(): string {
  const payer = '<Payer>BucketOwner</Payer>';
  return `<RequestPaymentConfiguration ${NAMESPACE}>${payer}</RequestPaymentConfiguration>`;
}

export function website(): string {
  const redirect = '<Redirect><HttpRedirectCode>302</HttpRedirectCode></Redirect>';
  const condition = '<Condition><KeyPrefixEquals>a</KeyPrefixEquals></Condition>';
  const rules = `<RoutingRules><RoutingRule>${condition}${redirect}</RoutingRule></RoutingRules>`;
  const index = '<IndexDocument><Suffix>i</Suffix></IndexDocument>';
  return `<WebsiteConfiguration ${NAMESPACE}>${index}${rules}</WebsiteConfiguration>`;
}

export function encryption(): string {
  const byDefault = '<SSEAlgorithm>AES256</SSEAlgorithm>';
  const rule = `<ApplyServerSideEncryptionByDefault>${byDefault}</ApplyServerSideEncryptionByDefault>`;
  const root = 'ServerSideEncryptionConfiguration';
  return `<${root} ${NAMESPACE}><Rule>${rule}<BucketKeyEnabled>true</BucketKeyEnabled></Rule></${root}>`;
}

export function lifecycle(): string {
  const filter = '<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>';
  const rule = `<ID>r</ID><Status>Enabled</Status>${filter}<Expiration><Days>9</Days></Expiration>`;
  return `<LifecycleConfiguration ${NAMESPACE}><Rule>${rule}</Rule></LifecycleConfiguration>`;
}

const LAUGHS = Array.from({ length: 10 }, (_, index) => {
  const before = index === 0 ? 'lol' : `&l${index - 1};`.repeat(10);
  return `<!ENTITY l${index} "${before}">`;
}).join('');

type Spoil = (xml: string, chance: Chance) => Buffer;

const text = (spoil: (xml: string, chance: Chance) => string): Spoil => {
  return (xml, chance) => Buffer.from(spoil(xml, chance));
};

/** Into the first text of an element. */
const inText = (xml: string, what: string): string => xml.replace(/>([^<]*)<\//, () => `>${what}</`);

/** In the first tag after the declaration. */
const behindRoot = (xml: string, what: string): string => xml.replace(/<[A-Z][^>]*>/, (root) => root + what);

const SPOILS: readonly Spoil[] = [
  text((xml) => inText(`<!DOCTYPE x [${LAUGHS}]>${xml.replace(DECLARATION, '')}`, '&l9;')),
  text((xml) =>
    inText(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${xml.replace(DECLARATION, '')}`, '&e;'),
  ),
  text((xml) => `<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">${xml.replace(DECLARATION, '')}`),
  text((xml) => inText(xml, '&unknown;')),
  text((xml) => inText(xml, '&#0;&#x1F;&#xD800;&#xFFFFFFFF;')),
  text((xml, chance) => {
    const depth = chance.pick([17, 1_000, 50_000]);
    return behindRoot(xml, '<a>'.repeat(depth) + '</a>'.repeat(depth));
  }),
  text((xml, chance) => behindRoot(xml, '<a>'.repeat(chance.pick([20, 5_000])))),
  text((xml, chance) => behindRoot(xml, `<a ${'b="c" '.repeat(chance.whole(2, 500))}/>`)),
  text((xml, chance) =>
    behindRoot(
      xml,
      `<a ${Array.from({ length: chance.whole(2, 3_000) }, (_, i) => `b${i}="c"`).join(' ')}/>`,
    ),
  ),
  text((xml) => behindRoot(xml, '<!-- -- -->')),
  text((xml) => behindRoot(xml, `<?php ${'x'.repeat(1_000)}?><![CDATA[${']]'.repeat(100)}]]>`)),
  text((xml) => xml.replace(/<([A-Z]\w*)/, '<Other$1')),
  text((xml) => xml.replaceAll('2006-03-01', '1999-01-01')),
  text((xml) => xml.replace(NAMESPACE, 'xmlns:a="b" a:c="d"')),
  text((xml) => xml.replace('UTF-8', 'UTF-16')),
  text((xml) => xml + xml),
  text((xml, chance) => xml.slice(0, chance.whole(0, xml.length - 1))),
  text((xml, chance) => inText(xml, chance.pick(NUMBERS))),
  text((xml, chance) => inText(xml, chance.pick(TEXTS))),
  text((xml, chance) => inText(xml, 'y'.repeat(chance.pick([1_025, 100_000, 300_000])))),
  text((xml) => xml.replace(/(<(?:Object|Part)>.*?<\/(?:Object|Part)>)/, '$1'.repeat(1_001))),
  text(() => ''),
  text(() => '{"json": true}'),
  (xml) => Buffer.from(`\ufeff${xml}`, 'utf16le'),
  (xml) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(xml)]),
  (xml, chance) => {
    const bytes = Buffer.from(xml);
    for (let count = chance.whole(1, 5); count > 0; count--)
      bytes[chance.whole(0, bytes.length - 1)] = chance.whole(0, 255);
    return bytes;
  },
  (_xml, chance) => noise(chance, chance.whole(1, 3_000)),
  (xml) => Buffer.from(xml.replace(/>/, '>\0')),
];

export function spoiltXml(xml: Buffer, chance: Chance): Buffer {
  // Rarely: they are many bytes.
  if (chance.happens(0.01))
    return Buffer.from(behindRoot(xml.toString(), ' '.repeat(chance.pick([1, 3]) * 1_048_576)));
  return chance.pick(SPOILS)(xml.toString(), chance);
}
