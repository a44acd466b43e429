// Owns the bugs that the simulator must find: each one change of one line of production code, by which a
// promise is broken that only faults or races bring to light. They are made in a copy of the sources
// (mutated-copy.ts).

export interface Mutation {
  readonly name: string;
  /** From the root. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
  /** One that notices it. */
  readonly seed: number;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a chunk is acknowledged before its fsync',
    file: 'storage-nodes/chunks/group-writer.ts',
    find: 'await segments.files.handle(segment.file).sync();',
    replace: 'void segments.files.handle(segment.file).sync();',
    seed: 316,
  },
  {
    name: 'an append is acknowledged before its fsync',
    file: 'core/log/embedded/writer.ts',
    find: '    await segments.active.sync();\n    return hash;',
    replace: '    void segments.active.sync();\n    return hash;',
    seed: 4,
  },
  {
    name: 'one replica is quorum enough',
    file: 'storage-nodes/client/quorum-put.ts',
    find: '(ring.replicas >> 1) + 1',
    replace: '1',
    seed: 247,
  },
  {
    name: 'a name does not wait for its bytes',
    file: 'storage-nodes/stream/blob-writer.ts',
    find: 'if (this.#notDurable > 0 || this.#digests === undefined) return;',
    replace: 'if (this.#digests === undefined) return;',
    seed: 14,
  },
  {
    name: 'the collector does not wait for slow writes',
    file: 'services/collector.ts',
    find: 'if (!signal?.aborted && this.#isDue(batch)) await',
    replace: 'if (!signal?.aborted && this.#isDue !== undefined) await',
    seed: 124,
  },
  {
    name: 'a strong read does not wait for the tail',
    // Of the composition, which is the simulator's own.
    file: 'tests/simulation/simulated-gateway.ts',
    find: '? async () => runner.whenCaughtUp(await log.tail())',
    replace: '? () => undefined',
    seed: 10,
  },
  {
    name: 'a handoff gives its copy up before the primaries have theirs',
    file: 'storage-nodes/replication/chunk-mover.ts',
    find: "if (found === undefined || found === 'unknown') return;",
    replace: "if (found === undefined || found === 'unknown') continue;",
    seed: 94,
  },
  {
    name: 'what is read is not checked',
    file: 'storage-nodes/chunks/needle.ts',
    find: '!== blockChecksum(head, block)) return false;',
    replace: '!== blockChecksum(head, block)) return true;',
    seed: 4,
  },
  {
    name: 'the expected revision is not judged',
    file: 'core/log/embedded/writer.ts',
    find: 'expectAt(request.stream, request.expect, revision);',
    replace: 'void expectAt;',
    seed: 13,
  },
  {
    name: 'a record that stands twice counts twice',
    file: 'core/log/ordered/partition-fold.ts',
    find: "if (this.#window.meet(record, offset) === 'new') fresh.push(record);",
    replace: 'if (this.#window.meet(record, offset) !== undefined) fresh.push(record);',
    seed: 9,
  },
  {
    name: 'the cursor of the read models runs ahead of their rows',
    file: 'projections/store/runner.ts',
    find: 'const writes = this.#tables.map((table) => table.freeze(cursor));',
    replace: 'const writes = this.#tables.map((table) => table.freeze(cursor.map((offset) => offset + 1)));',
    seed: 12,
  },
  {
    name: 'the replicator copies nothing',
    file: 'storage-nodes/replication/replicator.ts',
    find: 'if (lacks || kept.length > 0) {',
    replace: 'if (lacks && kept.length > lacks.toString().length) {',
    seed: 1,
  },
  {
    name: 'a body that breaks off keeps its buffer',
    file: 'storage-nodes/stream/blob-writer.ts',
    find: '  #returnLease(): void {\n',
    replace: '  #returnLease(): void {\n    this.#lease = undefined;\n',
    seed: 1,
  },
  {
    name: 'a replica counts twice towards the quorum',
    file: 'storage-nodes/client/quorum-put.ts',
    find: 'counters.handoffPuts++;\n          this.#storedOn.push(device);',
    replace: 'counters.handoffPuts++;\n          this.#storedOn.push(device, device);',
    seed: 356,
  },
  {
    name: 'a handoff never gives its copies back',
    file: 'storage-nodes/replication/chunk-mover.ts',
    find: 'for (const handoff of handoffs) await this.#giveBack(id, handoff);',
    replace: 'void handoffs;',
    seed: 4,
  },
  {
    name: 'what came damaged over the wire is taken, and copied by repairs',
    file: 'storage-nodes/wire/client-connection.ts',
    find: "if (!incoming.isWhole) throw new WireError('bytes that do not match their checksums');",
    replace: '',
    seed: 60,
  },
  {
    name: 'an audit takes every chunk for whole',
    file: 'storage-nodes/chunks/chunk-reader.ts',
    find: '        verify(buffer, id, place, head, firstBlock);\n',
    replace: '        if (!patient) verify(buffer, id, place, head, firstBlock);\n',
    seed: 8,
  },
  {
    name: 'guards of other streams are not judged',
    file: 'core/log/embedded/writer.ts',
    find: 'expectAt(guard.stream, guard.revision, this.#lookUp(guard.stream));',
    replace: 'void guard;',
    seed: 10,
  },
  {
    name: 'a frame that a crash tore counts as written',
    file: 'core/log/embedded/frame.ts',
    find: 'if (sum !== buffer.readUInt32LE(at + 28)) return undefined;',
    replace: '',
    seed: 51,
  },
  {
    name: 'a follower skips an event between two batches',
    file: 'core/log/embedded/follower.ts',
    find: '        this.#recordAt = at;\n',
    replace: '        this.#recordAt = recordAfter(buffer, at);\n',
    seed: 8,
  },
  {
    name: 'a strong read joins a barrier that has asked the log already',
    file: 'core/log/ordered/guarded-log.ts',
    find: '    this.#nextBarrier = undefined;\n    const ends = await this.#options.ordered.ends();\n',
    replace: `    const ends = await this.#options.ordered.ends().finally(() => {
      this.#nextBarrier = undefined;
    });
`,
    seed: 11,
  },
  {
    name: 'the copy of a log goes on behind what it has not seen',
    file: 'core/log/ordered/partition-fold.ts',
    find: 'await checkpointFile.write({ logId, offset: saved, events,',
    replace: 'await checkpointFile.write({ logId, offset: saved + 1, events,',
    seed: 3,
  },
];
