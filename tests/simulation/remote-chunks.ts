// Owns one device of another host as a program sees it through the simulated network: a call is a message
// there and one back, gives up by itself, and what it carries is copied when it is sent, as a wire does.

import { Fault, isFault } from '#core/kernel/errors.ts';
import type {
  Chunk,
  ChunkId,
  ChunkInfo,
  ChunkStore,
  ChunkStoreStatus,
  ListOptions,
} from '#storage-nodes/chunks/chunk-store.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Life } from './world.ts';

const CALL_TIMEOUT_MS = 2_000;
const LIST_PAGE = 16;

/** The far end of calls. */
export interface ServedDevice {
  readonly host: string;
  /** Undefined where nothing listens: the call is refused at once. */
  serving(): { readonly life: Life; readonly store: ChunkStore } | undefined;
}

export class RemoteChunks implements NodeChunks {
  readonly #network: SimulatedNetwork;
  readonly #life: Life;
  readonly #device: ServedDevice;

  constructor(network: SimulatedNetwork, life: Life, device: ServedDevice) {
    this.#network = network;
    this.#life = life;
    this.#device = device;
  }

  put(chunk: Chunk): Promise<void> {
    const sent = {
      id: Uint8Array.from(chunk.id),
      data: Uint8Array.from(chunk.data),
      checksums: Uint32Array.from(chunk.checksums),
      owner: chunk.owner,
    };
    return this.#call(`put ${short(chunk.id)}`, (store) => store.put(sent));
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    const asked = Uint8Array.from(id);
    const bytes = await this.#call(`read ${short(id)}`, async (store) =>
      Uint8Array.from(await store.read(asked, offset, length)),
    );
    if (target === undefined) return bytes;
    target.set(bytes);
    return target.subarray(0, bytes.length);
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    const asked = Uint8Array.from(id);
    return this.#call(`stat ${short(id)}`, (store) => store.stat(asked));
  }

  delete(id: ChunkId): Promise<void> {
    const asked = Uint8Array.from(id);
    return this.#call(`delete ${short(id)}`, (store) => store.delete(asked));
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ChunkInfo> {
    let start = options;
    for (;;) {
      const asked = start;
      const page = await this.#call('list', async (store) => {
        const infos: ChunkInfo[] = [];
        for await (const info of store.list(asked)) {
          infos.push({ ...info, id: Uint8Array.from(info.id) });
          if (infos.length >= LIST_PAGE) break;
        }
        return infos;
      });
      yield* page;
      const last = page.at(-1);
      if (!last || page.length < LIST_PAGE) return;
      start = { ...options, after: last.id };
    }
  }

  digests(partitionPower: number, partitions: Uint32Array): Promise<Uint32Array> {
    return this.#call('digests', (store) => store.digests(partitionPower, partitions));
  }

  probe(): Promise<void> {
    return this.#call('probe', (store) => store.probe());
  }

  status(): Promise<ChunkStoreStatus> {
    return this.#call('status', async (store) => store.status());
  }

  #call<T>(what: string, run: (store: ChunkStore) => Promise<T>): Promise<T> {
    const life = this.#life;
    const { host } = this.#device;
    return new Promise((resolve, reject) => {
      const reply = (settle: () => void, outcome: string) =>
        this.#network.send(host, life.host, `${what}: ${outcome}`, () => {
          if (life.isAlive) settle();
        });
      life.after(CALL_TIMEOUT_MS, () => reject(new Error(`${host} did not answer`)));
      this.#network.send(life.host, host, what, () => {
        const serving = this.#device.serving();
        if (!serving) return reply(() => reject(new Error(`${host} refuses connections`)), 'refused');
        run(serving.store).then(
          (value) => serving.life.isAlive && reply(() => resolve(value), 'done'),
          (error) => serving.life.isAlive && reply(() => reject(sentError(error)), 'failed'),
        );
      });
    });
  }
}

const short = (id: ChunkId) => Buffer.from(id).toString('hex', 0, 4) + id[19];

function sentError(error: unknown): Error {
  if (isFault(error)) return new Fault(error.code, error.message);
  return new Error(String(error));
}
