// Owns the judgement of tokens that a provider of OpenID Connect signed (OpenID Connect Core 1.0, 3.1.3.7;
// RFC 9068 for access tokens), by the keys that it publishes (OpenID Connect Discovery 1.0). Guarantees: a
// token is taken only if it is signed by a key of the provider that the operator named, for an audience that
// the operator named, and is in force at this moment; and a provider that does not answer costs a bounded
// time.

import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';

export interface OidcSettings {
  /** As the provider calls itself. */
  readonly issuer: string;
  /** For whom tokens must have been made. A provider makes them for many. */
  readonly audiences: readonly string[];
}

/** Keys that are published are public ones. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const DISCOVERY = '/.well-known/openid-configuration';
/** Of jose, where not the token is wrong: the keys could not be had. */
const NO_KEYS = ['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC'];

export class OidcProviderKeys {
  readonly #settings: OidcSettings;
  #keys: JWTVerifyGetKey | undefined;

  constructor(settings: OidcSettings) {
    this.#settings = settings;
  }

  /** What the token claims; undefined where it is not to be believed. @throws Fault `unreachable` */
  async claimsOf(token: string, nowMs: number): Promise<JWTPayload | undefined> {
    const { issuer, audiences } = this.#settings;
    if (token.length > limits.federatedTokenBytes) return undefined;
    const keys = await this.#published();
    try {
      const { payload } = await jwtVerify(token, keys, {
        ...{ issuer, audience: [...audiences], algorithms: ALGORITHMS, currentDate: new Date(nowMs) },
        requiredClaims: ['exp', 'sub'],
      });
      return payload;
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
      if (/^ERR_J/.test(code) && !NO_KEYS.includes(code)) return undefined;
      throw new Fault('unreachable', `the keys of ${issuer} cannot be had`, { cause });
    }
  }

  async #published(): Promise<JWTVerifyGetKey> {
    if (this.#keys) return this.#keys;
    const { issuer } = this.#settings;
    try {
      const signal = AbortSignal.timeout(limits.oidcAnswerMs);
      const answer = await fetch(`${issuer.replace(/\/$/, '')}${DISCOVERY}`, { signal, redirect: 'error' });
      const document = (await answer.json()) as { issuer?: unknown; jwks_uri?: unknown };
      if (document.issuer !== issuer) throw new Error(`${issuer} calls itself something else`);
      this.#keys = createRemoteJWKSet(new URL(String(document.jwks_uri)), {
        timeoutDuration: limits.oidcAnswerMs,
      });
      return this.#keys;
    } catch (cause) {
      throw new Fault('unreachable', `the provider ${issuer} did not answer as it should`, { cause });
    }
  }
}
