// Owns how an account is shown in documents.

import { XmlWriter } from '../xml.ts';

/** `<name>` with the account's canonical id and display name. */
export function ownerFragment(
  name: 'Owner' | 'Initiator',
  owner: { readonly canonicalId: string; readonly displayName: string },
): string {
  return new XmlWriter(name, '')
    .element('ID', owner.canonicalId)
    .element('DisplayName', owner.displayName)
    .fragment();
}
