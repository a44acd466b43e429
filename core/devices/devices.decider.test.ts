// Owns the specification of the decisions on the ring.

import test from 'ava';
import fc from 'fast-check';
import { isRejected } from '#core/kernel/decider.ts';
import { PlacedRing } from '#core/ring/placed-ring.ts';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import type { DevicesCommand } from './devices.commands.ts';
import { devicesDecider as decider } from './devices.decider.ts';
import { type DevicesEvent, devices } from './devices.events.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const shape = { partitionPower: 4, replicas: 3, minMoveIntervalMs: 3_600_000, seed: 1 };
const created: DevicesEvent = { type: 'RingCreated', data: shape };
const added = (device: number, zone: string, weightMilli = 1000): DevicesEvent => ({
  type: 'DeviceAdded',
  data: { device, node: `node-${device}`, zone, weightMilli },
});
const three = [created, added(0, 'a'), added(1, 'b'), added(2, 'c')];

const fold = (history: readonly DevicesEvent[]) =>
  history.reduce(
    (state, event, revision) =>
      decider.evolve(state, event, { stream: 'devices/ring', revision, timeMs: NOW_MS }),
    decider.initial,
  );

function decideAll(history: readonly DevicesEvent[], ...commands: readonly DevicesCommand[]): DevicesEvent[] {
  let all = [...history];
  for (const command of commands) {
    const decided = decider.decide(fold(all), command);
    if (isRejected(decided)) throw new Error(decided.rejected);
    all = [...all, ...decided];
  }
  return all;
}

test('a ring is created once', (t) => {
  const { given } = deciderSpec(t, decider);
  given()
    .when({ type: 'CreateRing', ...shape })
    .then([created]);
  given(created)
    .when({ type: 'CreateRing', ...shape })
    .then({ rejected: 'ring-exists' });
});

test('a ring of impossible shape is refused', (t) => {
  const { given } = deciderSpec(t, decider);
  for (const wrong of [
    { partitionPower: 0 },
    { partitionPower: 19 },
    { replicas: 0 },
    { replicas: 2.5 },
    { minMoveIntervalMs: -1 },
    { seed: 2 ** 32 },
  ])
    given()
      .when({ type: 'CreateRing', ...shape, ...wrong })
      .then({ rejected: 'ring-shape-invalid' });
});

test('without a ring there is nothing to change', (t) => {
  const { given } = deciderSpec(t, decider);
  const commands: DevicesCommand[] = [
    { type: 'AddDevice', node: 'n', zone: 'z', weightMilli: 1000 },
    { type: 'SetDeviceWeight', device: 0, weightMilli: 0 },
    { type: 'RemoveDevice', device: 0 },
    { type: 'Rebalance', nowMs: NOW_MS },
  ];
  for (const command of commands) given().when(command).then({ rejected: 'ring-absent' });
});

test('devices are numbered in the order in which they come, and no number is used again', (t) => {
  const { given } = deciderSpec(t, decider);
  given(created)
    .when({ type: 'AddDevice', node: 'node-0', zone: 'a', weightMilli: 1000 })
    .then([added(0, 'a')]);
  given(created, added(0, 'a'), { type: 'DeviceRemoved', data: { device: 0 } })
    .when({ type: 'AddDevice', node: 'node-1', zone: 'a', weightMilli: 500 })
    .then([added(1, 'a', 500)]);
});

test('a device needs names, a whole weight, and the zone of its node', (t) => {
  const given = () => deciderSpec(t, decider).given(...three);
  const add = { type: 'AddDevice', node: 'n', zone: 'z', weightMilli: 1000 } as const;
  given()
    .when({ ...add, node: '' })
    .then({ rejected: 'device-invalid' });
  given()
    .when({ ...add, zone: 'ü'.repeat(128) })
    .then({ rejected: 'device-invalid' });
  given()
    .when({ ...add, weightMilli: 0.5 })
    .then({ rejected: 'weight-invalid' });
  given()
    .when({ ...add, node: 'node-1' })
    .then({ rejected: 'node-in-other-zone' });
  const last = added(4095, 'd');
  deciderSpec(t, decider).given(created, last).when(add).then({ rejected: 'device-limit' });
});

