// Owns the file of `--notification-settings`: whom buckets may tell of their objects. Its fields are told in
// docs/OPERATIONS.md.

import { limits } from '#core/kernel/limits.ts';
import type { KafkaSettings } from '#services/notifications/kafka-queue.ts';
import type { WebhookSettings } from '#services/notifications/webhook.ts';
import { type Settings, settingsIn } from './settings-file.ts';

/** One of them. */
export interface DestinationSettings {
  readonly webhook?: WebhookSettings;
  readonly kafka?: KafkaSettings;
}

/** By name. */
export type NotificationSettings = ReadonlyMap<string, DestinationSettings>;

const BROKER = /^[^\s:/]+:\d{1,5}$/;
/** Kafka's own rule. */
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
const NAME = /^[A-Za-z0-9_-]{1,80}$/;

/** @throws CommandFailed */
export function readNotificationSettings(file: string | undefined): NotificationSettings {
  const destinations = new Map<string, DestinationSettings>();
  if (file === undefined) return destinations;
  const settings = settingsIn(file);
  const named = settings.required('destinations');
  settings.nothingElse();
  for (const name of named.names()) {
    if (!NAME.test(name)) throw named.wrong(name, 'letters, digits, - and _, at most 80');
    const destination = named.required(name);
    destinations.set(name, destinationOf(destination));
    destination.nothingElse();
  }
  if (destinations.size > limits.notificationDestinations) {
    throw settings.wrong('destinations', `at most ${limits.notificationDestinations}`);
  }
  return destinations;
}

function destinationOf(settings: Settings): DestinationSettings {
  const webhook = settings.within('webhook');
  const kafka = settings.within('kafka');
  if (webhook && !kafka) return { webhook: webhookOf(webhook) };
  if (kafka && !webhook) return { kafka: kafkaOf(kafka) };
  throw settings.wrong('webhook', 'there, or kafka, and not both');
}

function kafkaOf(settings: Settings): KafkaSettings {
  const brokers = settings.texts('brokers');
  const topic = settings.requiredText('topic');
  settings.nothingElse();
  if (!brokers.every((broker) => BROKER.test(broker))) throw settings.wrong('brokers', 'host:port each');
  if (!TOPIC.test(topic)) throw settings.wrong('topic', 'letters, digits, ., _ and -, at most 249');
  return { brokers, topic };
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
