// Owns what an application credential was restricted to: some calls of some services.

import type { Token } from './tokens.service.ts';

/** @param paths of the call, each as a rule may have it */
export function isWithinRules(
  { applicationCredential }: Token,
  service: string,
  method: string | undefined,
  paths: readonly string[],
): boolean {
  const rules = applicationCredential?.accessRules ?? [];
  if (rules.length === 0) return true;
  return rules.some(
    (rule) =>
      rule.service === service &&
      rule.method === method &&
      paths.some((path) => patternOf(rule.path).test(path)),
  );
}

/** `*` and `{name}` stand for one segment, `**` for any number. */
function patternOf(path: string): RegExp {
  const parts = path.split(/(\*\*|\*|\{[^}]*\})/);
  const expressions = parts.map((part) => {
    if (part === '**') return '.*';
    if (part === '*' || /^\{.*\}$/.test(part)) return '[^/]+';
    return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${expressions.join('')}$`);
}
