// Owns the questions "who is this, in which groups, and with which roles on what?", by id and by name.

import { DecodedRows } from '../store/decoded-rows.ts';
import type { RowReader } from '../store/projection.ts';
import { assignmentId, claimId, readJson, rowKey, type ThingKind, under } from './identity-rows.ts';

interface Stored {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly createdMs: number;
  /** Of the stream: what a command is guarded by. */
  readonly revision: number;
}

/** What can end tokens. */
interface EndsTokens {
  readonly enabled: boolean;
  /** Revision of the last event that voided all tokens from before. */
  readonly tokensFrom: number;
}

export interface StoredDomain extends Stored, EndsTokens {}

export interface StoredProject extends Stored, EndsTokens {
  readonly domainId: string;
  /** Empty below the domain itself. */
  readonly parentId: string;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
}

export interface StoredUser extends Stored, EndsTokens {
  readonly domainId: string;
  /** Empty where there is none. */
  readonly email: string;
  readonly defaultProjectId: string;
  readonly extra: Readonly<Record<string, string>>;
  readonly groupIds: readonly string[];
  readonly accessKeyIds: readonly string[];
  readonly applicationCredentials: readonly { readonly id: string; readonly name: string }[];
  /** Names the key of the user's secrets. */
  readonly keyBlob?: string;
  /** In base64. */
  readonly sealedHash?: string;
  readonly password?: StoredPassword;
  /** In base64, newest first. */
  readonly formerHashes?: readonly string[];
  readonly options?: StoredUserOptions;
  /** Until a moment, or until somebody enables the user. */
  readonly lockedOut?: { readonly untilMs?: number } | undefined;
  /** Of the last day with a login that was noted, or since when there was none. */
  readonly seenMs?: number;
  /** Whoever vouches for the user elsewhere. */
  readonly federated?: { readonly providerId: string; readonly protocolId: string };
  /** Of other types than those above. */
  readonly credentialIds: readonly string[];
}

interface StoredPassword {
  readonly setMs: number;
  readonly bySelf: boolean;
  readonly mustChange: boolean;
  readonly neverExpires: boolean;
}

export interface StoredUserOptions {
  readonly flags: readonly { readonly name: string; readonly value: boolean }[];
  readonly factorRules: readonly { readonly methods: readonly string[] }[];
}

export interface StoredCredential {
  readonly id: string;
  readonly userId: string;
  /** As the client named it. */
  readonly kind: string;
  /** Empty where there is none. */
  readonly projectId: string;
  /** In base64. Of an EC2 credential: the secret's. */
  readonly sealedBlob: string;
  /** Of an EC2 credential, which has the kind `ec2` and an id that follows from this. */
  readonly accessKeyId?: string;
}

export interface StoredGroup extends Stored {
  readonly domainId: string;
}

export interface StoredRole extends Stored {
  /** Empty for a role of the whole cloud. */
  readonly domainId: string;
  readonly impliedRoleIds: readonly string[];
}

export interface Things {
  readonly domain: StoredDomain;
  readonly project: StoredProject;
  readonly user: StoredUser;
  readonly group: StoredGroup;
  readonly role: StoredRole;
}

export type { ThingKind };

export interface StoredAssignment {
  /** `user` or `group`. */
  readonly actorKind: string;
  readonly actorId: string;
  /** `project`, `domain` or `system`. */
  readonly targetKind: string;
  readonly targetId: string;
  readonly grants: readonly { readonly roleId: string; readonly inherited: boolean }[];
  readonly revision: number;
}

export interface StoredEc2Credential {
  readonly accessKeyId: string;
  readonly userId: string;
  readonly projectId: string;
  /** In base64. */
  readonly sealedSecret: string;
  readonly createdMs: number;
}

export interface StoredApplicationCredential {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly description: string;
  readonly projectId: string;
  readonly roleIds: readonly string[];
  readonly unrestricted: boolean;
  readonly expiresMs?: number;
  readonly accessRules: readonly {
    readonly ruleId: string;
    readonly service: string;
    readonly method: string;
    readonly path: string;
  }[];
  /** In base64. */
  readonly sealedHash: string;
  readonly createdMs: number;
}

export interface StoredTrust {
  readonly id: string;
  readonly trustorId: string;
  readonly trusteeId: string;
  readonly projectId: string;
  readonly roleIds: readonly string[];
  /** Whoever acts by it is shown as the trustor. */
  readonly impersonation: boolean;
  readonly expiresMs?: number;
  /** Absent: as many as one likes. */
  readonly usesLeft?: number;
  readonly redelegations: number;
  /** The trust that it was passed on from; empty for none. */
  readonly parentId: string;
  readonly revision: number;
}

