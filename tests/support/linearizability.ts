// Owns the judge of recorded histories: whether the operations on one key, each with the time of its call and
// of its answer, could have happened one at a time, each at some moment in between. Search after Wing and
// Gong (1993), with Lowe's memory of configurations already tried ("Testing for linearizability", 2017).
// Knows nothing of the program.

/** A key's value; undefined where it names nothing. Every write of a history has a value of its own. */
export type Value = string | undefined;

export type Action =
  | { readonly type: 'read'; readonly found: Value }
  | { readonly type: 'write'; readonly value: string; readonly when?: Condition; readonly outcome: Outcome }
  | { readonly type: 'delete'; readonly outcome: Outcome };

/** `absent`: only where the key names nothing. Otherwise: only where it has this value. */
export type Condition = 'absent' | { readonly value: string };

/** `refused`: the condition did not hold. `unknown`: no answer; it may happen later, or never. */
export type Outcome = 'done' | 'refused' | 'unknown';

export interface Operation {
  readonly calledAt: number;
  readonly answeredAt: number;
  readonly action: Action;
}

/** A call or an answer, in a list by time from which linearized operations are taken out and put back. */
interface Entry {
  readonly index: number;
  readonly operation: Operation;
  /** Of a call: its answer. */
  readonly answer: Entry | undefined;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/** The states after the action, or nothing where it cannot happen in this one. */
function after(state: Value, action: Action): { state: Value } | undefined {
  if (action.type === 'read') return action.found === state ? { state } : undefined;
  if (action.type === 'delete') return { state: undefined };
  const { when, outcome, value } = action;
  const holds = when === undefined || (when === 'absent' ? state === undefined : state === when.value);
  if (outcome === 'refused') return holds ? undefined : { state };
  if (outcome === 'unknown') return { state: holds ? value : state };
  return holds ? { state: value } : undefined;
}

/** True where some order explains every answer, from a key that names nothing. */
export function isLinearizable(operations: readonly Operation[]): boolean {
  const head = entriesByTime(operations);
  const tried = new Set<string>();
  const taken: { call: Entry; before: Value }[] = [];
  let linearized = 0n;
  let state: Value;
  let entry = head.next;
  while (entry) {
    // Answers that never came stand last: whatever was answered is explained.
    if (!entry.answer && entry.operation.answeredAt === Number.POSITIVE_INFINITY) return true;
    const result = entry.answer && after(state, entry.operation.action);
    if (result && entry.answer) {
      const extended = linearized | (1n << BigInt(entry.index));
      const configuration = `${extended.toString(36)} ${result.state}`;
      if (!tried.has(configuration)) {
        tried.add(configuration);
        taken.push({ call: entry, before: state });
        state = result.state;
        linearized = extended;
        takeOut(entry);
        entry = head.next;
        continue;
      }
    }
    if (entry.answer) {
      entry = entry.next;
      continue;
    }
    // Its operation had to happen before this answer and could not: the last choice was wrong.
    const last = taken.pop();
    if (!last) return false;
    state = last.before;
    linearized &= ~(1n << BigInt(last.call.index));
    putBack(last.call);
    entry = last.call.next;
  }
  return true;
}

function entriesByTime(operations: readonly Operation[]): Entry {
  const moments: { at: number; isAnswer: boolean; entry: Entry }[] = [];
  for (const [index, operation] of operations.entries()) {
    const bare = { index, operation, previous: undefined, next: undefined };
    const answer: Entry = { ...bare, answer: undefined };
    const unanswered = operation.action.type !== 'read' && operation.action.outcome === 'unknown';
    const answeredAt = unanswered ? Number.POSITIVE_INFINITY : operation.answeredAt;
    const answered: Entry = { ...answer, operation: { ...operation, answeredAt } };
    moments.push({ at: operation.calledAt, isAnswer: false, entry: { ...bare, answer: answered } });
    moments.push({ at: answeredAt, isAnswer: true, entry: answered });
  }
  moments.sort((a, b) => (a.at === b.at ? Number(a.isAnswer) - Number(b.isAnswer) : a.at - b.at));
  const head = {} as Entry;
  let last = head;
  for (const { entry } of moments) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

function takeOut(call: Entry): void {
  for (const entry of [call, call.answer]) {
    if (entry?.previous) entry.previous.next = entry.next;
    if (entry?.next) entry.next.previous = entry.previous;
  }
}

function putBack(call: Entry): void {
  for (const entry of [call.answer, call]) {
    if (entry?.previous) entry.previous.next = entry;
    if (entry?.next) entry.next.previous = entry;
  }
}
