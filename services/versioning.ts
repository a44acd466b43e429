// Owns the words of the domain that gateways need to speak of versions.

export { ARCHIVES, isTwofold, VERSIONING, versioningOf } from '#core/buckets/properties.ts';
export { isVersion, NULL_VERSION } from '#core/objects/objects.events.ts';
