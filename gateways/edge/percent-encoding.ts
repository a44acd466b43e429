// Owns percent-encoding (RFC 3986, section 2): decoding to bytes and the one canonical way to write them
// again. Strings here hold one byte per character, as node:http hands out request targets.

const UNRESERVED = /^[A-Za-z0-9\-._~]*$/;
const UNRESERVED_OR_SLASH = /^[A-Za-z0-9\-._~/]*$/;

const HEX_VALUES = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  HEX_VALUES[digit.charCodeAt(0)] = value;
  HEX_VALUES[digit.toUpperCase().charCodeAt(0)] = value;
}

const ENCODED = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

const STANDS_FOR_ITSELF = Uint8Array.from(ENCODED, (text) => (text.length === 1 ? 1 : 0));

export interface EncodingRules {
  /** Slashes stand for themselves. */
  readonly keepSlash: boolean;
  /** `+` stands for a space. */
  readonly plusIsSpace: boolean;
}

const SLASH = 0x2f;
const PLUS = 0x2b;
const PERCENT = 0x25;

/**
 * `raw` decoded and encoded again, upper-case, everything but unreserved characters; undefined where
 * malformed.
 */
export function canonicalEncoding(raw: string, rules: EncodingRules): string | undefined {
  if ((rules.keepSlash ? UNRESERVED_OR_SLASH : UNRESERVED).test(raw)) return raw;
  let encoded = '';
  let copied = 0;
  for (let index = 0; index < raw.length; index++) {
    let byte = raw.charCodeAt(index);
    if (STANDS_FOR_ITSELF[byte] === 1) continue;
    encoded += raw.slice(copied, index);
    if (byte === PERCENT) {
      byte = escapedByte(raw, index);
      if (byte < 0) return undefined;
      index += 2;
    } else if (byte > 0xff) {
      return undefined;
    } else if (byte === PLUS && rules.plusIsSpace) {
      byte = 0x20;
    }
    encoded += byte === SLASH && rules.keepSlash ? '/' : ENCODED[byte];
    copied = index + 1;
  }
  return encoded + raw.slice(copied);
}

const HIGH_BYTES = /[\x80-\xff]/g;
const NO_BYTE = /[\u0100-\uffff]/;

/** `raw` decoded; undefined where an escape is malformed or the bytes are not UTF-8. */
export function percentDecode(raw: string, plusIsSpace: boolean): string | undefined {
  if (UNRESERVED_OR_SLASH.test(raw)) return raw;
  if (NO_BYTE.test(raw)) return undefined;
  const spaced = plusIsSpace ? raw.replaceAll('+', ' ') : raw;
  try {
    return decodeURIComponent(spaced.replace(HIGH_BYTES, (byte) => ENCODED[byte.charCodeAt(0)] as string));
  } catch {
    return undefined;
  }
}

/** The byte of the escape at `index`; negative where it is none. */
function escapedByte(raw: string, index: number): number {
  const high = HEX_VALUES[raw.charCodeAt(index + 1)] ?? -1;
  const low = HEX_VALUES[raw.charCodeAt(index + 2)] ?? -1;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}
