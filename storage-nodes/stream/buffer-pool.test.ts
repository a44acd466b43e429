// Owns the proof that buffers are recycled, and let go when nobody needs them.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { BufferPool } from './buffer-pool.ts';

/** Lets what a woken sleeper does come to pass. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

function createPool() {
  const clock = new ManualClock();
  const dropped: SharedArrayBuffer[] = [];
  const pool = new BufferPool({ clock, dropped: (memory) => dropped.push(memory) });
  const passIdleTime = async () => {
    clock.advance(limits.streamBufferIdleMs);
    await settle();
  };
  return { pool, dropped, passIdleTime };
}

test('a buffer has room for a chunk and a block, lies in shared memory, and comes back warm', (t) => {
  const { pool } = createPool();
  const first = pool.take();
  const second = pool.take();
  t.is(first.length, limits.chunkBytes + limits.blockBytes);
  t.true((first.buffer as unknown) instanceof SharedArrayBuffer);
  pool.give(second);
  pool.give(first);
  t.is(pool.take(), first, 'the one given back last is the warmest');
  t.is(pool.take(), second);
  t.is(pool.buffersOut, 2);
  t.throws(() => {
    for (let i = 0; i < 3; i++) pool.give(first);
  });
  pool.close();
});

test('buffers that were not needed for a while are dropped, those in use are kept', async (t) => {
  const { pool, dropped, passIdleTime } = createPool();
  const buffers = Array.from({ length: 5 }, () => pool.take());
  for (const buffer of buffers) pool.give(buffer);
  await passIdleTime();
  t.is(pool.idleBuffers, 4, 'only one was idle from the start of the period');
  // Two at a time are in use now and then.
  const [a, b] = [pool.take(), pool.take()];
  pool.give(a);
  pool.give(b);
  await passIdleTime();
  t.is(pool.idleBuffers, 2);
  t.is(dropped.length, 3);
  t.false(dropped.includes(a.buffer as unknown as SharedArrayBuffer));
  await passIdleTime();
  t.is(pool.idleBuffers, 0, 'a whole period without use');
  t.is(dropped.length, 5);
  const again = pool.take();
  pool.give(again);
  await passIdleTime();
  t.is(dropped.length, 6, 'the watch begins anew');
});

test('a buffer that somebody may still read never comes back', (t) => {
  const { pool, dropped } = createPool();
  const lost = pool.take();
  pool.lose(lost);
  t.is(pool.buffersOut, 0);
  t.deepEqual(dropped, [lost.buffer as unknown as SharedArrayBuffer]);
  t.not(pool.take(), lost);
  pool.close();
});

test('a closed pool keeps nothing, not even what comes back late', async (t) => {
  const { pool, dropped } = createPool();
  const late = pool.take();
  pool.give(pool.take());
  pool.close();
  t.is(dropped.length, 1);
  await settle();
  pool.give(late);
  await settle();
  t.is(dropped.length, 2);
  t.is(pool.idleBuffers, 0);
});
