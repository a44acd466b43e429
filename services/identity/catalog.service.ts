// Owns the use cases of the catalog and of the limits of projects. What the cloud itself serves is in the
// catalog by configuration, since its addresses change with each start; the log has what operators added.

import {
  type CatalogCommand,
  catalogDecider,
  type QuotaCommand,
  quotaDecider,
} from '#core/identity/catalog.decider.ts';
import { catalog, quotas } from '#core/identity/catalog.events.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import type { Actor } from '#core/log/event-log.ts';
import type { CatalogRejection } from './identity.ts';
import { type IdentityContext, run } from './identity-context.ts';

/** Each family is one stream. */
const ALL = 'all';

export class CatalogUseCases {
  readonly #context: IdentityContext;

  constructor(context: IdentityContext) {
    this.#context = context;
  }

  changeCatalog(actor: Actor, command: CatalogCommand): Promise<undefined | Rejection<CatalogRejection>> {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: catalogDecider, lifecycle: catalog, id: ALL, command, actor },
      state: () => ({ status: 'open' as const, ...identity.catalog() }),
      revision: () => identity.catalog().revision,
    });
  }

  changeLimits(actor: Actor, command: QuotaCommand): Promise<undefined | Rejection<CatalogRejection>> {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: quotaDecider, lifecycle: quotas, id: ALL, command, actor },
      state: () => ({ status: 'open' as const, ...identity.quotas() }),
      revision: () => identity.quotas().revision,
    });
  }
}
