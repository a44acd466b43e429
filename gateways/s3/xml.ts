// Owns the XML that S3 speaks: a writer made for listings of 1,000 keys, and a strict reader of request
// documents. Guarantee: whatever text goes in comes out of an XML parser unchanged (or, for the control
// characters that XML 1.0 has no form for, as the character references that S3 writes); no document can make
// the reader expand, recurse or grow.

import { SaxesParser } from 'saxes';
import { limits } from '#core/kernel/limits.ts';
import { escapeXml } from '#gateways/edge/xml-text.ts';
import { S3Error } from './errors.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Writes one document from front to back. */
export class XmlWriter {
  #text: string;
  readonly #root: string;

  constructor(root: string, namespace: string = S3_NAMESPACE) {
    this.#root = root;
    this.#text = namespace ? `${DECLARATION}<${root} xmlns="${namespace}">` : `${DECLARATION}<${root}>`;
  }

  open(name: string): this {
    this.#text += `<${name}>`;
    return this;
  }

  close(name: string): this {
    this.#text += `</${name}>`;
    return this;
  }

  /** An element with text. */
  element(name: string, text: string): this {
    this.#text += `<${name}>${escapeXml(text)}</${name}>`;
    return this;
  }

  /** An element whose text cannot need escaping: numbers, flags, dates, our own words. */
  plain(name: string, text: string | number | boolean): this {
    this.#text += `<${name}>${text}</${name}>`;
    return this;
  }

  /** An element, where there is a text for it. */
  optional(name: string, text: string | undefined): this {
    return text === undefined ? this : this.element(name, text);
  }

  /** Text directly inside the element that is open. */
  text(text: string): this {
    this.#text += escapeXml(text);
    return this;
  }

  /** What `fragment` of another writer gave. */
  raw(xml: string): this {
    this.#text += xml;
    return this;
  }

  /** What was written since the last time, to be sent before the rest. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }

  /** The root element alone. */
  fragment(): string {
    return this.document().slice(DECLARATION.length);
  }

  /** To its end. */
  document(): string {
    return `${this.#text}</${this.#root}>`;
  }
}

/** An element of a document that was read. */
export class XmlElement {
  readonly name: string;
  readonly children: XmlElement[] = [];
  /** Character data directly inside it. */
  text = '';

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Its children must be among `names`, none twice but those in `repeated`; no text beside them.
   * @throws S3Error MalformedXML
   */
  expect(names: readonly string[], repeated: readonly string[] = []): this {
    const seen = new Set<string>();
    for (const { name } of this.children) {
      const once = names.includes(name);
      if (!once && !repeated.includes(name)) throw malformed();
      if (once && seen.has(name)) throw malformed();
      seen.add(name);
    }
    if (this.children.length > 0 && this.text.trim() !== '') throw malformed();
    return this;
  }

  child(name: string): XmlElement | undefined {
    return this.children.find((child) => child.name === name);
  }

  /** The text of a child without children of its own. @throws S3Error MalformedXML */
  textOf(name: string): string | undefined {
    const child = this.child(name);
    if (child && child.children.length > 0) throw malformed();
    return child?.text;
  }

  /** Those of all children of that name. @throws S3Error MalformedXML */
  textsOf(name: string): readonly string[] {
    const found = this.children.filter((child) => child.name === name);
    if (found.some((child) => child.children.length > 0)) throw malformed();
    return found.map(({ text }) => text);
  }
}

export function malformed(): S3Error {
  return new S3Error('MalformedXML');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a document whose root is `root`, of S3's namespace or none.
 * @throws S3Error MalformedXML: not well-formed, not UTF-8, of another root, too deep, or with a document
 * type.
 */
export function readXml(bytes: Uint8Array, root: string): XmlElement {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const open: XmlElement[] = [];
  let top: XmlElement | undefined;
  const refuse = () => {
    throw malformed();
  };
  parser.on('error', refuse);
  // Entities can be declared in a document type only; without it there is nothing to expand.
  parser.on('doctype', refuse);
  parser.on('opentag', (tag) => {
    if (open.length >= limits.s3XmlDepth) throw malformed();
    if (tag.uri !== '' && tag.uri !== S3_NAMESPACE) throw malformed();
    const element = new XmlElement(tag.local);
    open.at(-1)?.children.push(element);
    top ??= element;
    open.push(element);
  });
  parser.on('closetag', () => {
    open.pop();
  });
  const addText = (text: string) => {
    const element = open.at(-1);
    if (element) element.text += text;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  try {
    parser.write(utf8.decode(bytes)).close();
  } catch {
    throw malformed();
  }
  if (top?.name !== root) throw malformed();
  return top;
}

const UNRESERVED = /^[A-Za-z0-9\-._~/*]*$/;

/** As `encoding-type=url` has it: UTF-8, percent-encoded, a space as `+`, slashes as they are. */
export function urlEncoded(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text).replace(/%20|%2F|[!'()]/g, (found) => {
    if (found === '%20') return '+';
    if (found === '%2F') return '/';
    return `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}
