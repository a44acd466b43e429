// Owns the attack on one port: many connections at once, on each several hostile requests one behind the
// other and then a legal one, which must get its own answer. Guarantee: a request that is not answered, or is
// answered twice, and a connection that hangs, are found.

import { connect, type Socket } from 'node:net';
import { type Answer, AnswerReader } from './answers.ts';
import { type Dialect, type HostileCase, type Probe, SMUGGLED, written } from './dialect.ts';
import { hostileCase } from './hostile-cases.ts';

export interface AttackOptions {
  readonly dialect: Dialect;
  readonly port: number;
  readonly seed: number;
  /** Which cases: from 0 to here, or those alone. */
  readonly cases: number | readonly number[];
  readonly connections?: number;
  /** Told how many cases are over. */
  readonly progress?: (done: number) => void;
}

export interface Findings {
  /** What was answered wrongly, by case; the first of them. */
  readonly complaints: readonly string[];
  /** How often, by status; `none` where the connection ended without an answer. */
  readonly answers: Readonly<Record<string, number>>;
  /** Legal requests that were answered rightly. */
  readonly probes: number;
}

const COMPLAINTS_MAX = 20;
const AT_ONCE = 8;
const HANGS_AFTER_MS = 20_000;
const TICK_MS = 1_000;

export async function attack(options: AttackOptions): Promise<Findings> {
  const run = new Attack(options);
  await run.all();
  return run;
}

/** What a connection is asked, in order. */
type Asked =
  | { readonly hostile: HostileCase; readonly probe?: never }
  | { readonly probe: Probe; readonly hostile?: never };

class Attack implements Findings {
  readonly complaints: string[] = [];
  readonly answers: Record<string, number> = {};
  probes = 0;
  readonly #options: AttackOptions;
  readonly #waiting = new Set<Wait>();
  #next = 0;
  #done = 0;
  #probed = 0;

  constructor(options: AttackOptions) {
    this.#options = options;
  }

  async all(): Promise<void> {
    const watchdog = setInterval(() => {
      for (const wait of this.#waiting) wait.tick();
    }, TICK_MS);
    const lanes = Array.from({ length: this.#options.connections ?? 16 }, () => this.#lane());
    await Promise.all(lanes);
    clearInterval(watchdog);
  }

  #take(): HostileCase[] {
    const { cases, dialect, seed } = this.#options;
    const drawn: HostileCase[] = [];
    const total = typeof cases === 'number' ? cases : cases.length;
    while (drawn.length < AT_ONCE && this.#next < total) {
      const index = this.#next++;
      drawn.push(hostileCase(dialect, seed, typeof cases === 'number' ? index : (cases[index] as number)));
    }
    return drawn;
  }

  async #lane(): Promise<void> {
    let socket: Socket | undefined;
    for (let drawn = this.#take(); drawn.length > 0; drawn = this.#take()) {
      const ones = drawn.filter(({ answers }) => answers === 'one');
      const probe = { probe: this.#options.dialect.probe(this.#probed++) };
      socket = await this.#inARow(socket, [...ones.map((hostile) => ({ hostile })), probe]);
      for (const hostile of drawn) if (hostile.answers === 'last') await this.#alone(hostile, 'and end');
      this.#done += drawn.length;
      this.#options.progress?.(this.#done);
      if (this.complaints.length >= COMPLAINTS_MAX) break;
    }
    socket?.destroy();
  }

  /** Asks all of them, on further connections where one is closed. @returns the one that is still open */
  async #inARow(open: Socket | undefined, asked: readonly Asked[]): Promise<Socket | undefined> {
    let socket = open?.destroyed || open?.readableEnded ? undefined : open;
    let left = asked;
    while (left.length > 0) {
      socket ??= await opened(this.#options.port);
      const wait = new Wait(socket, left.map(methodOf), () => this.#hangs(left));
      const bytes = Buffer.concat(left.map(bytesOf));
      const answers = await this.#until(wait, () => socket?.write(bytes));
      for (const [index, answer] of answers.entries()) this.#judge(left[index], answer, left);
      if (wait.broken !== undefined) this.#complain(left[answers.length]?.hostile, wait.broken);
      if (wait.stray !== '' && answers.length === left.length) {
        this.#complain(left.at(-2)?.hostile, `was answered with more than an answer: ${wait.stray}`);
      }
      if (!wait.isOver) {
        this.#rest(socket);
        return socket;
      }
      socket = undefined;
      left = left.slice(answers.length);
      const first = left[0];
      if (answers.length > 0 || !first) continue;
      // What comes behind it may have kept its answer from us.
      if (first.hostile) await this.#alone(first.hostile, 'and wait');
      else this.#complain(undefined, 'a legal request was not answered');
      left = left.slice(1);
    }
    return socket;
  }

  /** Until it is asked again. */
  #rest(socket: Socket): void {
    socket.removeAllListeners();
    socket.on('error', () => socket.destroy());
    socket.on('data', () => this.#complain(undefined, 'bytes came that nobody had asked for'));
  }

  async #alone(hostile: HostileCase, then: 'and end' | 'and wait'): Promise<void> {
    const socket = await opened(this.#options.port);
    // As many answers as there may be: the end of the connection is what is waited for.
    const wanted = then === 'and end' ? Number.MAX_SAFE_INTEGER : 1;
    const wait = new Wait(socket, [methodOf({ hostile })], () => this.#hangs([{ hostile }]), wanted);
    const answers = await this.#until(wait, () => {
      if (then === 'and end') socket.end(hostile.bytes);
      else socket.write(hostile.bytes);
    });
    socket.destroy();
    if (wait.broken !== undefined) this.#complain(hostile, wait.broken);
    const [answer, ...more] = answers;
    if (answer) this.#judge({ hostile }, answer, []);
    else {
      this.answers.none = (this.answers.none ?? 0) + 1;
      if (then === 'and wait') this.#complain(hostile, 'was not answered');
    }
    for (const other of more) {
      // What follows what was taken for the whole request is no request: the parser may say so, and ends.
      const ends = other.headers.get('connection')?.toLowerCase() === 'close';
      const ofParser = ends && other.status >= 400 && other.headers.get('content-type') === 'text/plain';
      if (!ofParser) this.#complain(hostile, `was answered again: ${shown(other)}`);
    }
  }

  async #until(wait: Wait, ask: () => void): Promise<readonly Answer[]> {
    this.#waiting.add(wait);
    ask();
    const answers = await wait.over;
    this.#waiting.delete(wait);
    return answers;
  }

  #judge(asked: Asked | undefined, answer: Answer, row: readonly Asked[]): void {
    const hostile = asked?.hostile;
    if (answer.headers.has('x-injected')) this.#complain(hostile, 'put a header into its answer');
    if (
      answer.body.includes(SMUGGLED) &&
      !`${hostile?.draft.path}${hostile?.draft.query}`.includes(SMUGGLED)
    ) {
      if (/<Resource>[^<]*smuggled|could not be found: [^"]*smuggled/.test(answer.body)) {
        this.#complain(hostile, `smuggled a request: ${shown(answer)}`);
      }
    }
    if (hostile) {
      this.answers[answer.status] = (this.answers[answer.status] ?? 0) + 1;
      const complaint = this.#options.dialect.complaint(hostile, answer);
      if (complaint !== undefined) this.#complain(hostile, complaint);
    } else if (asked?.probe?.isAnsweredBy(answer)) this.probes++;
    else {
      const before = row.flatMap(({ hostile: each }) => (each ? [each.id] : [])).join(' ');
      this.#complain(undefined, `a legal request got another's answer behind ${before}: ${shown(answer)}`);
    }
  }

  #hangs(row: readonly Asked[]): void {
    const ids = row.map(({ hostile }) =>
      hostile ? `${hostile.id} (${hostile.what.join(', ')})` : 'a legal one',
    );
    this.#complain(undefined, `a connection hangs behind ${ids.join('; ')}`);
  }

