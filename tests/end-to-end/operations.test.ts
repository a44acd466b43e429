// Owns the proof that docs/OPERATIONS.md tells the truth about metrics and alerts: every metric that a
// program exports is explained there, nothing else is, and no rule of docs/alerts.yml asks for another.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { root } from '#tests/support/source-files.ts';

const operations = readFileSync(join(root, 'docs/OPERATIONS.md'), 'utf8');
const rules = readFileSync(join(root, 'docs/alerts.yml'), 'utf8');

/** Of Prometheus itself: whether it reached the part. */
const OF_PROMETHEUS = ['up'];
/** Words of PromQL that these rules use. */
const PROMQL = 'abs|and|by|histogram_quantile|increase|max|min|or|rate|sum|time';

interface Rule {
  readonly alert: string;
  readonly expression: string;
}

/** Rules as docs/alerts.yml writes them: the expression on one line, or folded on the following ones. */
function rulesIn(text: string): Rule[] {
  return text.split(/^ *- alert: /m).flatMap((part, index) => {
    const expression = /^ *expr: (?:>-\n)?([\s\S]*?)\n *(?:for|annotations):/m.exec(part)?.[1];
    const alert = part.slice(0, part.indexOf('\n'));
    return index > 0 && expression !== undefined ? [{ alert, expression }] : [];
  });
}

function metricsIn({ expression }: Rule): string[] {
  const bare = expression.replace(/\{[^}]*\}|\[[^\]]*\]|\b(by) \([^)]*\)/g, ' ');
  const words = bare.match(/[a-zA-Z_:][\w:]*/g) ?? [];
  return words.filter((word) => !new RegExp(`^(${PROMQL})$`).test(word));
}

async function exportedBy(
  part: { readonly endpoints: { readonly admin: string } } | undefined,
): Promise<string> {
  return (await fetch(`${part?.endpoints.admin}/metrics`)).text();
}

function namesIn(page: string): Set<string> {
  return new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name));
}

test('what OPERATIONS.md and alerts.yml name is what the programs export', async (t) => {
  const cluster = await ClusterProcesses.start();
  t.teardown(() => cluster.remove());
  const pages = await Promise.all([
    exportedBy(cluster.gateways[0]?.ready),
    exportedBy(cluster.nodes[0]?.ready),
  ]);
  const exported = namesIn(pages.join('\n'));
  t.true(exported.has('strata_wire_calls_total') && exported.has('strata_s3_requests_total'));
  const named = new Set(
    [...operations.matchAll(/`((?:strata|process|nodejs)_[a-z0-9_]+)`/g)].map(([, name = '']) => name),
  );
  t.deepEqual(
    [...exported].filter((name) => !named.has(name)),
    [],
    'exported, but not in OPERATIONS.md',
  );
  t.deepEqual(
    [...named].filter((name) => !exported.has(name)),
    [],
    'in OPERATIONS.md, but not exported',
  );
  // A histogram has its buckets under names of their own.
  const askable = new Set([...exported, ...OF_PROMETHEUS]);
  for (const name of exported) for (const of of ['bucket', 'sum', 'count']) askable.add(`${name}_${of}`);
  const asked = rulesIn(rules).flatMap((rule) => metricsIn(rule).map((name) => `${rule.alert}: ${name}`));
  t.deepEqual(
    asked.filter((each) => !askable.has(each.split(': ')[1] ?? '')),
    [],
    'asked for by an alert, but not exported',
  );
});

test('every alert asks for something, and is explained under its name', (t) => {
  const alerts = rulesIn(rules);
  t.is(alerts.length, (rules.match(/- alert:/g) ?? []).length);
  for (const rule of alerts) t.true(metricsIn(rule).length > 0, rule.alert);
  const explained = [...operations.matchAll(/^\| `(Strata\w+)` \|/gm)].map(([, name]) => name);
  t.deepEqual(
    alerts.map(({ alert }) => alert),
    explained,
  );
});
