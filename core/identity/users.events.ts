// Owns the life of a user: who may log in, with which secrets. All secrets, hashes too, are sealed under the
// user's own key (core/identity/subject-keys.ts): destroying it erases them for ever.

import { bytes, flag, list, optional, record, text, textMap, texts, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

const ACTIVE = { from: ['active'], to: 'active' } as const;

export const users = lifecycle('users', {
  statuses: ['absent', 'active', 'deleted'],
  initial: 'absent',
  events: {
    UserCreated: {
      id: 1,
      from: ['absent', 'deleted'],
      to: 'active',
      data: {
        domainId: text(1),
        name: text(2),
        description: text(3),
        email: text(4),
        /** Empty: none. */
        defaultProjectId: text(5),
        enabled: flag(6),
        extra: textMap(7),
        /** Of whom an identity provider elsewhere vouches for. */
        federated: optional(record(8, { providerId: text(1), protocolId: text(2) })),
      },
    },
    /** What is absent stays as it was. A user who is disabled loses all tokens. */
    UserUpdated: {
      id: 2,
      ...ACTIVE,
      data: {
        name: optional(text(1)),
        description: optional(text(2)),
        email: optional(text(3)),
        defaultProjectId: optional(text(4)),
        enabled: optional(flag(5)),
        extra: optional(record(6, { values: textMap(1) })),
      },
    },
    /** The blob of the key under which the user's secrets are sealed: made with the first of them. */
    SubjectKeyMade: { id: 3, ...ACTIVE, data: { keyBlob: text(1) } },
    /** A memory-hard hash, sealed. All tokens from before are void; who was locked out no longer is. */
    PasswordSet: {
      id: 4,
      ...ACTIVE,
      data: {
        sealedHash: bytes(1),
        /** By the user, not by an administrator. */
        bySelf: flag(2),
        /** Only good for choosing another. */
        mustChange: flag(3),
        /** Set by the operator of the cloud, who is not to be locked out of it by time. */
        neverExpires: flag(4),
        /** How many of the hashes from before are kept, so that none of them comes back. */
        formerKept: uint(5),
      },
    },
    TokensRevoked: { id: 5, ...ACTIVE, data: {} },
    GroupJoined: { id: 6, ...ACTIVE, data: { groupId: text(1) } },
    GroupLeft: { id: 7, ...ACTIVE, data: { groupId: text(1) } },
    Ec2CredentialCreated: {
      id: 8,
      ...ACTIVE,
      data: { accessKeyId: text(1), projectId: text(2), sealedSecret: bytes(3) },
    },
    Ec2CredentialDeleted: { id: 9, ...ACTIVE, data: { accessKeyId: text(1) } },
    ApplicationCredentialCreated: {
      id: 10,
      ...ACTIVE,
      data: {
        credentialId: text(1),
        name: text(2),
        description: text(3),
        projectId: text(4),
        roleIds: texts(5),
        /** May itself make application credentials. */
        unrestricted: flag(6),
        expiresMs: optional(uint(7)),
        /** Empty: every call. */
        accessRules: list(8, { ruleId: text(1), service: text(2), method: text(3), path: text(4) }),
        sealedHash: bytes(9),
      },
    },
    ApplicationCredentialDeleted: { id: 11, ...ACTIVE, data: { credentialId: text(1) } },
    /** All that hold from now on. */
    UserOptionsSet: {
      id: 13,
      ...ACTIVE,
      data: {
        flags: list(1, { name: text(1), value: flag(2) }),
        /** Each a set of methods that together are enough. */
        factorRules: list(2, { methods: texts(1) }),
      },
    },
    /** After too many wrong passwords. Until a moment, or until somebody enables the user. */
    UserLockedOut: { id: 14, ...ACTIVE, data: { untilMs: optional(uint(1)) } },
    /** The first login of a day; told only where users who stay away are disabled. */
    UserSeen: { id: 15, ...ACTIVE, data: {} },
    /** A secret of any other type, such as the seed of one-time passwords. Also when it is changed. */
    CredentialSet: {
      id: 16,
      ...ACTIVE,
      data: {
        credentialId: text(1),
        kind: text(2),
        /** Empty: for none. */
        projectId: text(3),
        sealedBlob: bytes(4),
      },
    },
    CredentialDeleted: { id: 17, ...ACTIVE, data: { credentialId: text(1) } },
    UserDeleted: { id: 12, from: ['active'], to: 'deleted', data: {} },
  },
});

export type UserEvent = EventOf<typeof users.table>;
