// Owns the telling of one message to a webhook. Guarantees: it goes where the operator said and nowhere else,
// redirects included; it is signed, so that the receiver can tell who sent it and when; it ends in bounded
// time, and an answer costs bounded memory.

import { createHmac } from 'node:crypto';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';

export interface Message {
  /** Of the event, the same each time it is told: 32 hexadecimal digits. */
  readonly id: string;
  /** Messages of one key are told in their order. */
  readonly key: string;
  /** JSON. */
  readonly body: string;
}

/** `later`: it may be taken another time; `refused`: the receiver will have none of it. */
export type Answer = 'taken' | 'later' | 'refused';

export interface Receiver {
  /** Within limits.notificationAnswerMs. Never rejects. */
  tell(message: Message, signal: AbortSignal): Promise<{ readonly answer: Answer; readonly reason: string }>;
  close(): Promise<void>;
}

export interface WebhookSettings {
  readonly url: string;
  /** Of the signature. */
  readonly secret?: string;
  readonly bearerToken?: string;
}

/** Statuses of 400 to 499 that speak of the moment, not of the message (RFC 9110, RFC 8470, RFC 6585). */
const MOMENTARY = [408, 425, 429];

export class Webhook implements Receiver {
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;

  constructor(settings: WebhookSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async tell(message: Message, signal: AbortSignal): Promise<{ answer: Answer; reason: string }> {
    const ending = new AbortController();
    const end = () => ending.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    void this.#clock.sleep(limits.notificationAnswerMs, ending.signal).then(end);
    try {
      const answer = await fetch(this.#settings.url, {
        method: 'POST',
        redirect: 'manual',
        signal: ending.signal,
        headers: this.#headers(message),
        body: message.body,
      });
      await readAway(answer);
      return { answer: meaningOf(answer.status), reason: `status ${answer.status}` };
    } catch (error) {
      return { answer: 'later', reason: reasonOf(error) };
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  async close(): Promise<void> {}

  #headers({ id, body }: Message): Record<string, string> {
    const { secret, bearerToken } = this.#settings;
    const seconds = Math.floor(this.#clock.nowMs() / 1_000);
    const signature =
      secret !== undefined && createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
    return {
      'content-type': 'application/json',
      'user-agent': 'strata',
      'x-strata-event-id': id,
      ...(signature && { 'x-strata-signature': `t=${seconds},v1=${signature}` }),
      ...(bearerToken !== undefined && { authorization: `Bearer ${bearerToken}` }),
    };
  }
}

function meaningOf(status: number): Answer {
  if (status >= 200 && status < 300) return 'taken';
  return status >= 500 || MOMENTARY.includes(status) ? 'later' : 'refused';
}

/** So that the connection can be used again; of a long answer the rest is not waited for. */
async function readAway(answer: Response): Promise<void> {
  let readBytes = 0;
  for await (const piece of answer.body ?? []) {
    readBytes += piece.length;
    if (readBytes > limits.notificationAnswerBytes) break;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
