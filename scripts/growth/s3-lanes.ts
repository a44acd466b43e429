// Owns the clients of the measures of growth: many connections at once, each request of which must succeed.

import { S3Connection, type Target } from '../bench/s3-connection.ts';

const BUCKET = '/growth';

/** Keys of a million objects in a thousand folders, in no order of time. */
function keyOf(index: number): string {
  const mixed = (Math.imul(index, 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return `${BUCKET}/folder-${mixed.slice(0, 3)}/${mixed}-${index}`;
}

const pool = Buffer.from(Array.from({ length: 1 << 17 }, (_, at) => (at * 131 + (at >> 8) * 17) & 255));

function bodyOf(index: number, sizeBytes: number): Buffer {
  const from = (index * 7_919) % (pool.length - sizeBytes);
  return pool.subarray(from, from + sizeBytes);
}

export class S3Lanes {
  readonly #connections: readonly S3Connection[];

  private constructor(connections: readonly S3Connection[]) {
    this.#connections = connections;
  }

  static async open(target: Target, lanes: number): Promise<S3Lanes> {
    const connections = Array.from({ length: lanes }, () => new S3Connection(target));
    await Promise.all(connections.map((connection) => connection.open()));
    return new S3Lanes(connections);
  }

  async makeBucket(): Promise<void> {
    await this.#connections[0]?.request('PUT', BUCKET, '');
  }

  put(from: number, to: number, sizeBytes: number): Promise<void> {
    return this.#each(from, to, async (connection, index) => {
      const { status } = await connection.request('PUT', keyOf(index), '', bodyOf(index, sizeBytes));
      if (status !== 200) throw new Error(`PUT answered ${status}`);
    });
  }

  /** Of objects in no order; every byte is compared. */
  get(count: number, objects: number, sizeBytes: number): Promise<void> {
    return this.#each(0, count, async (connection, turn) => {
      const index = (Math.imul(turn + 1, 40_503) >>> 0) % objects;
      const expected = bodyOf(index, sizeBytes);
      const { status, matches } = await connection.request('GET', keyOf(index), '', undefined, expected);
      if (status !== 200 || !matches) throw new Error(`GET answered ${status}`);
    });
  }

  /** Pages of 1,000 keys, each from another place of the bucket. */
  list(pages: number, objects: number): Promise<void> {
    return this.#each(0, pages, async (connection, turn) => {
      const after = keyOf((turn * 7_919) % objects).slice(BUCKET.length + 1);
      const query = `list-type=2&max-keys=1000&start-after=${encodeURIComponent(after)}`;
      const { status } = await connection.request('GET', BUCKET, query);
      if (status !== 200) throw new Error(`the list answered ${status}`);
    });
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  async #each(
    from: number,
    to: number,
    request: (connection: S3Connection, index: number) => Promise<void>,
  ): Promise<void> {
    let next = from;
    const lane = async (connection: S3Connection) => {
      while (next < to) await request(connection, next++);
    };
    await Promise.all(this.#connections.map(lane));
  }
}
