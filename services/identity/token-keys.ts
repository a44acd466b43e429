// Owns the keys that sign tokens: Ed25519, made with the first token and again each day, each sealed under a
// key of its own that is destroyed once nothing it signed can be valid any more.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { identityStream } from '#core/identity/directory.events.ts';
import { seal, unseal } from '#core/identity/subject-keys.ts';
import { type TokenCommand, tokenDecider } from '#core/identity/tokens.decider.ts';
import { tokens as tokenLifecycle } from '#core/identity/tokens.events.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { StoredTokenKeys } from '#projections/tokens-in-force/tokens-in-force.query.ts';
import { type IdentityContext, run } from './identity-context.ts';

export interface TokenKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

type StoredKey = StoredTokenKeys['keys'][number];

const ACTOR = { user: 'system', project: 'system', requestId: 'token-keys' };
/** Keys lie in one stream, revocations in another: neither waits for the other. */
const KEYS = 'keys';
const STREAM = identityStream(tokenLifecycle.family, KEYS);

export class TokenKeys {
  readonly #context: IdentityContext;
  readonly #clock: Clock;
  readonly #opened = new Map<string, TokenKey>();
  #making: Promise<unknown> | undefined;

  constructor(context: IdentityContext, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
  }

  /** The key that signs now; another is made where there is none, or the last is old. */
  async signing(): Promise<TokenKey> {
    const newest = this.#stored().at(-1);
    if (!newest || newest.madeMs + limits.tokenKeyMs <= this.#clock.nowMs()) {
      this.#making ??= this.#rotate().finally(() => {
        this.#making = undefined;
      });
      await this.#making;
    }
    const key = this.#stored().at(-1);
    if (!key) throw new Fault('chunk-missing', 'there is no key to sign tokens with');
    return this.#open(key);
  }

  /** Undefined for a key that is not known, or retired. */
  async verifying(keyId: string): Promise<TokenKey | undefined> {
    const isThis = (key: StoredKey) => key.keyId === keyId;
    if (!this.#stored().some(isThis)) await this.#context.barrier();
    const stored = this.#stored().find(isThis);
    return stored && this.#open(stored);
  }

  #stored(): readonly StoredKey[] {
    return this.#context.tokens.keys().keys;
  }

  async #open({ keyId, keyBlob, sealedKey }: StoredKey): Promise<TokenKey> {
    const known = this.#opened.get(keyId);
    if (known) return known;
    const key = await this.#context.keys.find(keyBlob);
    if (!key) throw new Fault('chunk-missing', `the key ${keyId} of tokens is gone`);
    const privateKey = createPrivateKey(unseal(key, Buffer.from(sealedKey, 'base64'), keyId));
    const opened = { keyId, privateKey, publicKey: createPublicKey(privateKey) };
    if (this.#opened.size >= limits.tokenKeys) this.#opened.clear();
    this.#opened.set(keyId, opened);
    return opened;
  }

  async #rotate(): Promise<void> {
    const { keys, random, writes } = this.#context;
    await this.#retire();
    const after = this.#stored().at(-1)?.keyId;
    const keyId = newId(random);
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await writes.track(async () => {
      const { blob: keyBlob, key } = await keys.make(STREAM);
      const sealedKey = seal(key, pem, keyId, random);
      await this.#run({ type: 'MakeTokenKey', keyId, keyBlob, sealedKey, after });
    });
  }

  /** A key whose successor has signed for longer than any token lives. */
  async #retire(): Promise<void> {
    const stored = this.#stored();
    for (const [number, { keyId, keyBlob }] of stored.entries()) {
      const successor = stored[number + 1];
      if (!successor || successor.madeMs + limits.tokenLifeMs > this.#clock.nowMs()) return;
      await this.#run({ type: 'RetireTokenKey', keyId });
      this.#opened.delete(keyId);
      await this.#context.keys.destroy(keyBlob);
    }
  }

  #run(command: TokenCommand) {
    const { tokens } = this.#context;
    return run(this.#context, {
      ...{ decider: tokenDecider, lifecycle: tokenLifecycle, id: KEYS, command, actor: ACTOR },
      state: () => ({ status: 'open' as const, keyIds: tokens.keys().keys.map(({ keyId }) => keyId) }),
      revision: () => tokens.keys().revision,
    });
  }
}
