// Owns which bucket and key a request addresses, and what may be a key (Amazon S3 User Guide, "Naming Amazon
// S3 objects"). Guarantee: a key reaches the cloud exactly as the client wrote it, never normalised.

import { limits } from '#core/kernel/limits.ts';
import { decodePath } from '#gateways/edge/query-string.ts';
import { isVersion } from '#services/versioning.ts';
import { invalidVersion, S3Error } from './errors.ts';

export interface Address {
  /** Empty: the service itself. */
  readonly bucket: string;
  /** Empty: the bucket itself. */
  readonly key: string;
}

/** @throws S3Error KeyTooLongError */
export function checkKey(key: string): void {
  // No UTF-16 unit takes more than three bytes, so short keys need not be measured.
  if (key.length * 3 <= limits.s3KeyBytes) return;
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes > limits.s3KeyBytes) {
    throw new S3Error('KeyTooLongError', undefined, {
      Size: String(sizeBytes),
      MaxSizeAllowed: String(limits.s3KeyBytes),
    });
  }
}

/** Finds the bucket in the `Host` header of virtual-hosted requests. */
export class HostNames {
  readonly #suffixes: readonly string[];
  readonly #siteSuffixes: readonly string[];

  /** Of `b.<domain>`, `b.s3.<domain>` and `b.s3.<region>.<domain>`, all mean bucket `b`. */
  constructor(domain: string, region: string) {
    const base = domain.toLowerCase();
    this.#siteSuffixes = [`-${region}.`, `.${region}.`, '.'].map((middle) => `.s3-website${middle}${base}`);
    this.#suffixes = [`.s3.${region}.${base}`, `.s3.${base}`, `.${base}`];
  }

  /**
   * The bucket whose website the host names: `b.s3-website.<domain>`, or with the region before the domain
   * behind a dot or a dash; empty where it names none.
   */
  siteOf(host: string | undefined): string {
    if (host === undefined || !host.includes('3-website')) return '';
    const colon = host.lastIndexOf(':');
    const name = host.slice(0, colon < 0 ? undefined : colon).toLowerCase();
    const suffix = this.#siteSuffixes.find((each) => name.endsWith(each));
    return suffix === undefined ? '' : name.slice(0, -suffix.length);
  }

  /** The bucket's name, or empty where the host names the service (or something we do not know). */
  bucketOf(host: string | undefined): string {
    if (host === undefined) return '';
    // Almost every request comes to a plain address: decided by one look at its last letter but the port.
    const colon = host.lastIndexOf(':');
    const end = colon > host.lastIndexOf(']') ? colon : host.length;
    const last = host.charCodeAt(end - 1);
    if (last >= 0x30 && last <= 0x39) return '';
    const name = host.slice(0, end).toLowerCase();
    for (const suffix of this.#suffixes) {
      if (suffix.length === name.length + 1 && suffix.endsWith(name)) return '';
      if (name.endsWith(suffix)) return name.slice(0, -suffix.length);
    }
    return '';
  }
}

/** @throws S3Error InvalidURI, KeyTooLongError */
export function siteAddressOf(rawPath: string, bucket: string): Address {
  return { bucket, key: keyOf(rawPath.slice(1)) };
}

/** @throws S3Error InvalidURI, KeyTooLongError */
export function addressOf(rawPath: string, host: string | undefined, hosts: HostNames): Address {
  const virtual = hosts.bucketOf(host);
  if (virtual !== '') return { bucket: virtual, key: keyOf(rawPath.slice(1)) };
  const slash = rawPath.indexOf('/', 1);
  if (slash < 0) return { bucket: decoded(rawPath.slice(1)), key: '' };
  return { bucket: decoded(rawPath.slice(1, slash)), key: keyOf(rawPath.slice(slash + 1)) };
}

function keyOf(raw: string): string {
  const key = decoded(raw);
  checkKey(key);
  return key;
}

function decoded(raw: string): string {
  const text = decodePath(raw);
  if (text === undefined) throw new S3Error('InvalidURI', undefined, { URI: raw });
  return text;
}

/** The value of `x-amz-copy-source`: `[/]bucket/key[?versionId=…]`, percent-encoded. */
export function copySourceOf(header: string): Address & { readonly versionId: string | undefined } {
  const marker = header.indexOf('?versionId=');
  const raw = marker < 0 ? header : header.slice(0, marker);
  const path = raw.startsWith('/') ? raw.slice(1) : raw;
  const text = decodePath(path);
  const slash = text === undefined ? -1 : text.indexOf('/');
  if (text === undefined || slash <= 0 || slash === text.length - 1) {
    throw new S3Error(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      {
        ArgumentName: 'x-amz-copy-source',
        ArgumentValue: header,
      },
    );
  }
  const key = text.slice(slash + 1);
  checkKey(key);
  const versionId = marker < 0 ? undefined : header.slice(marker + '?versionId='.length);
  if (versionId !== undefined && !isVersion(versionId)) throw invalidVersion(versionId);
  return { bucket: text.slice(0, slash), key, versionId };
}
