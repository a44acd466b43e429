// Owns the properties of buckets and spaces that are secrets: sealed before they reach the log, each under a
// key of its own that is destroyed when the secret is replaced, taken away, or its bucket or project deleted.
// A key stays where a process ends between the event and that, or cannot learn whether its event came to be.

import { type Properties, type PropertyChanges, SECRET_PREFIX } from '#core/buckets/properties.ts';
import { type SubjectKeys, seal, unseal } from '#core/identity/subject-keys.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ServiceContext } from './context.ts';

/** Between the name of the key and what it seals. */
const SEPARATOR = ' ';

const isSecret = (name: string): boolean => name.startsWith(SECRET_PREFIX);

export class SecretProperties {
  readonly #context: Pick<ServiceContext, 'random' | 'writes'>;
  readonly #keys: SubjectKeys;
  /** By what is sealed: whoever opens asks at each request. */
  readonly #opened = new Map<string, string>();

  constructor(context: Pick<ServiceContext, 'random' | 'writes'>, keys: SubjectKeys) {
    this.#context = context;
    this.#keys = keys;
  }

  /**
   * Runs `change` with the changes as the log may have them. Each time that it looks at what there is, to
   * append only if it is that still, it says so by `replacing`.
   * @param stream that tells them
   */
  async changing<Code extends string>(
    stream: string,
    changes: PropertyChanges,
    change: (
      sealed: PropertyChanges,
      replacing: (before: Properties) => void,
    ) => Promise<undefined | Rejection<Code>>,
  ): Promise<undefined | Rejection<Code>> {
    const touched = [...Object.keys(changes.set), ...changes.unset].filter(isSecret);
    if (touched.length === 0) return change(changes, () => undefined);
    return this.#context.writes.track(async () => {
      const set = await this.#sealed(stream, changes.set);
      let before: Properties = {};
      const refused = await change({ ...changes, set }, (seen) => {
        before = seen;
      });
      // Whatever did not come to be, or is no more, must not be opened again.
      await this.#erase(isRejected(refused) ? set : before, touched);
      return refused;
    });
  }

  async #sealed(stream: string, set: Properties): Promise<Properties> {
    const sealed: Record<string, string> = { ...set };
    for (const [name, secret] of Object.entries(set)) {
      if (!isSecret(name)) continue;
      const { blob, key } = await this.#keys.make(stream);
      const bytes = seal(key, secret, `${stream}/${name}`, this.#context.random);
      sealed[name] = blob + SEPARATOR + Buffer.from(bytes).toString('base64');
    }
    return sealed;
  }

  /** The secrets, by name without the prefix. One whose key is destroyed is none. */
  async opened(stream: string, properties: Properties): Promise<Properties> {
    const secrets: Record<string, string> = {};
    for (const [name, value] of Object.entries(properties)) {
      if (!isSecret(name)) continue;
      const secret = this.#opened.get(value) ?? (await this.#open(stream, name, value));
      if (secret !== undefined) secrets[name.slice(SECRET_PREFIX.length)] = secret;
    }
    return secrets;
  }

  async #open(stream: string, name: string, value: string): Promise<string | undefined> {
    const [blob = '', sealed = ''] = value.split(SEPARATOR);
    const key = await this.#keys.find(blob);
    if (!key) return undefined;
    const secret = unseal(key, Buffer.from(sealed, 'base64'), `${stream}/${name}`);
    if (this.#opened.size >= limits.openedSecrets) this.#opened.clear();
    this.#opened.set(value, secret);
    return secret;
  }

  async eraseAll(properties: Properties): Promise<void> {
    await this.#erase(properties, Object.keys(properties).filter(isSecret));
  }

  async #erase(properties: Properties, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const value = properties[name];
      if (value === undefined) continue;
      this.#opened.delete(value);
      await this.#keys.destroy(value.split(SEPARATOR, 1)[0] as string);
    }
  }
}
