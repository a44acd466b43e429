// Owns signed URLs (https://docs.openstack.org/swift/latest/middleware.html, "TempURL"): what they say,
// whether they hold, and what is shown to who comes by one. Guarantee: such a URL lets its bearer do what it
// says to what it names, and nothing else.

import { BlockList, isIP } from 'node:net';
import { isRejected } from '#core/kernel/decider.ts';
import type { HttpRequest } from '#gateways/edge/http-messages.ts';
import { unauthorised } from './authorise.ts';
import type { GatewayContext } from './call.ts';
import { SwiftError } from './errors.ts';
import { ACCOUNT_PREFIX, type Address, encodedPath, ROOT } from './paths.ts';
import { httpDate } from './reply.ts';
import { isSignedBy, signatureOf } from './signatures.ts';

/** One that holds. */
export interface SignedUrl {
  readonly project: string;
  /** Whose key signed it; undefined: the account's, which opens all of its containers. */
  readonly container: string | undefined;
  readonly expiresMs: number;
  readonly fileName: string | undefined;
  readonly isInline: boolean;
}

interface Asked {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly transactionId: string;
}

/** Which methods' signatures let this one. */
const SIGNED_FOR: Readonly<Record<string, readonly string[]>> = {
  GET: ['GET'],
  HEAD: ['HEAD', 'GET', 'POST', 'PUT'],
  PUT: ['PUT'],
  POST: ['POST'],
  DELETE: ['DELETE'],
};

/** What would make an object of bytes that its maker may not read. */
const FORBIDDEN = ['x-object-manifest', 'x-symlink-target', 'x-copy-from'];

/** Undefined where none is given. @throws SwiftError 400, 401 for one that does not hold */
export async function signedUrlOf(
  asked: Asked,
  address: Address,
  query: ReadonlyMap<string, string>,
): Promise<SignedUrl | undefined> {
  const signature = query.get('temp_url_sig');
  const expires = query.get('temp_url_expires');
  const { method } = asked.request;
  if ((signature === undefined && expires === undefined) || method === 'OPTIONS') return undefined;
  const expiresMs = momentOf(expires ?? '');
  const holder =
    expiresMs !== undefined && expiresMs >= asked.gateway.clock.nowMs()
      ? await holderOf(asked, address, query, expiresMs)
      : undefined;
  if (!holder || expiresMs === undefined) {
    throw unauthorised(address.project, '401 Unauthorized: Temp URL invalid\n');
  }
  for (const name of FORBIDDEN) {
    if (asked.request.headers[name] !== undefined) {
      throw new SwiftError(400, `The header '${name}' is not allowed in temporary URLs`);
    }
  }
  return {
    ...{ project: address.project, container: holder.container, expiresMs },
    ...{ fileName: query.get('filename') || undefined, isInline: query.has('inline') },
  };
}

/** Whose key made the signature. */
async function holderOf(
  asked: Asked,
  { project, container, object }: Address,
  query: ReadonlyMap<string, string>,
  expiresMs: number,
): Promise<{ readonly container: string | undefined } | undefined> {
  const methods = SIGNED_FOR[asked.request.method ?? ''];
  const signature = signatureOf(query.get('temp_url_sig') ?? '');
  const prefix = query.get('temp_url_prefix');
  if (!methods || !signature || object === '' || !object.startsWith(prefix ?? '')) return undefined;
  const range = query.get('temp_url_ip_range') || undefined;
  if (range !== undefined && !isFrom(range, asked.request.socket.remoteAddress)) return undefined;
  const kind = prefix === undefined ? '' : 'prefix:';
  const path = `/v1/${ACCOUNT_PREFIX}${project}/${container}/${prefix ?? object}`;
  const from = range === undefined ? '' : `ip=${range}\n`;
  const texts = methods.flatMap((method) =>
    // Clients sign the path that they know, with or without where the service is mounted.
    ['', ROOT].map((root) => `${from}${method}\n${expiresMs / 1_000}\n${kind}${root}${path}`),
  );
  const keys = await keysOf(asked, project, container);
  if (isSignedBy(signature, keys.account, texts)) return { container: undefined };
  return isSignedBy(signature, keys.container, texts) ? { container } : undefined;
}

/** The keys that the account and the container sign with. */
export async function keysOf(
  { gateway, transactionId }: Pick<Asked, 'gateway' | 'transactionId'>,
  project: string,
  container: string,
): Promise<{ readonly account: readonly string[]; readonly container: readonly string[] }> {
  const { buckets } = gateway.cloud;
  await gateway.identity.barrier();
  if (!gateway.identity.view.get('project', project)?.enabled) return { account: [], container: [] };
  const looking = { accountId: project, role: 'member', requestId: transactionId } as const;
  const account = await buckets.spaceSecrets(looking);
  const bucket = await buckets.get(looking, container);
  const own = isRejected(bucket) ? {} : await buckets.secrets(looking, bucket);
  return { account: Object.values(account), container: Object.values(own) };
}

/** Whether it lets its bearer at this, whatever it is that the request does. */
export function opens(signed: SignedUrl, { project, container }: Address): boolean {
  return signed.project === project && (signed.container ?? container) === container;
}

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z?)?$/;

/** Seconds since the epoch, or ISO 8601 in UTC. */
function momentOf(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1_000;
  if (!DATE.test(text)) return undefined;
  const timeMs = Date.parse(text.length === 'YYYY-MM-DDThh:mm:ss'.length ? `${text}Z` : text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** @param range an address, or a network as `address/bits` */
function isFrom(range: string, remote: string | undefined): boolean {
  const [network = '', bits] = range.split('/', 2);
  const version = isIP(network);
  const most = version === 4 ? 32 : 128;
  const size = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (version === 0 || !(size <= most) || remote === undefined) return false;
  const allowed = new BlockList();
  allowed.addSubnet(network, size, version === 4 ? 'ipv4' : 'ipv6');
  // A socket for both families shows the older one so.
  const address = remote.replace(/^::ffff:(?=\d+\.)/i, '');
  // One of the newer family must not stand for all of the older.
  return isIP(address) === version && allowed.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** With what the URL says of the name, and without what its bearer need not know. */
export function signedAnswer(headers: readonly string[], signed: SignedUrl, object: string): string[] {
  const shown: string[] = [];
  let disposition: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string];
    const lower = name.toLowerCase();
    if (lower === 'content-disposition') disposition = value;
    const isHidden = lower.startsWith('x-object-meta-') && !lower.startsWith('x-object-meta-public-');
    if (lower !== 'content-disposition' && lower !== 'expires' && !isHidden) shown.push(name, value);
  }
  shown.push('Content-Disposition', dispositionOf(signed, object, disposition));
  shown.push('Expires', httpDate(signed.expiresMs));
  return shown;
}

function dispositionOf(
  { fileName, isInline }: SignedUrl,
  object: string,
  stored: string | undefined,
): string {
  const kind = isInline ? 'inline' : 'attachment';
  if (fileName === undefined && isInline) return kind;
  if (fileName === undefined && stored !== undefined) return stored;
  const bare = object.replace(/\/+$/, '');
  const name = fileName ?? bare.slice(bare.lastIndexOf('/') + 1);
  const quoted = encodedPath(name).replaceAll('%20', ' ');
  return `${kind}; filename="${quoted}"; filename*=UTF-8''${encodeURIComponent(name)}`;
}
