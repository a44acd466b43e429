// Owns one Keystone request on its way through the gateway: what every operation is given, and the reading of
// its document. Whatever is not as the API has it is a 400 in Keystone's words.

import type { Clock } from '#core/kernel/clock.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { BodyWatch } from '#gateways/edge/body-watch.ts';
import { collect } from '#gateways/edge/collect.ts';
import type { HttpRequest, HttpResponse } from '#gateways/edge/http-messages.ts';
import { BodyFailure, requestBody } from '#gateways/edge/request-body.ts';
import type { IdentityById } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { AccountAdmin } from '#services/account-admin.ts';
import type { Accounts } from '#services/cloud.ts';
import type { Identity, IdentityRejection } from '#services/identity/identity.ts';
import type { Token, TokenUseCases } from '#services/identity/tokens.service.ts';
import { badRequest, errorOfRejection, IdentityError } from './errors.ts';
import type { OwnService } from './own-services.ts';
import type { Facts, OperationName } from './policy.ts';

/** Where what went wrong on our side is told; pino's Logger is one. */
export interface GatewayLogger {
  error(fields: object, message: string): void;
}

export interface GatewayContext {
  readonly identity: Identity;
  readonly tokens: TokenUseCases;
  readonly accounts: AccountAdmin & Accounts;
  readonly clock: Clock;
  readonly random: Random;
  readonly region: string;
  readonly watch: BodyWatch;
  readonly services: readonly OwnService[];
  readonly logger: GatewayLogger;
}

export interface IdentityCall {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly requestId: string;
  readonly operation: OperationName;
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: ReadonlyMap<string, string>;
  /** Absent only where the operation is public. */
  readonly token: Token | undefined;
  /** `http://host:port/identity/v3`, as the client wrote it. */
  readonly base: string;
  /** The address by which the client reached us, without its port. */
  readonly hostName: string;
}

export interface Answer {
  readonly status: number;
  readonly document?: object;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

export interface Operation {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/identity`; a segment `:name` is a parameter. */
  readonly path: string;
  /** What is asked for, for the judgement whether the caller may. */
  facts?(call: IdentityCall): Facts | Promise<Facts>;
  run(call: IdentityCall): Answer | Promise<Answer>;
}

export const viewOf = (call: IdentityCall): IdentityById => call.gateway.identity.view;
export const param = (call: IdentityCall, name: string): string => call.params[name] ?? '';
export const ok = (document: object): Answer => ({ status: 200, document });
export const created = (document: object): Answer => ({ status: 201, document });
export const NO_CONTENT: Answer = { status: 204 };

/** The caller of an operation that is not public. */
export function callerOf(call: IdentityCall): Token {
  if (!call.token) throw new IdentityError(401, 'The request you have made requires authentication.');
  return call.token;
}

export function actorOf(call: IdentityCall) {
  const { token, requestId } = call;
  const user = token?.user.id ?? 'anonymous';
  return { user, project: token?.project?.id ?? user, requestId };
}

/** What a use case gave, unless it refused. @throws IdentityError */
export function accept<Value>(outcome: Value | Rejection<IdentityRejection>): Value {
  if (!isRejected(outcome)) return outcome;
  throw errorOfRejection(outcome.rejected);
}

/** The thing, or a 404 that names it. @throws IdentityError */
export function found<Value>(thing: Value | undefined, kind: string, id: string): Value {
  if (thing === undefined) throw new IdentityError(404, `Could not find ${kind}: ${id}.`);
  return thing;
}

/** The object that the request's document has under `name`. @throws IdentityError 400, 413 */
export async function bodyOf(call: IdentityCall, name: string): Promise<Fields> {
  const document = await documentOf(call);
  return new Fields(document, '').record(name);
}

export async function documentOf(call: IdentityCall): Promise<unknown> {
  const { request, response, gateway } = call;
  const maxBytes = limits.identityBodyBytes;
  const body = requestBody(request, response, { watch: gateway.watch, maxBytes });
  try {
    const bytes = await collect(body, maxBytes);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return SURROGATE.test(text) ? JSON.parse(text, wellFormed) : JSON.parse(text);
  } catch (error) {
    if (error instanceof BodyFailure && error.reason === 'too-large') {
      throw new IdentityError(413, 'The request you have made is too large.');
    }
    // Who broke off hears nothing of it; whoever only stopped does.
    if (error instanceof BodyFailure) throw badRequest('The request body ended before its announced length.');
    if (error instanceof SyntaxError || error instanceof TypeError) {
      throw badRequest(
        'Expecting to find valid JSON in the request body. The server could not comply with the request' +
          ' since it is either malformed or otherwise incorrect. The client is assumed to be in error.',
      );
    }
    throw error;
  }
}

/** An escape of half a character, with or without its other half. */
const SURROGATE = /\\u[dD][89a-fA-F]/;

/** Half a character cannot be written down, in a name least of all. @throws SyntaxError */
function wellFormed(name: string, value: unknown): unknown {
  const isHalf = /[\ud800-\udfff]/u;
  if (isHalf.test(name) || (typeof value === 'string' && isHalf.test(value))) {
    throw new SyntaxError('half a character');
  }
  return value;
}

const NAME_CHARACTERS = 255;
const TEXT_CHARACTERS = 65_535;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what no name may hold.
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The fields of an object of the document, each read as what it has to be. @throws IdentityError 400 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw badRequest(`${path || 'The request body'} is not of type 'object'`);
    }
    this.#values = value as Record<string, unknown>;
    this.#path = path;
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  names(): readonly string[] {
    return Object.keys(this.#values);
  }

  record(name: string): Fields {
    return new Fields(this.#required(name), this.#at(name));
  }

  optionalRecord(name: string): Fields | undefined {
    return this.has(name) ? this.record(name) : undefined;
  }

  records(name: string): readonly Fields[] {
    const value = this.#required(name);
    if (!Array.isArray(value)) throw this.#wrong(name, 'array');
    return value.map((each, number) => new Fields(each, `${this.#at(name)}[${number}]`));
  }

