// Owns the decisions about identity providers elsewhere: what refers to what must be there.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { FederationEvent } from './federation.events.ts';

type DataOf<Type extends FederationEvent['type']> = Extract<FederationEvent, { type: Type }>['data'];

export type Provider = DataOf<'ProviderSet'>;
export type Protocol = DataOf<'ProtocolSet'>;
export type Mapping = DataOf<'MappingSet'>;

export interface FederationState {
  readonly status: 'open';
  readonly providers: readonly Provider[];
  readonly protocols: readonly Protocol[];
  readonly mappings: readonly Mapping[];
}

export type FederationCommand =
  | { readonly type: 'SetProvider'; readonly provider: Provider; readonly isNew: boolean }
  | { readonly type: 'DeleteProvider'; readonly providerId: string }
  | { readonly type: 'SetProtocol'; readonly protocol: Protocol; readonly isNew: boolean }
  | { readonly type: 'DeleteProtocol'; readonly entryId: string }
  | { readonly type: 'SetMapping'; readonly mapping: Mapping; readonly isNew: boolean }
  | { readonly type: 'DeleteMapping'; readonly mappingId: string };

export type FederationDecisionCode =
  | 'federation-entry-exists'
  | 'no-such-federation-entry'
  | 'no-such-mapping'
  | 'mapping-in-use'
  | 'remote-id-taken'
  | 'too-many-entries';

const EMPTY: FederationState = { status: 'open', providers: [], protocols: [], mappings: [] };

const providerOf = ({ entryId }: Protocol): string => entryId.slice(0, entryId.indexOf('/'));

type Decided = ReturnType<typeof federationDecider.decide>;

export const federationDecider: Decider<
  FederationState,
  FederationCommand,
  FederationEvent,
  FederationDecisionCode
> = {
  family: 'federation',
  initial: EMPTY,

  decide(state, command) {
    const { providers, protocols, mappings } = state;
    const isFull = providers.length + protocols.length + mappings.length >= limits.catalogEntries;
    const known = isThere(state, command);
    if ('isNew' in command) {
      if (command.isNew && known) return { rejected: 'federation-entry-exists' };
      if (command.isNew && isFull) return { rejected: 'too-many-entries' };
      if (!command.isNew && !known) return { rejected: 'no-such-federation-entry' };
    } else if (!known) {
      return { rejected: 'no-such-federation-entry' };
    }
    return decideKnown(state, command);
  },

  evolve(state, event) {
    const { providers, protocols, mappings } = state;
    switch (event.type) {
      case 'ProviderSet': {
        const others = providers.filter(({ providerId }) => providerId !== event.data.providerId);
        return { ...state, providers: [...others, event.data] };
      }
      case 'ProviderDeleted': {
        const kept = providers.filter(({ providerId }) => providerId !== event.data.providerId);
        return { ...state, providers: kept };
      }
      case 'ProtocolSet': {
        const others = protocols.filter(({ entryId }) => entryId !== event.data.entryId);
        return { ...state, protocols: [...others, event.data] };
      }
      case 'ProtocolDeleted':
        return { ...state, protocols: protocols.filter(({ entryId }) => entryId !== event.data.entryId) };
      case 'MappingSet': {
        const others = mappings.filter(({ mappingId }) => mappingId !== event.data.mappingId);
        return { ...state, mappings: [...others, event.data] };
      }
      case 'MappingDeleted':
        return { ...state, mappings: mappings.filter(({ mappingId }) => mappingId !== event.data.mappingId) };
      default:
        return unreachable(event);
    }
  },
};

function isThere({ providers, protocols, mappings }: FederationState, command: FederationCommand): boolean {
  switch (command.type) {
    case 'SetProvider':
      return providers.some(({ providerId }) => providerId === command.provider.providerId);
    case 'DeleteProvider':
      return providers.some(({ providerId }) => providerId === command.providerId);
    case 'SetProtocol':
      return protocols.some(({ entryId }) => entryId === command.protocol.entryId);
    case 'DeleteProtocol':
      return protocols.some(({ entryId }) => entryId === command.entryId);
    case 'SetMapping':
      return mappings.some(({ mappingId }) => mappingId === command.mapping.mappingId);
    case 'DeleteMapping':
      return mappings.some(({ mappingId }) => mappingId === command.mappingId);
    default:
      return unreachable(command);
  }
}

function decideKnown(
  { providers, protocols, mappings }: FederationState,
  command: FederationCommand,
): Decided {
  switch (command.type) {
    case 'SetProvider': {
      const { provider } = command;
      const isTaken = providers.some(
        ({ providerId, remoteIds }) =>
          providerId !== provider.providerId && remoteIds.some((id) => provider.remoteIds.includes(id)),
      );
      if (isTaken) return { rejected: 'remote-id-taken' };
      return [{ type: 'ProviderSet', data: provider }];
    }
    case 'DeleteProvider': {
      const { providerId } = command;
      const gone = protocols.filter((protocol) => providerOf(protocol) === providerId);
      return [
        ...gone.map(({ entryId }) => ({ type: 'ProtocolDeleted', data: { entryId } }) as const),
        { type: 'ProviderDeleted', data: { providerId } },
      ];
    }
    case 'SetProtocol': {
      const { protocol } = command;
      const hasProvider = providers.some(({ providerId }) => providerId === providerOf(protocol));
      if (!hasProvider) return { rejected: 'no-such-federation-entry' };
      const hasMapping = mappings.some(({ mappingId }) => mappingId === protocol.mappingId);
      return hasMapping ? [{ type: 'ProtocolSet', data: protocol }] : { rejected: 'no-such-mapping' };
    }
    case 'DeleteProtocol':
      return [{ type: 'ProtocolDeleted', data: { entryId: command.entryId } }];
    case 'SetMapping':
      return [{ type: 'MappingSet', data: command.mapping }];
    case 'DeleteMapping': {
      const { mappingId } = command;
      if (protocols.some((protocol) => protocol.mappingId === mappingId))
        return { rejected: 'mapping-in-use' };
      return [{ type: 'MappingDeleted', data: { mappingId } }];
    }
    default:
      return unreachable(command);
  }
}
