// Tests the opening of tokens against jose, which writes them: what jose signed is opened, and whatever
// differs in one character, or says of itself what we never say, is not.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { claimsOfJws, headerOfJws } from './compact-jws.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const CLAIMS = { sub: 'zoë', methods: ['password'], expiresMs: 5, scope: { kind: 'system' } };

const signed = (header = {}) =>
  new SignJWT(CLAIMS).setProtectedHeader({ alg: 'EdDSA', kid: 'k', ...header }).sign(privateKey);
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function byHand(header: object, claims: unknown = CLAIMS): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

test('what jose signed is opened, by its own key alone', async (t) => {
  const id = await signed({ typ: 'receipt' });
  t.deepEqual(headerOfJws(id), { kid: 'k', typ: 'receipt' });
  t.deepEqual(claimsOfJws(id, publicKey), CLAIMS);
  t.is(claimsOfJws(id, other.publicKey), undefined);
  t.deepEqual(headerOfJws(await signed()), { kid: 'k', typ: undefined });
});

test('a token that differs in one character is none', async (t) => {
  const id = await signed();
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
  const changes = fc.tuple(fc.nat({ max: id.length - 1 }), fc.constantFrom(...alphabet));
  fc.assert(
    fc.property(changes, ([at, character]) => {
      const changed = id.slice(0, at) + character + id.slice(at + 1);
      const claims = headerOfJws(changed) && claimsOfJws(changed, publicKey);
      return changed === id || claims === undefined;
    }),
    { numRuns: 500 },
  );
  // The last character of a signature has four bits that do not count.
  const last = id.at(-1) as string;
  for (const character of alphabet) {
    if (character !== last) t.is(claimsOfJws(id.slice(0, -1) + character, publicKey), undefined, character);
  }
  for (const changed of [`${id}=`, ` ${id}`, `${id}\n`, `${id}.`, id.slice(0, -1)]) {
    t.is(claimsOfJws(changed, publicKey), undefined);
  }
});

test('what says of itself what we never say is none, though our key signed it', (t) => {
  t.deepEqual(headerOfJws(byHand({ alg: 'EdDSA', kid: 'k' })), { kid: 'k', typ: undefined });
  for (const header of [
    ...[{ alg: 'none', kid: 'k' }, { alg: 'HS256', kid: 'k' }, { alg: 'eddsa', kid: 'k' }, { kid: 'k' }],
    ...[{ alg: 'EdDSA' }, { alg: 'EdDSA', kid: 5 }, { alg: 'EdDSA', kid: 'k', typ: [] }, ['EdDSA']],
    ...[{ alg: 'EdDSA', kid: 'k', crit: ['b64'], b64: false }],
  ]) {
    t.is(headerOfJws(byHand(header)), undefined, JSON.stringify(header));
  }
  // The public key as the secret of a symmetric signature: the old confusion.
  const text = `${encoded({ alg: 'HS256', kid: 'k' })}.${encoded(CLAIMS)}`;
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  t.is(headerOfJws(`${text}.${createHmac('sha512', pem).update(text).digest('base64url')}`), undefined);
  for (const claims of [null, 5, 'x'])
    t.is(claimsOfJws(byHand({ alg: 'EdDSA' }, claims), publicKey), undefined);
});
