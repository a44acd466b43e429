// Owns the operations of federation (OS-FEDERATION): identity providers elsewhere, their protocols, mappings
// of their claims, and the login of those whom they vouch for by OpenID Connect.

import type { StoredFederation } from '#projections/identity-by-id/identity-by-id.query.ts';
import { protocolEntryId } from '#services/identity/federation.service.ts';
import { readRules, WrongRules } from '#services/identity/mapping-rules.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  created,
  type Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { listAnswer } from '../documents.ts';
import { badRequest, unauthorized } from '../errors.ts';
import { tokenDocument } from '../token-document.ts';

type Provider = StoredFederation['providers'][number];
type Protocol = StoredFederation['protocols'][number];
type Mapping = StoredFederation['mappings'][number];

const ROOT = '/v3/OS-FEDERATION';
const PROVIDERS = `${ROOT}/identity_providers`;
const PROVIDER = `${PROVIDERS}/:idp_id`;
const PROTOCOLS = `${PROVIDER}/protocols`;
const PROTOCOL = `${PROTOCOLS}/:protocol_id`;
const MAPPINGS = `${ROOT}/mappings`;
const MAPPING = `${MAPPINGS}/:mapping_id`;

function providerDocument({ base }: IdentityCall, provider: Provider) {
  const { providerId: id, domainId, description, enabled, remoteIds } = provider;
  const self = `${base}/OS-FEDERATION/identity_providers/${id}`;
  return {
    ...{ id, domain_id: domainId, description, enabled, remote_ids: remoteIds, authorization_ttl: null },
    links: { self, protocols: `${self}/protocols` },
  };
}

function protocolDocument({ base }: IdentityCall, { entryId, mappingId }: Protocol) {
  const [providerId, id] = entryId.split('/');
  const provider = `${base}/OS-FEDERATION/identity_providers/${providerId}`;
  return {
    ...{ id, mapping_id: mappingId, remote_id_attribute: null },
    links: { self: `${provider}/protocols/${id}`, identity_provider: provider },
  };
}

const mappingDocument = ({ base }: IdentityCall, { mappingId: id, rules }: Mapping) => ({
  ...{ id, rules: JSON.parse(rules), schema_version: '1.0' },
  links: { self: `${base}/OS-FEDERATION/mappings/${id}` },
});

const federationOf = (call: IdentityCall): StoredFederation => viewOf(call).federation();

function providerOf(call: IdentityCall): Provider {
  const id = param(call, 'idp_id');
  const provider = federationOf(call).providers.find(({ providerId }) => providerId === id);
  return found(provider, 'identity provider', id);
}

function protocolOf(call: IdentityCall): Protocol {
  const wanted = protocolEntryId(param(call, 'idp_id'), param(call, 'protocol_id'));
  const protocol = federationOf(call).protocols.find(({ entryId }) => entryId === wanted);
  return found(protocol, 'federated protocol', param(call, 'protocol_id'));
}

function mappingOf(call: IdentityCall): Mapping {
  const id = param(call, 'mapping_id');
  const mapping = federationOf(call).mappings.find(({ mappingId }) => mappingId === id);
  return found(mapping, 'mapping', id);
}

/** Of the path, where the client chooses it. @throws IdentityError 400 */
function newId(call: IdentityCall, name: string): string {
  const id = param(call, name);
  if (!/^[A-Za-z0-9._~-]{1,64}$/.test(id)) throw badRequest(`Invalid input for '${name}'`);
  return id;
}

const change = async (
  call: IdentityCall,
  command: Parameters<typeof call.gateway.identity.federation.change>[1],
): Promise<void> => {
  accept(await call.gateway.identity.federation.change(actorOf(call), command));
};

function providerFrom(fields: Fields, before: Omit<Provider, 'domainId'>) {
  return {
    providerId: before.providerId,
    description: fields.optionalText('description') ?? before.description,
    enabled: fields.optionalFlag('enabled') ?? before.enabled,
    remoteIds: fields.value('remote_ids') ? [...new Set(fields.texts('remote_ids'))] : before.remoteIds,
  };
}

async function createProvider(call: IdentityCall): Promise<Answer> {
  const providerId = newId(call, 'idp_id');
  const fields = await bodyOf(call, 'identity_provider');
  const entry = providerFrom(fields, { providerId, description: '', enabled: true, remoteIds: [] });
  const given = fields.optionalText('domain_id');
  if (given) found(viewOf(call).get('domain', given), 'domain', given);
  const domainId = given || (await ownDomain(call, providerId));
  await change(call, { type: 'SetProvider', provider: { ...entry, domainId }, isNew: true });
  return created({ identity_provider: providerDocument(call, providerOf(call)) });
}

/** Without a word about it the users of a provider have a domain of their own. */
async function ownDomain(call: IdentityCall, providerId: string): Promise<string> {
  const name = `federated-${providerId}`;
  const known = viewOf(call).idOf('domain', '', name);
  if (known !== undefined) return known;
  const domain = { name, description: `Users of the identity provider ${providerId}`, enabled: true };
  return accept(await call.gateway.identity.directory.createDomain(actorOf(call), domain));
}

