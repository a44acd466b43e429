// Owns the storage policies that containers may name (https://docs.openstack.org/swift/latest/
// overview_policies.html): which there are, and which one a container has. A container has one for ever. They
// are names: all that is stored is on one ring, with one number of replicas (docs/SWIFT.md).

import { SwiftError } from './errors.ts';
import type { Values } from './headers.ts';

export interface StoragePolicy {
  readonly name: string;
  /** It may be called so too. */
  readonly aliases: readonly string[];
  /** What is made without saying one has it; of all there is one. */
  readonly isDefault: boolean;
  /** Containers have it, and no more get it. */
  readonly isDeprecated: boolean;
}

/** What a container is made with; what has none has the first. */
const POLICY = 'storage-policy';

const ALONE: StoragePolicy = { name: 'replicated', aliases: [], isDefault: true, isDeprecated: false };

export class StoragePolicies {
  readonly all: readonly StoragePolicy[];
  readonly #first: StoragePolicy;
  readonly #default: StoragePolicy;

  /** @param all of which one is the default */
  constructor(all: readonly StoragePolicy[] = [ALONE]) {
    this.all = all;
    this.#first = all[0] ?? ALONE;
    this.#default = all.find(({ isDefault }) => isDefault) ?? this.#first;
  }

  /** What a request asks for; undefined where it says nothing. @throws SwiftError 400 */
  asked(value: string | undefined): StoragePolicy | undefined {
    if (value === undefined || value === '') return undefined;
    const policy = this.#named(value);
    if (!policy) throw new SwiftError(400, `Invalid X-Storage-Policy ${JSON.stringify(value)}`);
    if (policy.isDeprecated) throw new SwiftError(400, `Storage Policy '${policy.name}' is deprecated`);
    return policy;
  }

  /** What a new container is said to have. */
  propertiesOf(asked: StoragePolicy | undefined): Values {
    const { name } = asked ?? this.#default;
    return name === this.#first.name ? {} : { [POLICY]: name };
  }

  /** By the name that it has now. */
  nameOf(properties: Values): string {
    const said = properties[POLICY];
    return said === undefined ? this.#first.name : (this.#named(said)?.name ?? said);
  }

  #named(name: string): StoragePolicy | undefined {
    const wanted = name.toLowerCase();
    return this.all.find((policy) =>
      [policy.name, ...policy.aliases].some((each) => each.toLowerCase() === wanted),
    );
  }
}
