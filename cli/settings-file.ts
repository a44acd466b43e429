// Owns the reading of the operator's files of settings, in JSON. Guarantee: what is misspelt or out of its
// range stops the program with a sentence that names it; nothing is guessed.

import { readFileSync } from 'node:fs';
import { CommandFailed } from './failure.ts';

/** @throws CommandFailed */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** @throws CommandFailed */
export function settingsIn(file: string): Settings {
  const text = readText(file);
  try {
    return new Settings(JSON.parse(text), file);
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** An object of the file; what it has is taken out field by field. */
export class Settings {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #taken = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new CommandFailed(`${path} must be an object.`);
    }
    this.#values = value as Record<string, unknown>;
    this.#path = path;
  }

  within(name: string): Settings | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : new Settings(value, `${this.#path}: ${name}`);
  }

  names(): readonly string[] {
    return Object.keys(this.#values);
  }

  required(name: string): Settings {
    const value = this.within(name);
    if (!value) throw this.wrong(name, 'there');
    return value;
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (!value) throw this.wrong(name, 'there');
    return value;
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.text(name);
    const choice = choices.find((each) => each === value);
    if (value !== undefined && choice === undefined) throw this.wrong(name, `one of ${choices.join(', ')}`);
    return choice;
  }

  /** What stands in a file that is named. */
  file(name: string): string | undefined {
    const path = this.text(name);
    return path === undefined ? undefined : readText(path);
  }

  /** One at least. */
  texts(name: string): readonly string[] {
    const value = this.#take(name);
    const isText = (each: unknown): each is string => typeof each === 'string' && each !== '';
    if (!Array.isArray(value) || value.length === 0 || !value.every(isText)) {
      throw this.wrong(name, 'a list of texts');
    }
    return value;
  }

  /** None where it is not there. */
  optionalTexts(name: string): readonly string[] {
    return this.#values[name] === undefined ? [] : this.texts(name);
  }

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value !== undefined && typeof value !== 'string') throw this.wrong(name, 'text');
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value !== undefined && typeof value !== 'boolean') throw this.wrong(name, 'true or false');
    return value;
  }

  whole(name: string, least: number, most: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const isWhole = typeof value === 'number' && Number.isInteger(value);
    if (!isWhole || value < least || value > most) {
      throw this.wrong(name, `a whole number from ${least} to ${most}`);
    }
    return value;
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw this.wrong(name, `a number from ${least} to ${most}`);
    }
    return value;
  }

  pattern(name: string): RegExp | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    try {
      return new RegExp(value, 'u');
    } catch {
      throw this.wrong(name, 'a regular expression');
    }
  }

  /** @throws CommandFailed where there is a field that nobody took */
  nothingElse(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#taken.has(name));
    if (unknown !== undefined) throw new CommandFailed(`${this.#path}: there is no setting ${unknown}.`);
  }

  wrong(name: string, wanted: string): CommandFailed {
    return new CommandFailed(`${this.#path}: ${name} must be ${wanted}.`);
  }

  #take(name: string): unknown {
    this.#taken.add(name);
    return this.#values[name];
  }
}
