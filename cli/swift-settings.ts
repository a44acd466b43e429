// Owns the file of `--swift-settings`: storage policies and rate limits. Its fields are told in
// docs/OPERATIONS.md.

import type { SwiftSettings } from '#gateways/swift/index.ts';
import type { RateLimits, SizedRate } from '#gateways/swift/rate-limits.ts';
import type { StoragePolicy } from '#gateways/swift/storage-policies.ts';
import { type Settings, settingsIn } from './settings-file.ts';

const RATE_MIN = 0.001;
const RATE_MAX = 1_000_000;
/** Less, and nobody would ever be let through. */
const SLEEP_MIN = 0.1;
const SECONDS_MAX = 3_600;
const OBJECTS_MAX = 1e12;
const POLICY_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;

/** @throws CommandFailed */
export function readSwiftSettings(file: string | undefined): SwiftSettings {
  if (file === undefined) return {};
  const settings = settingsIn(file);
  const policies = settings.within('policies');
  const rates = settings.within('rateLimits');
  settings.nothingElse();
  return {
    ...(policies && { policies: policiesOf(policies) }),
    ...(rates && { rateLimits: rateLimitsOf(rates) }),
  };
}

function policiesOf(settings: Settings): readonly StoragePolicy[] {
  const policies: StoragePolicy[] = [];
  const names = new Set<string>();
  for (const name of settings.names()) {
    const policy = settings.required(name);
    const aliases = policy.optionalTexts('aliases');
    const isDefault = policy.flag('default') ?? false;
    const isDeprecated = policy.flag('deprecated') ?? false;
    policy.nothingElse();
    if (isDefault && isDeprecated) throw policy.wrong('default', 'false where it is deprecated');
    for (const each of [name, ...aliases]) {
      if (!POLICY_NAME.test(each)) throw settings.wrong(each, 'a letter, then letters, digits and -');
      if (names.has(each.toLowerCase())) throw settings.wrong(each, 'the name of one policy');
      names.add(each.toLowerCase());
    }
    policies.push({ name, aliases, isDefault, isDeprecated });
  }
  const defaults = policies.filter(({ isDefault }) => isDefault);
  if (defaults.length !== 1) throw settings.wrong('default', 'true of one policy');
  return policies;
}

function rateLimitsOf(settings: Settings): RateLimits {
  const read: RateLimits = {
    accountPerSecond: settings.number('accountPerSecond', RATE_MIN, RATE_MAX),
    containers: sizedRates(settings.within('containerPerSecond')),
    listings: sizedRates(settings.within('listingPerSecond')),
    maxSleepSeconds: settings.number('maxSleepSeconds', SLEEP_MIN, SECONDS_MAX) ?? 60,
    bufferSeconds: settings.number('bufferSeconds', 0, SECONDS_MAX) ?? 5,
    unlimitedProjects: settings.optionalTexts('unlimitedProjects'),
    refusedProjects: settings.optionalTexts('refusedProjects'),
  };
  settings.nothingElse();
  return read;
}

/** By the number of objects from which on it holds. */
function sizedRates(settings: Settings | undefined): readonly SizedRate[] {
  if (!settings) return [];
  const rates = settings.names().map((name) => {
    const objects = /^\d{1,12}$/.test(name) ? Number(name) : OBJECTS_MAX + 1;
    if (objects > OBJECTS_MAX) throw settings.wrong(name, 'a number of objects');
    return { objects, perSecond: settings.number(name, RATE_MIN, RATE_MAX) as number };
  });
  return rates.sort((a, b) => a.objects - b.objects);
}
