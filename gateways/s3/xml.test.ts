// Owns the proof that text survives the writer, and that no document hurts the reader.

import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { S3Error } from './errors.ts';
import { readXml, S3_NAMESPACE, urlEncoded, XmlWriter } from './xml.ts';

const read = (text: string, root = 'Root') => readXml(Buffer.from(text), root);

test('any text that XML can carry comes back from a parser', (t) => {
  const carried = (text: string) =>
    [...text].every((character) => {
      const code = character.codePointAt(0) ?? 0;
      return code >= 0x20 ? code !== 0xfffe && code !== 0xffff : [0x9, 0xa, 0xd].includes(code);
    });
  const texts = fc.string({ unit: 'binary', maxLength: 60 }).filter(carried);
  fc.assert(
    fc.property(texts, (text) => {
      const written = new XmlWriter('Root').element('Key', text).document();
      return read(written).textOf('Key') === text;
    }),
  );
  t.is(
    read(new XmlWriter('Root').element('Key', '<&>"\'\r\n\t]]>').document()).textOf('Key'),
    '<&>"\'\r\n\t]]>',
  );
});

test('control characters become the references that S3 writes', (t) => {
  t.true(
    new XmlWriter('R').element('Key', 'a\u0001b\u0000c\uffff').document().includes('a&#x1;b&#x0;c&#xffff;'),
  );
});

test('url encoding keeps slashes, and any text comes back from it', (t) => {
  t.is(urlEncoded('test_file(3).png'), 'test_file%283%29.png');
  t.is(urlEncoded("a b+c/d'!*~é\u0001"), 'a+b%2Bc/d%27%21*~%C3%A9%01');
  const texts = fc.string({ unit: 'binary', maxLength: 60 });
  fc.assert(
    fc.property(texts, (text) => decodeURIComponent(urlEncoded(text).replaceAll('+', '%20')) === text),
  );
});

test('a document is read with or without its namespace, prefix or declaration', (t) => {
  for (const text of [
    '<Root><A>x</A></Root>',
    `<?xml version="1.0" encoding="UTF-8"?><Root xmlns="${S3_NAMESPACE}"><A>x</A></Root>`,
    `<s:Root xmlns:s="${S3_NAMESPACE}">\n  <s:A>x</s:A>\n</s:Root>`,
    '\ufeff<Root><A><![CDATA[x]]></A><!-- note --></Root>',
  ]) {
    t.is(read(text).expect(['A']).textOf('A'), 'x', text);
  }
});

const bombs: Readonly<Record<string, string>> = {
  'not well-formed': '<Root><A></Root>',
  'two roots': '<Root/><Root/>',
  'no root': '',
  'another root': '<Toor/>',
  'another namespace': '<Root xmlns="urn:x"/>',
  'a document type': '<!DOCTYPE Root><Root/>',
  'an entity bomb': '<!DOCTYPE Root [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Root>&b;</Root>',
  'an outside entity': '<!DOCTYPE Root [<!ENTITY x SYSTEM "file:///etc/passwd">]><Root>&x;</Root>',
  'an unknown entity': '<Root>&nbsp;</Root>',
  'too deep': `${'<Root>'.repeat(limits.s3XmlDepth + 1)}${'</Root>'.repeat(limits.s3XmlDepth + 1)}`,
  'a character that may not be': '<Root>\u0001</Root>',
  'an unbound prefix': '<s:Root/>',
};

for (const [what, text] of Object.entries(bombs)) {
  test(`refused as MalformedXML: ${what}`, (t) => {
    t.is(t.throws(() => read(text), { instanceOf: S3Error })?.code, 'MalformedXML');
  });
}

test('what is not UTF-8 is refused', (t) => {
  const text = Buffer.concat([Buffer.from('<Root>'), Buffer.from([0xff]), Buffer.from('</Root>')]);
  t.throws(() => readXml(text, 'Root'), { instanceOf: S3Error });
});

test('no document makes the reader throw anything but MalformedXML', (t) => {
  const pieces = fc.constantFrom(
    '<Root>',
    '</Root>',
    '<A>',
    '</A>',
    '&amp;',
    '&x;',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    'x',
    '<',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      try {
        read(parts.join(''));
      } catch (error) {
        return error instanceof S3Error && error.code === 'MalformedXML';
      }
      return true;
    }),
  );
  t.pass();
});

test('children that are unknown, doubled or mixed with text are refused', (t) => {
  for (const text of ['<Root><B/></Root>', '<Root><A/><A/></Root>', '<Root>x<A/></Root>']) {
    t.throws(() => read(text).expect(['A']), { instanceOf: S3Error }, text);
  }
  t.is(read('<Root><A/><A/></Root>').expect([], ['A']).children.length, 2);
  t.throws(() => read('<Root><A><B/></A></Root>').textOf('A'), { instanceOf: S3Error });
});