test('a weight is set once; setting it again changes nothing', (t) => {
  const { given } = deciderSpec(t, decider);
  const set: DevicesEvent = { type: 'DeviceWeightSet', data: { device: 1, weightMilli: 0 } };
  const command = { type: 'SetDeviceWeight', device: 1, weightMilli: 0 } as const;
  given(...three)
    .when(command)
    .then([set]);
  given(...three, set)
    .when(command)
    .then([]);
  given(...three)
    .when({ ...command, device: 3 })
    .then({ rejected: 'device-absent' });
  given(...three)
    .when({ ...command, weightMilli: -1 })
    .then({ rejected: 'weight-invalid' });
});

test('a device is removed once', (t) => {
  const { given } = deciderSpec(t, decider);
  const removed: DevicesEvent = { type: 'DeviceRemoved', data: { device: 1 } };
  given(...three)
    .when({ type: 'RemoveDevice', device: 1 })
    .then([removed]);
  given(...three, removed)
    .when({ type: 'RemoveDevice', device: 1 })
    .then({ rejected: 'device-absent' });
});

test('a rebalance needs a device that may hold data', (t) => {
  const { given } = deciderSpec(t, decider);
  const rebalance = { type: 'Rebalance', nowMs: NOW_MS } as const;
  given(created).when(rebalance).then({ rejected: 'no-devices' });
  given(created, added(0, 'a', 0))
    .when(rebalance)
    .then({ rejected: 'no-devices' });
});

test('the first rebalance places everything, a second one has nothing to do', (t) => {
  const history = decideAll(three, { type: 'Rebalance', nowMs: NOW_MS });
  const rebalanced = history.at(-1);
  t.is(rebalanced?.type, 'RingRebalanced');
  if (rebalanced?.type !== 'RingRebalanced') return;
  t.is(rebalanced.data.version, 1);
  t.is(rebalanced.data.moved, 48);
  const { ring } = fold(history);
  t.deepEqual(ring?.encode(), PlacedRing.decode(rebalanced.data.table).encode());
  t.is(ring?.primaries(7).length, 3);
  deciderSpec(t, decider)
    .given(...history)
    .when({ type: 'Rebalance', nowMs: NOW_MS })
    .then([]);
});

test('a changed weight makes a new version even where no replica can move', (t) => {
  const history = decideAll(
    three,
    { type: 'Rebalance', nowMs: NOW_MS },
    { type: 'SetDeviceWeight', device: 0, weightMilli: 2000 },
    { type: 'Rebalance', nowMs: NOW_MS },
  );
  const rebalanced = history.at(-1);
  t.like(rebalanced, { type: 'RingRebalanced', data: { version: 2, moved: 0 } });
  t.is(fold(history).ring?.devices[0]?.weight, 2);
});

test('a table that would not fit into an event is refused', (t) => {
  const history = [
    { type: 'RingCreated', data: { ...shape, partitionPower: 18, replicas: 7 } } as const,
    added(0, 'a'),
  ];
  deciderSpec(t, decider)
    .given(...history)
    .when({ type: 'Rebalance', nowMs: NOW_MS })
    .then({ rejected: 'ring-too-large' });
});

const command = fc.oneof(
  fc.record({
    type: fc.constant('AddDevice' as const),
    node: fc.integer({ min: 0, max: 6 }).map((node) => `node-${node}`),
    zone: fc.integer({ min: 0, max: 3 }).map((zone) => `zone-${zone}`),
    weightMilli: fc.nat(3000),
  }),
  fc.record({
    type: fc.constant('SetDeviceWeight' as const),
    device: fc.nat(6),
    weightMilli: fc.nat(3000),
  }),
  fc.record({ type: fc.constant('RemoveDevice' as const), device: fc.nat(6) }),
  fc.record({ type: fc.constant('Rebalance' as const), nowMs: fc.integer({ min: NOW_MS, max: NOW_MS * 2 }) }),
);

