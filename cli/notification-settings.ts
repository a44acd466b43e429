// Owns the file of `--notification-settings`: whom buckets may tell of their objects. Its fields are told in
// docs/OPERATIONS.md.

import { limits } from '#core/kernel/limits.ts';
import type { WebhookSettings } from '#services/notifications/webhook.ts';
import { type Settings, settingsIn } from './settings-file.ts';

/** By name. */
export type NotificationSettings = ReadonlyMap<string, WebhookSettings>;

const NAME = /^[A-Za-z0-9_-]{1,80}$/;

/** @throws CommandFailed */
export function readNotificationSettings(file: string | undefined): NotificationSettings {
  const destinations = new Map<string, WebhookSettings>();
  if (file === undefined) return destinations;
  const settings = settingsIn(file);
  const named = settings.required('destinations');
  settings.nothingElse();
  for (const name of named.names()) {
    if (!NAME.test(name)) throw named.wrong(name, 'letters, digits, - and _, at most 80');
    const destination = named.required(name);
    destinations.set(name, webhookOf(destination.required('webhook')));
    destination.nothingElse();
  }
  if (destinations.size > limits.notificationDestinations) {
    throw settings.wrong('destinations', `at most ${limits.notificationDestinations}`);
  }
  return destinations;
}

function webhookOf(settings: Settings): WebhookSettings {
  const url = settings.requiredText('url');
  const { protocol, username, password } = URL.canParse(url) ? new URL(url) : { protocol: '' };
  if (!['http:', 'https:'].includes(protocol) || username || password) {
    throw settings.wrong('url', 'http://… or https://…, without a password');
  }
  const secret = secretIn(settings, 'secretFile');
  const bearerToken = secretIn(settings, 'bearerTokenFile');
  settings.nothingElse();
  return { url, ...(secret && { secret }), ...(bearerToken && { bearerToken }) };
}

function secretIn(settings: Settings, name: string): string | undefined {
  const secret = settings.file(name)?.replace(/\r?\n$/, '');
  if (secret === undefined || /^[\x21-\x7e]+$/.test(secret)) return secret;
  throw settings.wrong(name, 'a file with one line of visible ASCII');
}
