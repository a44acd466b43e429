// Draws docs/growth.svg from docs/growth.jsonl, the lines that the measures of growth printed: `tsx
// scripts/growth/draw.ts`. Four plots; along the bottom each step is as many times the one before.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '#tests/support/source-files.ts';

type Line = Readonly<Record<string, unknown>>;

interface Series {
  readonly name: string;
  /** Of one line, by its path in it: `putMicros.gateway`. */
  readonly of: string;
  readonly colour: string;
}

interface Plot {
  readonly title: string;
  readonly growth: string;
  readonly along: string;
  readonly series: readonly Series[];
}

const [RED, BLUE, GREEN] = ['#b33', '#36c', '#293'] as const;
const PLOTS: readonly Plot[] = [
  {
    title: 'processor time of a request, µs',
    ...{ growth: 'objects', along: 'objects' },
    series: [
      { name: 'PUT', of: 'putMicros', colour: RED },
      { name: 'GET', of: 'getMicros', colour: BLUE },
    ],
  },
  {
    title: 'memory of one process that is the whole cloud, MiB',
    ...{ growth: 'objects', along: 'objects' },
    series: [
      { name: 'under load', of: 'residentMib', colour: RED },
      { name: 'started anew', of: 'orderly.residentMib', colour: BLUE },
    ],
  },
  {
    title: 'processor time of a request, µs',
    ...{ growth: 'nodes', along: 'nodes' },
    series: [
      { name: 'PUT, all nodes', of: 'putMicros.nodes', colour: RED },
      { name: 'PUT, gateway', of: 'putMicros.gateway', colour: BLUE },
      { name: 'GET, both', of: 'getMicros', colour: GREEN },
    ],
  },
  {
    title: 'processor time of an event, µs',
    ...{ growth: 'events', along: 'events' },
    series: [
      { name: 'append', of: 'appendMicros', colour: RED },
      { name: 'verify', of: 'verifyMicros', colour: BLUE },
      { name: 'replay', of: 'replayMicros', colour: GREEN },
    ],
  },
];

const WIDTH = 420;
const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [55, 35, 55, 35];
const COLUMNS = 2;

const lines: readonly Line[] = readFileSync(join(root, 'docs/growth.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((text) => JSON.parse(text));

function valueIn(line: Line, path: string): number {
  const value = path.split('.').reduce<unknown>((within, name) => (within as Line)[name], line);
  if (typeof value === 'number') return value;
  return Object.values(value as Readonly<Record<string, number>>).reduce((total, each) => total + each, 0);
}

/** A round number not below the largest, of which a quarter is round too. */
function roundAbove(largest: number): number {
  const ten = 10 ** Math.floor(Math.log10(largest));
  return ten * ([1, 2, 4, 6, 8, 10].find((step) => step * ten >= largest) ?? 10);
}

function draw({ title, growth, along, series }: Plot): string {
  const rows = lines.filter((line) => line.growth === growth);
  const xs = rows.map((row) => valueIn(row, along));
  const [first = 1, last = 1] = [xs[0], xs.at(-1)];
  const top = roundAbove(Math.max(...series.flatMap(({ of }) => rows.map((row) => valueIn(row, of)))));
  const x = (value: number) =>
    LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(value / first)) / Math.log(last / first);
  const y = (value: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top;
  const text = (at: number, down: number, words: string, more = '') =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${words}</text>`;
  const parts = [text(LEFT, 18, title, 'font-weight="bold"')];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const at = y(top * share).toFixed(1);
    parts.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#ddd"/>`);
    parts.push(text(LEFT - 6, y(top * share) + 4, String(top * share), 'text-anchor="end"'));
  }
  for (const value of xs) {
    parts.push(text(x(value), HEIGHT - BOTTOM + 16, value.toLocaleString('en'), 'text-anchor="middle"'));
  }
  parts.push(text(WIDTH - RIGHT, HEIGHT - 3, along, 'text-anchor="end" fill="#666"'));
  for (const [index, { name, of, colour }] of series.entries()) {
    const points = rows.map(
      (row) => `${x(valueIn(row, along)).toFixed(1)},${y(valueIn(row, of)).toFixed(1)}`,
    );
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of points) {
      const [cx, cy] = point.split(',');
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`);
    }
    parts.push(text(LEFT + 120 * index, 38, name, `fill="${colour}"`));
  }
  return parts.join('\n');
}

const plots = PLOTS.map((plot, index) => {
  const [right, down] = [(index % COLUMNS) * WIDTH, Math.floor(index / COLUMNS) * HEIGHT];
  return `<g transform="translate(${right} ${down})">\n${draw(plot)}\n</g>`;
});
const [width, height] = [COLUMNS * WIDTH, Math.ceil(PLOTS.length / COLUMNS) * HEIGHT];
writeFileSync(
  join(root, 'docs/growth.svg'),
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}"`,
    `  font-family="sans-serif" font-size="11">`,
    '<title>How the cost grows with objects, nodes and events</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...plots,
    '</svg>',
    '',
  ].join('\n'),
);
