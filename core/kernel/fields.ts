// Owns the payload fields of lifecycle tables: each builder gives a protobuf type, a field number and a
// TypeScript type.

/** One payload field. `Value` exists for the compiler only. */
export interface Field<Value, Optional extends boolean = boolean> {
  readonly number: number;
  readonly type: 'string' | 'bytes' | 'uint64' | 'bool' | 'map' | 'record';
  readonly repeated: boolean;
  readonly optional: Optional;
  /** For `record`: its fields. */
  readonly fields?: Fields;
  readonly value?: Value;
}

export type Fields = { readonly [name: string]: Field<unknown> };

type OptionalNames<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, true> ? K : never;
}[keyof F];

type ValueOf<F> = F extends Field<infer Value, boolean> ? Value : never;

/** The TypeScript shape of a set of fields. */
export type DataOf<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[K]>;
} & { readonly [K in OptionalNames<F>]?: ValueOf<F[K]> };

const field = <Value>(
  type: Field<Value>['type'],
  number: number,
  more?: { repeated?: boolean; fields?: Fields },
): Field<Value, false> => ({
  number,
  type,
  repeated: more?.repeated ?? false,
  optional: false,
  ...(more?.fields && { fields: more.fields }),
});

/** UTF-8 text. */
export const text = (number: number) => field<string>('string', number);
export const bytes = (number: number) => field<Uint8Array>('bytes', number);
/** A whole number from 0 to 2^53 - 1. */
export const uint = (number: number) => field<number>('uint64', number);
export const flag = (number: number) => field<boolean>('bool', number);
/** Text by text. */
export const textMap = (number: number) => field<Readonly<Record<string, string>>>('map', number);
export const record = <F extends Fields>(number: number, fields: F) =>
  field<DataOf<F>>('record', number, { fields });
export const list = <F extends Fields>(number: number, fields: F) =>
  field<readonly DataOf<F>[]>('record', number, { repeated: true, fields });
export const texts = (number: number) => field<readonly string[]>('string', number, { repeated: true });

/** The field may be absent, and absent differs from empty. */
export function optional<Value>(of: Field<Value, false>): Field<Value, true> {
  return { ...of, optional: true };
}
