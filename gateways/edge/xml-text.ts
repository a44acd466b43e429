// Owns text in XML. Guarantee: whatever goes in comes out of an XML parser unchanged (or, for the control
// characters that XML 1.0 has no form for, as character references).

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that need a reference
const SPECIAL = /[&<>"'\u0000-\u0008\u000b-\u001f\u007f\ufffe\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const SPECIALS = /[&<>"'\u0000-\u0008\u000b-\u001f\u007f\ufffe\uffff]/g;
const NAMED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(
    SPECIALS,
    (character) => NAMED[character] ?? `&#x${character.charCodeAt(0).toString(16)};`,
  );
}