  texts(name: string): readonly string[] {
    const value = this.#required(name);
    const isText = (each: unknown) => typeof each === 'string' && each.length <= NAME_CHARACTERS;
    if (!Array.isArray(value) || !value.every(isText)) throw this.#wrong(name, 'array of strings');
    return value;
  }

  text(name: string): string {
    const value = this.#required(name);
    if (typeof value !== 'string' || value.length > TEXT_CHARACTERS) throw this.#wrong(name, 'string');
    return value;
  }

  /** Undefined where it is absent, empty where it is null. */
  optionalText(name: string): string | undefined {
    if (this.#get(name) === null) return '';
    return this.has(name) ? this.text(name) : undefined;
  }

  /** What a thing may be called. */
  name(name = 'name', characters = NAME_CHARACTERS): string {
    const value = this.text(name);
    if (value.trim() === '' || value.length > characters || CONTROL.test(value)) {
      throw badRequest(`Invalid input for field '${this.#at(name)}': '${value.slice(0, 64)}' is no name`);
    }
    return value;
  }

  optionalName(name = 'name', characters = NAME_CHARACTERS): string | undefined {
    return this.has(name) ? this.name(name, characters) : undefined;
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'boolean');
    return value;
  }

  whole(name: string): number {
    const value = this.#required(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#wrong(name, 'integer');
    return value;
  }

  value(name: string): unknown {
    return this.#get(name);
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  #required(name: string): unknown {
    const value = this.#get(name);
    if (value === undefined) throw badRequest(`'${name}' is a required property`);
    return value;
  }

  #at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #wrong(name: string, type: string): IdentityError {
    return badRequest(`Invalid input for field '${this.#at(name)}': it is not of type '${type}'`);
  }
}

/** `expires_at`: ISO 8601, without a zone meaning UTC. @throws IdentityError 400 */
export function expiryOf({ gateway }: IdentityCall, fields: Fields): number | undefined {
  const given = fields.optionalText('expires_at');
  if (!given) return undefined;
  const expiresMs = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(given) ? given : `${given}Z`);
  if (!Number.isFinite(expiresMs) || expiresMs <= gateway.clock.nowMs()) {
    throw badRequest(`Invalid input for field 'expires_at': '${given}' is no time to come`);
  }
  return expiresMs;
}

const EXTRA_FIELDS = 50;

/** What else the client wants to be kept: text by name. */
export function extraOf(
  fields: Fields,
  known: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const names = fields.names().filter((name) => !known.includes(name));
  if (names.length === 0) return undefined;
  if (names.length > EXTRA_FIELDS) throw badRequest(`At most ${EXTRA_FIELDS} properties are kept.`);
  return Object.fromEntries(names.map((name) => [name, fields.optionalText(name) ?? '']));
}