export interface StoredCatalog {
  readonly regions: readonly {
    readonly regionId: string;
    readonly parentId: string;
    readonly description: string;
  }[];
  readonly services: readonly {
    readonly serviceId: string;
    readonly type: string;
    readonly name: string;
    readonly description: string;
    readonly enabled: boolean;
  }[];
  readonly endpoints: readonly {
    readonly endpointId: string;
    readonly serviceId: string;
    readonly regionId: string;
    readonly interface: string;
    readonly url: string;
    readonly enabled: boolean;
  }[];
  readonly revision: number | undefined;
}

export interface StoredFederation {
  readonly providers: readonly {
    readonly providerId: string;
    /** Of the users whom it sends. */
    readonly domainId: string;
    readonly description: string;
    readonly enabled: boolean;
    readonly remoteIds: readonly string[];
  }[];
  /** `entryId`: of the provider and the protocol, with a slash between. */
  readonly protocols: readonly { readonly entryId: string; readonly mappingId: string }[];
  /** `rules`: in JSON. */
  readonly mappings: readonly { readonly mappingId: string; readonly rules: string }[];
  readonly revision: number | undefined;
}

interface StoredLimit {
  readonly limitId: string;
  readonly serviceId: string;
  readonly regionId: string;
  readonly resource: string;
  /** Absent: as much as one likes. */
  readonly limit?: number;
  readonly description: string;
}

export interface StoredQuotas {
  readonly registered: readonly StoredLimit[];
  readonly limits: readonly (StoredLimit & { readonly projectId?: string; readonly domainId?: string })[];
  readonly revision: number | undefined;
}

export interface IdentityById {
  /** Grows with each change of anything here. */
  changes(): number;
  get<Kind extends ThingKind>(kind: Kind, id: string): Things[Kind] | undefined;
  /** @param scopeId the domain; empty for domains, and for roles of the whole cloud */
  idOf(kind: ThingKind, scopeId: string, name: string): string | undefined;
  /** Of the thing's stream, also after its end; undefined when there never was one. */
  revision(kind: ThingKind, id: string): number | undefined;
  claim(
    kind: ThingKind,
    scopeId: string,
    name: string,
  ): { readonly holderId: string; readonly revision: number } | undefined;
  assignment(actorId: string, targetId: string): StoredAssignment | undefined;
  assignmentRevision(actorId: string, targetId: string): number | undefined;
  ec2Credential(accessKeyId: string): StoredEc2Credential | undefined;
  applicationCredential(credentialId: string): StoredApplicationCredential | undefined;
  credential(credentialId: string): StoredCredential | undefined;
  /** In order of id, those above `after` that `keep` wants, up to `most`. */
  credentials(
    most: number,
    keep: (credential: StoredCredential) => boolean,
    after?: string,
  ): Promise<readonly StoredCredential[]>;
  trust(trustId: string): StoredTrust | undefined;
  trustRevision(trustId: string): number | undefined;
  /** Of a user as trustor and as trustee. */
  trustsOf(userId: string, most: number): Promise<readonly StoredTrust[]>;
  /** In order of id, those above `after`. */
  trusts(most: number, after?: string): Promise<readonly StoredTrust[]>;
  catalog(): StoredCatalog;
  quotas(): StoredQuotas;
  federation(): StoredFederation;
  /** In order of id, those above `after` that `keep` wants, up to `most`. */
  list<Kind extends ThingKind>(
    kind: Kind,
    most: number,
    keep?: (thing: Things[Kind]) => boolean,
    after?: string,
  ): Promise<readonly Things[Kind][]>;
  /** Ids of the projects below a project, or below a domain itself. */
  childrenOf(parentId: string, most: number): Promise<readonly string[]>;
  membersOf(groupId: string, most: number): Promise<readonly string[]>;
  assignmentsOf(actorId: string, most: number): Promise<readonly StoredAssignment[]>;
  assignmentsOn(targetId: string, most: number): Promise<readonly StoredAssignment[]>;
  assignments(most: number): Promise<readonly StoredAssignment[]>;
}

const NO_CATALOG: StoredCatalog = { regions: [], services: [], endpoints: [], revision: undefined };
const NO_FEDERATION: StoredFederation = { providers: [], protocols: [], mappings: [], revision: undefined };
const NO_QUOTAS: StoredQuotas = { registered: [], limits: [], revision: undefined };
const ROWS_AT_ONCE = 1_000;

