// Owns the comparison of the evaluator with the naive one, on random policies and requests.

import { seededRandom } from '#core/kernel/random.ts';
import { conditionKey } from '#core/policy/conditions.ts';
import { evaluatePolicy, type Policy, readPolicy, type Vocabulary } from '#core/policy/policy.ts';
import { Chance } from '#tests/simulation/world.ts';
import { type NaiveRequest, naiveVerdict } from './naive-policy.ts';
import { randomPolicy, randomRequest } from './random-policies.ts';

/** Of a service that knows every word. */
export const ANY_VOCABULARY: Vocabulary = {
  isAction: () => true,
  isResource: () => true,
  isKey: () => true,
  refuses: () => undefined,
};

const REQUESTS_OF_ONE = 10;

export function verdictOf(policy: Policy, request: NaiveRequest): ReturnType<typeof evaluatePolicy> {
  const { accountId, arn, canonicalId, isLetByAccount, action, resource, values } = request;
  return evaluatePolicy(policy, {
    principal: { accountId, arn, canonicalId, isLetByAccount },
    action,
    resource,
    values: (key) => values[conditionKey(key)],
  });
}

/** How often each verdict was given, and where the two evaluators differ. */
export function comparedPolicies(seed: number, count: number) {
  const chance = new Chance(seededRandom(seed));
  const verdicts = { allow: 0, deny: 0, none: 0 };
  const differences: string[] = [];
  for (let drawn = 0; drawn < count / REQUESTS_OF_ONE; drawn++) {
    const document = randomPolicy(chance);
    const policy = readPolicy(JSON.stringify(document), ANY_VOCABULARY);
    if ('malformed' in policy) {
      differences.push(`${policy.malformed} ${JSON.stringify(document)}`);
      continue;
    }
    for (let asked = 0; asked < REQUESTS_OF_ONE; asked++) {
      const request = randomRequest(chance);
      const verdict = verdictOf(policy, request);
      verdicts[verdict] += 1;
      const naive = naiveVerdict(document, request);
      if (naive !== verdict) differences.push(JSON.stringify({ verdict, naive, document, request }));
    }
  }
  return { verdicts, differences };
}