test('whatever is commanded, events are legal and encodable, and the ring holds no removed device', (t) => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      let history: DevicesEvent[] = [created];
      for (const each of commands) {
        const decided = decider.decide(fold(history), each);
        if (isRejected(decided)) continue;
        for (const event of decided) {
          t.is(devices.next('ready', event.type), 'ready');
          const decoded = devices.decode(event.type, devices.encode(event));
          history = [...history, decoded];
        }
      }
      const rebalanced = decider.decide(fold(history), { type: 'Rebalance', nowMs: NOW_MS * 2 });
      if (isRejected(rebalanced)) {
        t.is(rebalanced.rejected, 'no-devices');
        return;
      }
      const { ring, devices: present } = fold([...history, ...rebalanced]);
      t.deepEqual(ring?.devices, present);
    }),
    { numRuns: 60 },
  );
});

const DISK = ['0', '1', '2', '3'].map((digit) => digit.repeat(32));
const joining = (
  node: string,
  zone: string,
  ...disks: (string | undefined)[]
): Extract<DevicesCommand, { type: 'JoinNode' }> => ({
  ...({ type: 'JoinNode', node, zone, address: `${node}:7000`, controlAddress: `${node}:7001` } as const),
  ...{ disks: disks.map((disk) => disk ?? ''), firstNodes: 3, nowMs: NOW_MS },
});
const joinedThree = decideAll(
  [created],
  joining('a', 'x', DISK[0]),
  joining('b', 'y', DISK[1]),
  joining('c', 'z', DISK[2]),
);

test('nodes join with their disks, and the last of the first ones brings the ring', (t) => {
  t.deepEqual(
    joinedThree.map(({ type }) => type),
    ['RingCreated', ...Array(3).fill(['NodeJoined', 'DeviceAdded']).flat(), 'RingRebalanced'],
  );
  t.is(fold(joinedThree).ring?.primaries(0).length, 3);
});

test('joining again changes nothing but an address', (t) => {
  const given = () => deciderSpec(t, decider).given(...joinedThree);
  given()
    .when(joining('b', 'y', DISK[1]))
    .then([]);
  given()
    .when({ ...joining('b', 'y', DISK[1]), address: 'elsewhere:1' })
    .then([
      {
        type: 'NodeAddressChanged',
        data: { node: 'b', address: 'elsewhere:1', controlAddress: 'b:7001' },
      },
    ]);
});

test('who joins when there is a ring stands by', (t) => {
  const state = fold(decideAll(joinedThree, joining('d', 'x', DISK[3])));
  t.like(state.devices.at(-1), { node: 'd', weight: 0, disk: DISK[3] });
  t.is(state.ring?.version, 1);
});

test('a node that is not who it says is refused', (t) => {
  const given = () => deciderSpec(t, decider).given(...joinedThree);
  given()
    .when(joining('b', 'x', DISK[1]))
    .then({ rejected: 'node-in-other-zone' });
  given()
    .when(joining('b', 'y', DISK[3]))
    .then({ rejected: 'node-name-taken' });
  given()
    .when(joining('d', 'y', DISK[1]))
    .then({ rejected: 'disk-of-other-node' });
  given().when(joining('d', 'y')).then({ rejected: 'device-invalid' });
  given()
    .when(joining('d', 'y', 'no-id'))
    .then({ rejected: 'device-invalid' });
});

test('a node is removed when it holds nothing, or when it is gone for good', (t) => {
  const given = (...more: DevicesEvent[]) => deciderSpec(t, decider).given(...joinedThree, ...more);
  const removed: DevicesEvent[] = [
    { type: 'DeviceRemoved', data: { device: 1 } },
    { type: 'NodeLeft', data: { node: 'b' } },
  ];
  given().when({ type: 'RemoveNode', node: 'nobody', gone: true }).then({ rejected: 'node-absent' });
  given().when({ type: 'RemoveNode', node: 'b', gone: false }).then({ rejected: 'node-holds-data' });
  given().when({ type: 'RemoveNode', node: 'b', gone: true }).then(removed);
  given(...removed)
    .when(joining('b', 'y', DISK[1]))
    .then({ rejected: 'disk-retired' });
  const drained = decideAll(
    joinedThree,
    joining('d', 'y', DISK[3]),
    { type: 'SetDeviceWeight', device: 1, weightMilli: 0 },
    { type: 'SetDeviceWeight', device: 3, weightMilli: 1_000 },
    { type: 'Rebalance', nowMs: NOW_MS },
  );
  deciderSpec(t, decider)
    .given(...drained)
    .when({ type: 'RemoveNode', node: 'b', gone: false })
    .then(removed);
});