/** Rows by key, decoded, and rows under a prefix. */
class IdentityRows {
  readonly #rows: RowReader;
  readonly #decoded: DecodedRows<unknown>;

  constructor(rows: RowReader) {
    this.#rows = rows;
    this.#decoded = new DecodedRows<unknown>(rows, (key) => {
      const row = rows.get(key);
      return row && readJson(row);
    });
  }

  read<Value>(key: string): Value | undefined {
    return this.#decoded.get(key) as Value | undefined;
  }

  /** Those that `keep` wants, above `after`, up to `most`. */
  all<Value>(
    prefix: string,
    most: number,
    keep: (value: Value) => boolean = () => true,
    after = '',
  ): Promise<readonly Value[]> {
    const take = (_rest: string, row: Uint8Array) => {
      const value = readJson<Value>(row);
      return keep(value) ? value : undefined;
    };
    return this.gather(prefix, most, take, after);
  }

  /** What `take` makes of the rows under a prefix, above `after`, up to `most`. */
  async gather<Value>(
    prefix: string,
    most: number,
    take: (rest: string, row: Uint8Array) => Value | undefined,
    after = '',
  ): Promise<readonly Value[]> {
    const cursor = this.#rows.scan(under(prefix, after));
    const found: Value[] = [];
    try {
      for (;;) {
        const more = await cursor.next(ROWS_AT_ONCE);
        if (more.length === 0) return found;
        for (const { key, value } of more) {
          const taken = take(key.slice(prefix.length), value);
          if (taken !== undefined) found.push(taken);
          if (found.length >= most) return found;
        }
      }
    } finally {
      await cursor.close();
    }
  }
}

export function createIdentityById(reader: RowReader): IdentityById {
  const rows = new IdentityRows(reader);
  const get = <Kind extends ThingKind>(kind: Kind, id: string) =>
    rows.read<Things[Kind]>(rowKey.thing(kind, id));
  const assignment = (id: string) => rows.read<StoredAssignment>(rowKey.assignment(id));
  const trust = (id: string) => rows.read<StoredTrust>(rowKey.trust(id));
  return {
    changes: () => reader.changes,
    get,
    idOf: (kind, scopeId, name) => rows.read<string>(rowKey.name(kind, scopeId, name)),
    revision: (kind, id) => get(kind, id)?.revision ?? rows.read<number>(rowKey.gone(kind, id)),
    claim: (kind, scopeId, name) => rows.read(rowKey.claim(claimId(kind, scopeId, name))),
    assignment: (actorId, targetId) => assignment(assignmentId(actorId, targetId)),
    assignmentRevision(actorId, targetId) {
      const id = assignmentId(actorId, targetId);
      return assignment(id)?.revision ?? rows.read<number>(rowKey.gone('assignment', id));
    },
    ec2Credential: (accessKeyId) => rows.read(rowKey.ec2(accessKeyId)),
    applicationCredential: (credentialId) => rows.read(rowKey.application(credentialId)),
    credential: (credentialId) => rows.read(rowKey.credential(credentialId)),
    credentials: (most, keep, after) => rows.all(rowKey.credential(''), most, keep, after),
    trust,
    trustRevision: (id) => trust(id)?.revision ?? rows.read<number>(rowKey.gone('trust', id)),
    trustsOf: (userId, most) => rows.gather(rowKey.trustOf(userId, ''), most, (id) => trust(id)),
    trusts: (most, after) => rows.all(rowKey.trust(''), most, undefined, after),
    catalog: () => rows.read<StoredCatalog>(rowKey.catalog) ?? NO_CATALOG,
    federation: () => rows.read<StoredFederation>(rowKey.federation) ?? NO_FEDERATION,
    quotas: () => rows.read<StoredQuotas>(rowKey.quotas) ?? NO_QUOTAS,
    list: (kind, most, keep, after) => rows.all(rowKey.thing(kind, ''), most, keep, after),
    childrenOf: (parentId, most) => rows.gather(rowKey.child(parentId, ''), most, (id) => id),
    membersOf: (groupId, most) => rows.gather(rowKey.member(groupId, ''), most, (id) => id),
    assignmentsOf: (actorId, most) => rows.all(rowKey.assignment(assignmentId(actorId, '')), most),
    assignmentsOn: (targetId, most) =>
      rows.gather(rowKey.onTarget(targetId, ''), most, (actorId) =>
        assignment(assignmentId(actorId, targetId)),
      ),
    assignments: (most) => rows.all(rowKey.assignment(''), most),
  };
}
