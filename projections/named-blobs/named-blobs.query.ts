// Owns the question "does the log still name this blob?", asked before a chunk is collected. The answer is
// exact for what is applied; whoever asks first waits for the log's tail.

import type { AccountsById } from '../accounts-by-id/accounts-by-id.query.ts';
import type { IdentityById } from '../identity-by-id/identity-by-id.query.ts';
import { rowNamesBlob } from '../objects-by-key/object-row.ts';
import { objectRowKey } from '../objects-by-key/objects-by-key.projection.ts';
import { keptRow } from '../objects-by-key/version-rows.ts';
import type { RowReader } from '../store/projection.ts';
import type { TokensInForce } from '../tokens-in-force/tokens-in-force.query.ts';
import type { UploadsByBucket } from '../uploads-by-bucket/uploads-by-bucket.query.ts';

export interface NamedBlobs {
  /**
   * @param owner what a chunk says of its owner: names of streams of objects, parts, accounts, users or
   * keys of tokens, joined by newlines.
   * @param blob 32 hexadecimal digits.
   */
  isNamed(owner: string, blob: string): boolean;
}

const OBJECT_STREAM = /^objects\/([^/]+)\/(.+)$/su;
const ACCOUNT_STREAM = /^accounts\/([^/]+)$/u;
const USER_STREAM = /^users\/identity\/([^/]+)$/u;
const TOKEN_KEYS_STREAM = 'tokens/identity/keys';
const PART_STREAM = /^parts\/([^/]+)\/([0-9a-f]{32})\/([0-9]{1,5})$/u;

export interface NamingModels {
  readonly objectRows: RowReader;
  readonly uploads: UploadsByBucket;
  readonly accounts: Pick<AccountsById, 'get'>;
  readonly identity: Pick<IdentityById, 'get'>;
  readonly tokens: Pick<TokensInForce, 'keys'>;
}

export function createNamedBlobs(models: NamingModels): NamedBlobs {
  const { objectRows, uploads, accounts, identity, tokens } = models;
  /** @param putAs the blob, and the uploads that it may be a part of: what a version is found by */
  const objectNames = (bucket: string, key: string, blob: string, putAs: readonly string[]): boolean => {
    const present = objectRows.get(objectRowKey(bucket, key));
    if (present && rowNamesBlob(present, blob)) return true;
    return putAs.some((what) => {
      const kept = keptRow(objectRows, bucket, key, what);
      return kept !== undefined && rowNamesBlob(kept, blob);
    });
  };
  const streamNames = (stream: string, blob: string, putAs: readonly string[]): boolean => {
    const object = OBJECT_STREAM.exec(stream);
    if (object) return objectNames(object[1] ?? '', object[2] ?? '', blob, putAs);
    const account = ACCOUNT_STREAM.exec(stream);
    if (account) return accounts.get(account[1] ?? '')?.keyBlob === blob;
    const user = USER_STREAM.exec(stream);
    if (user) return identity.get('user', user[1] ?? '')?.keyBlob === blob;
    if (stream === TOKEN_KEYS_STREAM) return tokens.keys().keys.some(({ keyBlob }) => keyBlob === blob);
    const [, bucket = '', uploadId = '', partNumber] = PART_STREAM.exec(stream) ?? [];
    if (partNumber === undefined) return false;
    return uploads.part(bucket, uploadId, Number(partNumber))?.blob === blob;
  };
  return {
    isNamed(owner, blob) {
      const streams = [...possibleStreams(owner)];
      const putAs = [blob];
      for (const stream of streams) {
        const uploadId = PART_STREAM.exec(stream)?.[2];
        if (uploadId !== undefined) putAs.push(uploadId);
      }
      return streams.some((stream) => streamNames(stream, blob, putAs));
    },
  };
}

/**
 * A key may itself have newlines, even such that look like another stream. So every run of lines is taken for
 * a stream: one that is none names no blob, and blobs are unguessable, so no answer is wrong for it.
 */
function* possibleStreams(owner: string): Iterable<string> {
  const lines = owner.split('\n');
  for (let first = 0; first < lines.length; first++) {
    if (!/^(objects|parts|accounts|users|tokens)\//.test(lines[first] as string)) continue;
    let stream = lines[first] as string;
    yield stream;
    for (let next = first + 1; next < lines.length; next++) {
      stream += `\n${lines[next]}`;
      yield stream;
    }
  }
}