async function updateProvider(call: IdentityCall): Promise<Answer> {
  const before = providerOf(call);
  const entry = providerFrom(await bodyOf(call, 'identity_provider'), before);
  const provider = { ...entry, domainId: before.domainId };
  await change(call, { type: 'SetProvider', provider, isNew: false });
  return ok({ identity_provider: providerDocument(call, providerOf(call)) });
}

const setProtocol = (isNew: boolean) => async (call: IdentityCall) => {
  providerOf(call);
  const entryId = protocolEntryId(param(call, 'idp_id'), newId(call, 'protocol_id'));
  const mappingId = (await bodyOf(call, 'protocol')).text('mapping_id');
  await change(call, { type: 'SetProtocol', protocol: { entryId, mappingId }, isNew });
  const document = { protocol: protocolDocument(call, protocolOf(call)) };
  return isNew ? created(document) : ok(document);
};

const setMapping = (isNew: boolean) => async (call: IdentityCall) => {
  const mappingId = newId(call, 'mapping_id');
  const rules = (await bodyOf(call, 'mapping')).value('rules');
  try {
    readRules(rules);
  } catch (error) {
    if (error instanceof WrongRules) throw badRequest(`Invalid input for field 'rules': ${error.message}`);
    throw error;
  }
  await change(call, { type: 'SetMapping', mapping: { mappingId, rules: JSON.stringify(rules) }, isNew });
  const document = { mapping: mappingDocument(call, mappingOf(call)) };
  return isNew ? created(document) : ok(document);
};

/** By the provider's token, as a bearer's (RFC 6750). */
async function authenticate(call: IdentityCall): Promise<Answer> {
  const { identity, tokens, clock } = call.gateway;
  const [, token] = /^Bearer +(\S+)$/i.exec(call.request.headers.authorization ?? '') ?? [];
  if (token === undefined) throw unauthorized();
  const login = { providerId: param(call, 'idp_id'), protocolId: param(call, 'protocol_id'), token };
  const user = await identity.federation.login(login, clock.nowMs());
  const issued = user && (await tokens.issue({ user, methods: ['mapped'] }));
  if (!issued) throw unauthorized();
  return {
    status: 201,
    document: tokenDocument(call, issued.token),
    headers: [['X-Subject-Token', issued.id]],
  };
}

export const federationOperations = {
  list_identity_providers: {
    ...{ method: 'GET', path: PROVIDERS },
    run(call) {
      const asked = call.query.get('id');
      const providers = federationOf(call).providers.filter(
        ({ providerId }) => (asked ?? providerId) === providerId,
      );
      const documents = providers.map((each) => providerDocument(call, each));
      return listAnswer(call, 'identity_providers', documents);
    },
  },
  create_identity_provider: { method: 'PUT', path: PROVIDER, run: createProvider },
  get_identity_provider: {
    ...{ method: 'GET', path: PROVIDER },
    run: (call) => ok({ identity_provider: providerDocument(call, providerOf(call)) }),
  },
  update_identity_provider: { method: 'PATCH', path: PROVIDER, run: updateProvider },
  delete_identity_provider: {
    ...{ method: 'DELETE', path: PROVIDER },
    async run(call) {
      await change(call, { type: 'DeleteProvider', providerId: providerOf(call).providerId });
      return NO_CONTENT;
    },
  },
  list_protocols: {
    ...{ method: 'GET', path: PROTOCOLS },
    run(call) {
      const { providerId } = providerOf(call);
      const protocols = federationOf(call).protocols.filter(({ entryId }) =>
        entryId.startsWith(`${providerId}/`),
      );
      const documents = protocols.map((each) => protocolDocument(call, each));
      return listAnswer(call, 'protocols', documents);
    },
  },
  create_protocol: { method: 'PUT', path: PROTOCOL, run: setProtocol(true) },
  get_protocol: {
    ...{ method: 'GET', path: PROTOCOL },
    run: (call) => ok({ protocol: protocolDocument(call, protocolOf(call)) }),
  },
  update_protocol: { method: 'PATCH', path: PROTOCOL, run: setProtocol(false) },
  delete_protocol: {
    ...{ method: 'DELETE', path: PROTOCOL },
    async run(call) {
      await change(call, { type: 'DeleteProtocol', entryId: protocolOf(call).entryId });
      return NO_CONTENT;
    },
  },
  list_mappings: {
    ...{ method: 'GET', path: MAPPINGS },
    run(call) {
      const documents = federationOf(call).mappings.map((each) => mappingDocument(call, each));
      return listAnswer(call, 'mappings', documents);
    },
  },
  create_mapping: { method: 'PUT', path: MAPPING, run: setMapping(true) },
  get_mapping: {
    ...{ method: 'GET', path: MAPPING },
    run: (call) => ok({ mapping: mappingDocument(call, mappingOf(call)) }),
  },
  update_mapping: { method: 'PATCH', path: MAPPING, run: setMapping(false) },
  delete_mapping: {
    ...{ method: 'DELETE', path: MAPPING },
    async run(call) {
      await change(call, { type: 'DeleteMapping', mappingId: mappingOf(call).mappingId });
      return NO_CONTENT;
    },
  },
  authenticate_federated: { method: 'POST', path: `${PROTOCOL}/auth`, run: authenticate },
  authenticate_federated_by_get: { method: 'GET', path: `${PROTOCOL}/auth`, run: authenticate },
} as const satisfies Readonly<Record<string, Operation>>;
