// Owns the configurations of a bucket: each is a document that is read strictly, kept as a property of the
// bucket (`s3/<name>`, JSON of what was read), and written again. Guarantee: what is stored was valid.

import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { acceptBucket, documentBody, errorFor, type S3Call } from '../call.ts';
import type { S3ErrorCode } from '../errors.ts';
import { replyEmpty, replyXml } from '../reply.ts';
import { malformed, readXml, type XmlElement, XmlWriter } from '../xml.ts';

export interface Setting<Value> {
  /** `s3/<name>` */
  readonly property: string;
  /** Of the document's element. */
  readonly root: string;
  /** Why there is no document; undefined: there always is one. */
  readonly missing: S3ErrorCode | undefined;
  readonly maxBytes: number;
  readonly putStatus: 200 | 204;
  /** @throws S3Error; undefined: as if it never had been set */
  read(root: XmlElement, call: S3Call): Value | undefined;
  write(xml: XmlWriter, value: Value | undefined): void;
}

type Properties = StoredBucket['properties'];

// Properties of a bucket stay the same object until they change.
const decoded = new WeakMap<Properties, Map<string, unknown>>();

/** Undefined where it is not set. */
export function settingIn<Value>(properties: Properties, setting: Setting<Value>): Value | undefined {
  const text = properties[setting.property];
  if (text === undefined) return undefined;
  let known = decoded.get(properties);
  if (!known) {
    known = new Map();
    decoded.set(properties, known);
  }
  if (!known.has(setting.property)) known.set(setting.property, JSON.parse(text));
  return known.get(setting.property) as Value;
}

type Run = (call: S3Call) => Promise<void>;

export const getting =
  <Value>(setting: Setting<Value>): Run =>
  async (call) => {
    const bucket = acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
    const value = settingIn(bucket.properties, setting);
    if (value === undefined && setting.missing) throw errorFor(call, setting.missing);
    const xml = new XmlWriter(setting.root);
    setting.write(xml, value);
    replyXml(call, xml.document());
  };

export const putting =
  <Value>(setting: Setting<Value>): Run =>
  async (call) => {
    const { bytes } = await documentBody(call);
    if (bytes.length > setting.maxBytes) throw malformed();
    const value = setting.read(readXml(bytes, setting.root), call);
    await change(call, setting, value);
    replyEmpty(call, setting.putStatus);
  };

export const deleting =
  <Value>(setting: Setting<Value>): Run =>
  async (call) => {
    await change(call, setting, undefined);
    replyEmpty(call, 204);
  };

export async function change<Value>(
  call: S3Call,
  setting: Setting<Value>,
  value: Value | undefined,
): Promise<void> {
  const { buckets } = call.gateway.cloud;
  const bucket = acceptBucket(call, await buckets.get(call.caller, call.bucket));
  const { property } = setting;
  const text = value === undefined ? undefined : JSON.stringify(value);
  if (bucket.properties[property] === text) return;
  const changes =
    text === undefined ? { set: {}, unset: [property] } : { set: { [property]: text }, unset: [] };
  acceptBucket(call, await buckets.describe(call.caller, call.bucket, changes));
}