  #complain(hostile: HostileCase | undefined, what: string): void {
    if (this.complaints.length >= COMPLAINTS_MAX) return;
    const request = hostile?.bytes.toString('latin1', 0, 600).replaceAll('\r\n', '\n    ');
    const about = hostile ? `${hostile.id} (${hostile.what.join(', ')}): ` : '';
    this.complaints.push(`${about}${what.slice(0, 1_000)}${request ? `\n    ${request}` : ''}`);
  }
}

/** As it is on the wire. */
const methodOf = (asked: Asked): string => {
  if (asked.probe) return asked.probe.draft.method;
  return asked.hostile.bytes.toString('latin1', 0, 16).split(' ', 1)[0] as string;
};
const bytesOf = ({ hostile, probe }: Asked): Buffer => hostile?.bytes ?? written((probe as Probe).draft);
const shown = ({ status, body }: Answer): string => `${status} ${body.slice(0, 500)}`;

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** For answers, or for the end of the connection. */
class Wait {
  readonly over: Promise<readonly Answer[]>;
  isOver = false;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  readonly #wanted: number;
  readonly #hangs: () => void;
  #resolve!: (answers: readonly Answer[]) => void;
  #quietMs = 0;

  constructor(socket: Socket, methods: readonly string[], hangs: () => void, wanted = methods.length) {
    socket.removeAllListeners();
    this.#socket = socket;
    this.#wanted = wanted;
    this.#hangs = hangs;
    this.#reader = new AnswerReader((index) => methods[index]);
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    socket.on('error', () => this.#finish());
  }

  /** Beyond the answers that were waited for. */
  get stray(): string {
    return this.#reader.rest;
  }

  get broken(): string | undefined {
    return this.#reader.broken;
  }

  /** Of the watchdog. */
  tick(): void {
    this.#quietMs += TICK_MS;
    if (this.#quietMs < HANGS_AFTER_MS) return;
    this.#hangs();
    this.#finish();
  }

  #take(bytes: Buffer): void {
    this.#quietMs = 0;
    this.#reader.feed(bytes);
    const { answers, broken } = this.#reader;
    if (broken !== undefined) this.#finish();
    else if (answers.length >= this.#wanted) {
      // The connection may go on, unless the last of them says that it does not.
      if (answers.at(-1)?.headers.get('connection')?.toLowerCase() === 'close') this.#finish();
      else this.#resolve(answers);
    }
  }

  #finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#socket.destroy();
    this.#resolve(this.#reader.answers);
  }
}
