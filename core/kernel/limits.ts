// Owns every limit: whoever may grow, grows up to a number on this page. Units last.

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

export const limits = {
  // The log.
  eventPayloadBytes: 4 * MIB,
  eventsPerAppend: 1_000,
  streamNameBytes: 2 * KIB,
  guardsPerAppend: 8,
  logSegmentBytes: 64 * MIB,
  logBatchBytes: 8 * MIB,
  logAppendsWaiting: 100_000,
  /** As many are written without waiting for more. */
  logFlushAppends: 64,
  followBatchEvents: 4_096,
  /** Type, user, project and ids of an event, each. */
  eventTextBytes: 1 * KIB,
  logWaitingBytes: 64 * MIB,
  logFirstSegmentBytes: 4 * MIB,
  /** Latest events kept in memory for followers. */
  logRecentBytes: 16 * MIB,
  logReadBytes: 1 * MIB,
  logCacheBytes: 4 * MIB,
  logOpenFiles: 32,
  /** Index tables that wait to be written. */
  logTablesWaiting: 3,
  /** As many index files of one size are merged into one of the next. */
  logIndexFanIn: 8,
  logPollMs: 100,

  // The log on a broker.
  orderedAppendMs: 20_000,
  orderedExpiryStepMs: 250,
  /** Between two attempts. */
  orderedRetryMs: 100,
  /** A barrier waits so long for the fold to move at all. */
  orderedStallMs: 10_000,
  orderedCheckpointMs: 5_000,
  orderedProduceBytes: 1 * MIB,
  orderedProduceRecords: 1_000,
  /** Offsets of a partition; written down when a log begins. */
  orderedWindow: 1_048_576,
  kafkaPartitions: 4,
  /** One connection, and a session's beginning. */
  kafkaConnectionMs: 1_500,
  kafkaConnectMs: 3_000,
  kafkaRequestMs: 5_000,
  /** What brokers give their replicas to acknowledge; below the time of a request. */
  kafkaAckMs: 4_000,
  /** Connecting included. */
  kafkaProduceMs: 6_000,
  kafkaOpenMs: 15_000,
  /** A barrier, and one attempt at it. */
  kafkaBarrierMs: 10_000,
  kafkaAskMs: 2_000,
  /** A fetch that finds nothing comes back after so long; after the other, it has stalled. */
  kafkaFetchWaitMs: 500,
  kafkaFetchMs: 4_000,
  kafkaFetchBytes: 1 * MIB,
  kafkaLeaderCheckMs: 1_000,
  /** A broker that did not answer a barrier is not asked for so long. */
  kafkaAsideMs: 5_000,
  kafkaOutOfRangeTimes: 50,
  eventStorePartitions: 1,
  eventStoreAppendMs: 8_000,
  eventStoreReadMs: 8_000,
  /** EventStoreDB takes 1 MiB at once unless it is told otherwise. */
  eventStoreBatchBytes: 768 * KIB,

  // The ring. Device ids are never reused, so their number counts the removed ones too.
  ringPartitionPower: 18,
  ringReplicas: 7,
  ringDevices: 4_096,
  ringNameBytes: 255,
  ringTableBytes: 4 * MIB - 4 * KIB,

  // The quorum client and the repair of chunks.
  chunkRepairsWaiting: 1_024,
  chunkRepairsInFlight: 4,
  deviceFailuresInARow: 3,
  deviceAsideMs: 10_000,
  deviceSlowMs: 20,
  deviceSlowProbeMs: 1_000,
  heartbeatMs: 1_000,
  /** Without a sign of life for so long a device is suspect, down, and gone: its data is kept elsewhere. */
  deviceSilentMs: 3_000,
  deviceDownMs: 10_000,
  deviceGoneMs: 10 * 60 * 1_000,
  /** A replica that takes longer goes to a handoff; where there is none the put waits on. */
  deviceHungMs: 5_000,
  putGivenUpMs: 30_000,
  replicatorCopiesInFlight: 4,
  replicatorStepChunks: 256,
  /** Partitions whose digests are compared at a time. */
  replicatorSlicePartitions: 1_024,
  replicatorBytesPerSecond: 64 * MIB,
  /** What looking at a chunk counts as, so that listing too has a bounded pace. */
  replicatorListedBytes: 2 * KIB,
  /** Before what differed is looked at again: a put's last replica comes later than its first. */
  replicaSurveyPauseMs: 250,
  auditorStepChunks: 16,
  auditorBytesPerSecond: 32 * MIB,

  // Chunks. A chunk is the unit of placement, a block the unit of checksum.
  chunkBytes: 1 * MIB,
  blockBytes: 64 * KIB,
  chunkOwnerBytes: 2 * KIB,
  chunkSegmentBytes: 256 * MIB,
  /** Segments start small and grow with the store; the smallest holds one chunk at least. */
  chunkFirstSegmentBytes: 16 * MIB,
  chunkSmallestSegmentBytes: 2 * MIB,
  /** Files without a segment kept for the next ones. */
  chunkSpareSegments: 4,
  chunkBatchBytes: 8 * MIB,
  chunkBytesWaiting: 128 * MIB,
  chunkAppendsWaiting: 100_000,
  /** Entries of the in-memory index, 43 bytes each; older ones are found in the durable index alone. */
  chunkHotEntries: 1_500_000,
  /** Entries that may wait for the durable index. */
  chunkIndexLag: 65_536,
  chunkOpenSegments: 512,
  /** Of one page of digests. */
  digestPartitions: 65_536,
  deviceProbeMs: 500,

  // The wire between gateways and storage nodes.
  /** From the connection to the end of its handshake, TLS included. */
  wireHandshakeMs: 5_000,
  /** Data of one frame. */
  wireFrameBytes: 256 * KIB,
  wireFieldsBytes: 8 * KIB,
  wireNameBytes: 255,
  wireReasonBytes: 1 * KIB,
  /** Payloads up to this length are copied behind their fields and go out with the small frames. */
  wireInlineBytes: 16 * KIB,
  /** From this length on data is received where it belongs, without a copy. */
  wireDirectBytes: 32 * KIB,
  wireReceiveBytes: 64 * KIB,
  /** Buffers in which small frames are gathered, and how many are kept for the next. */
  wireGatherBytes: 128 * KIB,
  wireSpareBuffers: 32,
  /** Handed to a socket and not yet taken by the kernel: what a small frame may have to wait for. */
  wireSocketBytes: 1 * MIB,
  /** Small answers that the other side does not take: nothing more is read from it. */
  wireUntakenBytes: 4 * MIB,
  /** What one connection may have in flight to and from one device, in calls and in answers with data. */
  wireWindowBytes: 16 * MIB,
  /** What all connections together may have in flight to, and from, one device. */
  wireDeviceBytes: 128 * MIB,
  /** Of one connection, in flight or waiting for their window. A power of two. */
  wireCalls: 4_096,
  wireListBytes: 64 * KIB,
  wireConnections: 1_024,
  wireCallMs: 10_000,
  /** A frame that began to arrive must be whole, and what was sent must be taken, within this time. */
  wireFrameMs: 10_000,
  /** All bytes of a call that began to arrive: as they take turns with others, longer. */
  wirePayloadMs: 60_000,
  /** A connection without any frame for so long is closed; a ping goes out well before. */
  wireIdleMs: 60_000,
  wirePingMs: 15_000,
  /** How often times are looked at. */
  wireTickMs: 500,
  wireCloseMs: 5_000,
  wireRetryMinMs: 50,
  wireRetryMaxMs: 5_000,

  // The streaming path.
  streamBudgetBytes: 128 * MIB,
  streamChunksInFlight: 8,
  /** Bodies up to this length, and last pieces of longer ones, get a buffer of exactly their size. */
  streamSmallBytes: 64 * KIB,
  /** What a source may still push after it was paused: the rest of what it had in hand. */
  streamSpillBytes: 4 * MIB,
  /** Chunks read ahead of the one that the receiver takes. */
  streamReadAhead: 2,
  streamDeletesInFlight: 8,
  /** Buffers that nobody needed for so long are given back to the system. */
  streamBufferIdleMs: 30_000,
  digestWorkers: 2,

  // Commands.
  commandAttempts: 64,

  // Identity.
  accessKeysPerAccount: 100,
  accountNameCharacters: 64,
  openedSecrets: 10_000,
  groupsPerUser: 1_000,
  applicationCredentialsPerUser: 100,
  impliedRoles: 100,
  rolesPerAssignment: 100,
  projectTags: 80,
  catalogEntries: 1_000,
  quotaEntries: 10_000,
  tokenKeys: 8,
  projectDepth: 5,
  passwordHashesAtOnce: 2,
  passwordHashesWaiting: 64,
  passwordBytes: 1_024,
  /** Hashes kept of one user, so that no password comes back. */
  formerPasswords: 24,
  /** Users whose wrong passwords are counted; whose are oldest is forgotten first. */
  failedLogins: 10_000,
  /** To one directory at a time, and how long one may take. */
  ldapQuestions: 64,
  ldapConnectMs: 3_000,
  ldapAnswerMs: 5_000,
  oidcAnswerMs: 5_000,
  federatedTokenBytes: 16 * KIB,
  /** Of a group that is kept elsewhere: each is looked for. */
  externalMembers: 1_000,
  credentialsPerUser: 100,
  trustsPerUser: 1_000,
  trustRedelegations: 3,
  credentialBlobBytes: 64 * KIB,
  factorRules: 20,
  /** RFC 6238, 5.2: as much later a one-time password may still arrive. */
  totpStepsBefore: 1,
  /** What a question about identity lists at most. */
  identityListed: 10_000,
  verifiedTokens: 10_000,
  tokenBytes: 4 * KIB,
  tokenLifeMs: 60 * 60 * 1_000,
  /** To bring what a login still lacks. */
  receiptLifeMs: 5 * 60 * 1_000,
  /** After so long another key signs. */
  tokenKeyMs: 24 * 60 * 60 * 1_000,
  identityBodyBytes: 112 * KIB,
  ec2ClockSkewMs: 15 * 60 * 1_000,
  /** Revocations that end within the same are dropped together. */
  revocationBucketMs: 10 * 60 * 1_000,

  // Read models.
  readModelPendingRows: 20_000,
  readModelDecodedRows: 10_000,
  readModelPendingBytes: 32 * MIB,
  /** A runner that is further behind when it starts catches up in batches that nobody reads. */
  readModelBehindEvents: 20_000,
  readModelBatchBytes: 2 * MIB,
  readModelFlushEveryMs: 5_000,
  readModelRetryMs: 1_000,
  /** What an iterator read last it keeps, unseen by the garbage collector, until that takes the iterator. */
  readModelScanBytes: 64 * KIB,
  /** Of objects kept in memory, in order, for listings. */
  listedObjectsBytes: 64 * MIB,
  /** A range that changes more often than this while it is read is not kept. */
  listedChangesWhileRead: 1_000,
  /**
   * Left free on the device: an engine whose write fails for want of space takes no more until it is
   * reopened.
   */
  readModelReserveBytes: 32 * MIB,

  // The collector.
  collectorGraceMs: 10 * 60 * 1_000,
  /** Well below the grace period: a long write must be prolonged between two announcements. */
  writeProlongMs: 60 * 1_000,
  collectorIntervalMs: 10 * 60 * 1_000,
  collectorCandidates: 200_000,
  collectorSliceChunks: 256,
  /** After each slice: however many chunks there are, requests keep most of the thread. */
  collectorSlicePauseMs: 50,

  // The control socket.
  controlBodyBytes: 64 * KIB,

  // The cluster.
  clusterSecretBytesMin: 16,
  /** How far the clocks of two parts may be apart for their calls to count. */
  controlClockSkewMs: 5 * 60 * 1_000,
  controlCallMs: 5_000,
  controlMessageBytes: 8 * MIB,
  controlRetryMs: 500,
  /** What several figures of one page may share. */
  nodeStatusAgeMs: 500,
  /** What is still well for `strata doctor`. */
  doctorLagEvents: 1_000,
  doctorImbalancePercent: 10,
  doctorClockSkewMs: 1_000,

  // The other daemons of the storage nodes.
  auditIntervalMs: 60 * 60 * 1_000,
  replicateIntervalMs: 60 * 1_000,
  compactIntervalMs: 60 * 1_000,
  compactSegmentsPerPass: 4,

  // The log of failures.
  failureLogIntervalMs: 10_000,
  failureLogKinds: 1_000,

  // HTTP.
  httpHeaderBytes: 64 * KIB,
  /** What one read of a connection takes at most, unless it goes to a better place. */
  httpReadBytes: 64 * KIB,
  httpHeadersTimeoutMs: 60_000,
  httpIdleTimeoutMs: 75_000,
  httpBodyIdleTimeoutMs: 120_000,
  httpConnections: 10_000,
  httpHeaders: 1_000,
  /** Of one part of a form. */
  formHeadBytes: 8 * KIB,
  /**
   * What is taken off the wire of a body that nobody wants, so that the answer reaches a client that still
   * sends.
   */
  httpDrainBytes: 16 * MIB,
  shutdownGraceMs: 30_000,

  // Objects that end at a time.
  expirerStepObjects: 1_000,
  expireIntervalMs: 60 * 1_000,

  // Objects that end by rules of their bucket.
  lifecyclePageBuckets: 256,
  lifecycleDeletionsAtOnce: 32,
  lifecycleIntervalMs: 60 * 60 * 1_000,

  // Objects whose bucket has a new key.
  resealIntervalMs: 60 * 1_000,

  // Objects that are made of others.
  assembledDepth: 10,
  /** Of what is read as one by a prefix. */
  joinedParts: 10_000,
  /** That are followed from one to the next. */
  links: 2,

  // Policies (Amazon S3 User Guide, "Bucket policies"), and what judging one request by one may cost, in
  // characters looked at.
  policyBytes: 20 * KIB,
  policySteps: 1_000_000,

  // S3 (Amazon S3 User Guide, "Amazon S3 multipart upload limits", "Bucket restrictions", "Creating object
  // key names").
  s3PutBytes: 5 * GIB,
  s3ObjectBytes: 5 * TIB,
  s3PartBytesMin: 5 * MIB,
  s3Parts: 10_000,
  s3KeyBytes: 1_024,
  s3UserMetadataBytes: 2 * KIB,
  s3PageKeys: 1_000,
  /** In which long documents are written, and how many are kept for the next ones. */
  s3TextBlockBytes: 64 * KIB,
  s3SpareTextBlocks: 64,
  s3DeleteKeys: 1_000,
  s3Grants: 100,
  s3XmlBytes: 2 * MIB,
  s3XmlDepth: 16,
  s3BucketsPerAccount: 10_000,
  s3ClockSkewMs: 15 * 60 * 1_000,
  s3PresignSecondsMax: 7 * 24 * 60 * 60,
  s3SigningKeys: 4_096,
  s3ChunkBytesMin: 8 * KIB,
  s3ChunkHeaderBytes: 256,
  s3TrailerBytes: 4 * KIB,
  // Amazon S3 User Guide, "Categorizing your objects using tags".
  s3ObjectTags: 10,
  s3BucketTags: 50,
  s3TagKeyCharacters: 128,
  s3TagValueCharacters: 256,
  /** Of a document that configures a bucket. */
  s3ConfigurationBytes: 64 * KIB,
  s3CorsRules: 100,
  s3LifecycleBytes: 512 * KIB,
  s3LifecycleRules: 1_000,
  s3NotificationBytes: 256 * KIB,
  s3NotificationRules: 100,
  s3FilterValueBytes: 1_024,
  s3WebsiteBytes: 128 * KIB,
  s3RoutingRules: 50,
  s3RedirectBytes: 2 * KIB,
  /** Of a form: all that comes before the file, and in how many fields. */
  s3FormFieldsBytes: 20 * KIB,
  s3FormFields: 200,
  s3RuleIdCharacters: 255,
  s3DescriptionCharacters: 1_024,

  // Notifications. Each destination reads the log for itself; what waits for one, and how many keys are
  // told at once.
  notificationDestinations: 32,
  notificationsPending: 1_000,
  notificationsInFlight: 16,
  notificationAnswerMs: 10_000,
  /** What an answer is read of. */
  notificationAnswerBytes: 64 * KIB,
  notificationRetryMinMs: 250,
  notificationRetryMaxMs: 60_000,
  /** After so many refusals a message is dropped. */
  notificationRefusals: 5,
  /** A gateway that stopped without a word is replaced after the lease; it is renewed well before. */
  notificationLeaseMs: 30_000,
  notificationMoveMs: 5_000,
  /** That concern nobody, until the position is noted anyway. */
  notificationIdleEvents: 100_000,

  // Swift (OpenStack Swift, "Deployment Guide", [swift-constraints]; also told by /info). Objects' names and
  // sizes are those of S3.
  swiftContainerNameBytes: 256,
  swiftMetadataNameBytes: 128,
  swiftMetadataValueBytes: 256,
  swiftMetadataCount: 90,
  swiftMetadataBytes: 4 * KIB,
  swiftAccessListBytes: 8 * KIB,
  swiftListed: 10_000,
  /** Accounts and containers whose rate is remembered. */
  swiftRatesKept: 65_536,
  swiftRanges: 50,
  swiftManifestSegments: 1_000,
  swiftManifestBytes: 2 * MIB,
  swiftBulkDeletes: 10_000,
  swiftBulkBytes: 2 * MIB,
  /** Of an archive: what stands between two entries or behind all, its entries, and those that failed. */
  swiftArchiveHeadBytes: 1 * MIB,
  swiftArchiveEntries: 10_000,
  swiftArchiveFailures: 1_000,
  /** Of a form: a field that is no file, and how many of these. */
  swiftFormFieldBytes: 4 * KIB,
  swiftFormFields: 64,
} as const;
