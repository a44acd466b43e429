// Owns the S3 gateway: a handler of HTTP requests that speaks Amazon S3's REST API (2006-03-01) and knows
// nothing of how anything is stored. dispatch.ts is the way of a request, detect.ts the routes, operations/
// what each does.
//
// Routes. Path style `/<bucket>/<key>` at any host; virtual-hosted style at `<bucket>.<domain>`,
// `<bucket>.s3.<domain>` and `<bucket>.s3.<region>.<domain>`; websites at `<bucket>.s3-website.<domain>` and
// with `-<region>` or `.<region>` behind `s3-website`. Keys are taken as they are written: `//`, `.`
// and `..` are parts of a key like any other.
//
// Gaps: answered NotImplemented, never ignored.
// - Of versioning: MfaDelete; the changing of tags or grants, and the restoring, of a version named by id.
// - Access: BucketAbac; of policies, tags of principals and buckets, organisations, VPCs and access points as
//   condition keys (a request has no value under them); the check that a condition key applies to the action.
// - Configurations of buckets: analytics, intelligent-tiering, inventory, logging, metadata tables, metrics,
//   object-lock, replication; accelerate may be Suspended only. Of lifecycles:
//   transitions, and what is about versions.
// - Notifications: EventBridge, functions (there is none to name), the test message of a new configuration,
//   destinations other than webhooks and topics of Kafka without TLS. Copies and forms are told as
//   ObjectCreated:Put, so a rule for those alone is refused; what does not happen here (restores,
//   transitions, replication, lost objects) is never told. Of a request the message has its user and id, not
//   its address.
// - Of objects: retention and legal hold, SelectObjectContent (also of RestoreObject), torrent, RenameObject,
//   UpdateObjectEncryption, appends, forms that are signed as in version 2.
// - Encryption under keys of a key service (aws:kms, aws:kms:dsse), and what belongs to it; the blocking of
//   kinds of encryption. A rotated key of a bucket is destroyed with the bucket, not before.
// - Checksums MD5, SHA512 and XXHASH.
// - Directory buckets, access points, sessions (CreateSession).
//
// By design.
// - A bucket is seen by its owner alone, and by whom its policy or its lists let in (access/): everybody
//   else is denied, and its name's existence is not hidden. New buckets have no public access block.
// - Accounts in policies are our account ids; users are those who have EC2 credentials, by their names.
// - DeleteObjects is AccessDenied as a whole where nothing of a bucket is open to the caller.
// - The list `aws-exec-read` lets in nobody: there is no such service here.
// - Without a checksum from the client none is computed or stored; S3 adds CRC64NVME.
// - Storage classes are stored and returned; GLACIER and DEEP_ARCHIVE objects can be read at once, and count
//   as restored for ever.
// - Destinations of notifications are the operator's; one that is not there is refused also where the
//   request says not to look (x-amz-skip-destination-validation).
// - A bucket encrypts by default once it is told to; Amazon's all do. BucketKeyEnabled is kept and changes
//   nothing: every bucket that encrypts has its own key. encryption.ts says over what customers' keys come.
// - Who pays for requests is stored and returned, and has no effect: nobody does.
// - GetObjectAttributes lists the parts of an object also where they have no checksums.
// - DeleteObject and DeleteObjects know the conditions on size and time that S3 has for directory buckets.
// - The condition of a DeleteObject with a versionId is judged against that version.
// - A version is read by its id also when its end (Swift's X-Delete-At) has come, unless its key names it.
// - User metadata in raw UTF-8 comes back as UTF-8 (in encoded words); S3 takes the same bytes for ISO
//   8859-1.
// - CreateBucket takes the gateway's own region as LocationConstraint, also us-east-1.
// - Part numbers of GetObject are those of the upload, whether or not they are consecutive.
// - More tags of an object than there may be are InvalidTag in a document and BadRequest in a header:
//   clients' test suites know the first, Amazon's own servers say the second in both.
// - No space left is 507 InsufficientStorage, which Amazon does not have and clients do not retry.
// - `x-amz-expected-bucket-owner` is compared with our account ids.
//
// Client quirks that are served.
// - rclone and s3cmd send `x-amz-acl: private`; the latter asks `?location` first, and ACL, policy and
//   the like only for `info`, where NotImplemented is shown as none.
// - Several SDKs put the operation's name into the query (`x-id`): unknown parameters are ignored.
// - SDKs retry a CompleteMultipartUpload whose answer was lost: it says the same again.
// - Copies and completions that take long begin with a 200 and white space; errors may follow in the body.
// - SDKs sign the checksum of an empty body into presigned URLs: checksums in a query are ignored.
// - Recreating one's own bucket in us-east-1 succeeds.

import type { Clock } from '#core/kernel/clock.ts';
import type { Random } from '#core/kernel/random.ts';
import type { BodyWatch } from '#gateways/edge/body-watch.ts';
import type { FailureHandler, RequestHandler } from '#gateways/edge/http-server.ts';
import type { Cloud } from '#services/cloud.ts';
import type { GatewayLogger } from './call.ts';
import { type DispatchContext, dispatch } from './dispatch.ts';
import { S3Error } from './errors.ts';
import { HostNames } from './keys.ts';
import { replyFailure } from './reply.ts';
import { ownershipOf } from './settings/ownership.ts';

export interface S3GatewayOptions {
  readonly cloud: Cloud;
  readonly clock: Clock;
  readonly random: Random;
  readonly region: string;
  /** Whom buckets may tell of their objects; nobody where absent. */
  readonly destinations?: ReadonlySet<string>;
  /** Of the server that the handler is given to. */
  readonly watch: BodyWatch;
  /** Of virtual-hosted addresses; `localhost` where absent. */
  readonly domain?: string;
  readonly logger?: GatewayLogger;
  /** Of new buckets that are made without a word of it; default: as at Amazon. */
  readonly ownership?: string;
}

export interface S3Gateway {
  readonly handler: RequestHandler;
  /** The answer to a request whose handler failed without one. */
  readonly failed: FailureHandler;
}

const HOST_ID_BYTES = 42;
const SILENT: GatewayLogger = { error: () => undefined };

export function createS3Gateway(options: S3GatewayOptions): S3Gateway {
  const { cloud, clock, random, region, watch, domain = 'localhost', logger = SILENT } = options;
  const { ownership: rule = 'BucketOwnerEnforced' } = options;
  const gateway: DispatchContext = {
    ownership: ownershipOf(rule),
    cloud,
    clock,
    region,
    destinations: options.destinations ?? new Set(),
    watch,
    logger,
    hosts: new HostNames(domain, region),
    hostId: random.fill(Buffer.alloc(HOST_ID_BYTES)).toString('base64'),
  };
  return {
    handler: (request, response, requestId) => dispatch(gateway, request, response, requestId),
    failed: (request, response, requestId) =>
      replyFailure({ gateway, response, requestId }, new S3Error('InternalError'), request.method ?? '', '/'),
  };
}
